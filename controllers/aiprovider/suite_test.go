package aiprovider

import (
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/testkit/models"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testsuite.Run(m, &realAPI))
}

// world is a namespace with an AIProvider named p and its reconciler.
type world struct {
	*tenant.Tenant
	t *testing.T
	r *kind.Reconciler[*v1alpha1.AIProvider]
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
	types, err := builtin.Models()
	if err != nil {
		w.t.Fatal(err)
	}
	env := testsuite.NewEnvironment(w.t, w.Tenant, prometheus.NewRegistry())
	env.Backends.ModelTypes = types
	w.r = New(env, testsuite.Steady())
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

// reconcile once, and return the object and when the next reconcile is due.
func (w *world) reconcile() (*v1alpha1.AIProvider, time.Duration) {
	w.t.Helper()
	object := w.get()
	after := testsuite.MustReconcile(w.t, w.r, w.Tenant, object)
	return object, after
}

func ready(p *v1alpha1.AIProvider) metav1.Condition {
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return *c
	}
	return metav1.Condition{}
}
