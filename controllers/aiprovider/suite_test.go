package aiprovider

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/models"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	config, stop, err := testkit.StartAPIServer()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	realAPI = config
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
		return 1
	}
	return code
}

// world is a namespace with an AIProvider named p and its reconciler.
type world struct {
	*tenant.Tenant
	t *testing.T
	r *Reconciler
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Tenant: tenant.New(t, realAPI), t: t}
	w.restart()
	return w
}

// restart makes a new reconciler, as a new process does.
func (w *world) restart() {
	w.t.Helper()
	shown, err := backend.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		w.t.Fatal(err)
	}
	types, err := builtin.Models()
	if err != nil {
		w.t.Fatal(err)
	}
	w.r = &Reconciler{
		Keeper: backend.Keeper{
			Kind: "AIProvider", Client: w.Client, Reader: w.Client, Clock: w.Clock, Events: w.Events, Metrics: shown,
			Cadence: backend.NewCadence(func() float64 { return 0 }), DataSources: &backend.DataSources{Config: realAPI},
		},
		Backends: &backends.Resolver{
			Secrets: &secretref.Source{Reader: w.Client, Config: realAPI}, ModelTypes: types, Egress: provider.Egress{AllowLoopback: true},
			Meters: &backends.Meters{Client: w.Client, Clock: w.Clock},
		},
	}
}

// key makes the Secret with the API key, and lets the ServiceAccount read it.
func (w *world) key() {
	w.t.Helper()
	w.Account()
	w.Secret("ai", "key", models.Key)
	w.Grant("ai")
}

func openAIAt(url string) v1alpha1.AIProviderSpec {
	return v1alpha1.AIProviderSpec{
		Type: v1alpha1.AIProviderOpenAI, Model: models.Name,
		OpenAI: &v1alpha1.OpenAIServer{URL: url, APIKey: &v1alpha1.SecretKeyReference{Name: "ai", Key: "key"}},
	}
}

func (w *world) provider(spec v1alpha1.AIProviderSpec, with ...func(*v1alpha1.AIProviderSpec)) {
	w.t.Helper()
	p := &v1alpha1.AIProvider{ObjectMeta: w.Meta("p"), Spec: spec}
	for _, change := range with {
		change(&p.Spec)
	}
	w.Create(p)
}

func (w *world) get() *v1alpha1.AIProvider {
	w.t.Helper()
	p := &v1alpha1.AIProvider{}
	if err := w.Client.Get(w.t.Context(), w.Key("p"), p); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// turn reconciles once, checks the rules for every status, and returns it and when the next turn is.
func (w *world) turn() (*v1alpha1.AIProvider, time.Duration) {
	w.t.Helper()
	result, err := w.r.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: w.Key("p")})
	if err != nil {
		w.t.Fatal(err)
	}
	p := w.get()
	if found := outcome.Violations(p.Generation, p.Status.ObservedGeneration, p.Status.Conditions); len(found) > 0 {
		w.t.Errorf("the status breaks the rules: %q", found)
	}
	return p, result.RequeueAfter
}

func ready(p *v1alpha1.AIProvider) metav1.Condition {
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return *c
	}
	return metav1.Condition{}
}
