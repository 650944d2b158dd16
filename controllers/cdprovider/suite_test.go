package cdprovider

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
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testsuite.Run(m, &realAPI))
}

// world is a namespace with a CDProvider named p and its reconciler.
type world struct {
	*tenant.Tenant
	t *testing.T
	r *kind.Reconciler[*v1alpha1.CDProvider]
}

func newWorld(t *testing.T, pool *plugin.Pool) *world {
	t.Helper()
	w := &world{Tenant: tenant.New(t, realAPI), t: t}
	env := testsuite.NewEnvironment(t, w.Tenant, prometheus.NewRegistry())
	env.Backends.Plugins = pool
	w.r = New(env, testsuite.Steady())
	w.Account()
	return w
}

// provider creates the CDProvider for a server and the Secret with its token.
func (w *world) provider(url, token string, with ...func(*v1alpha1.CDProviderSpec)) {
	w.t.Helper()
	w.Secret("login", "token", token)
	w.Grant("login")
	p := &v1alpha1.CDProvider{ObjectMeta: w.Meta("p"), Spec: specFor(url)}
	for _, change := range with {
		change(&p.Spec)
	}
	w.Create(p)
}

func specFor(url string) v1alpha1.CDProviderSpec {
	return v1alpha1.CDProviderSpec{
		Type:   v1alpha1.CDProviderArgoCD,
		ArgoCD: &v1alpha1.ArgoCDServer{URL: url, TokenRef: v1alpha1.SecretKeyReference{Name: "login", Key: "token"}},
	}
}

// reconcile once, and return the object and when the next reconcile is due.
func (w *world) reconcile() (*v1alpha1.CDProvider, time.Duration) {
	w.t.Helper()
	p := &v1alpha1.CDProvider{}
	if err := w.Client.Get(w.t.Context(), w.Key("p"), p); err != nil {
		w.t.Fatal(err)
	}
	after := testsuite.MustReconcile(w.t, w.r, w.Tenant, p)
	return p, after
}

func ready(p *v1alpha1.CDProvider) metav1.Condition {
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return *c
	}
	return metav1.Condition{}
}
