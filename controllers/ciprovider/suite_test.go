package ciprovider

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
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testsuite.Run(m, &realAPI))
}

// world is a namespace with a CIProvider named p and its reconciler.
type world struct {
	*tenant.Tenant
	t *testing.T
	r *kind.Reconciler[*v1alpha1.CIProvider]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Tenant: tenant.New(t, realAPI), t: t}
	types, err := builtin.BuildServers()
	if err != nil {
		t.Fatal(err)
	}
	env := testsuite.NewEnvironment(t, w.Tenant, prometheus.NewRegistry())
	env.Backends.BuildTypes = types
	w.r = New(env, testsuite.Steady())
	w.Account()
	return w
}

// provider creates the CIProvider for a server and the Secret with its credentials.
func (w *world) provider(url, user, token string, with ...func(*v1alpha1.CIProviderSpec)) {
	w.t.Helper()
	w.Secret("login", "username", user, "token", token)
	w.Grant("login")
	p := &v1alpha1.CIProvider{ObjectMeta: w.Meta("p"), Spec: specFor(url)}
	for _, change := range with {
		change(&p.Spec)
	}
	w.Create(p)
}

func specFor(url string) v1alpha1.CIProviderSpec {
	return v1alpha1.CIProviderSpec{
		Type:    v1alpha1.CIProviderJenkins,
		Jenkins: &v1alpha1.JenkinsServer{URL: url, SecretRef: v1alpha1.SecretReference{Name: "login"}},
	}
}

// reconcile once, and return the object and when the next reconcile is due.
func (w *world) reconcile() (*v1alpha1.CIProvider, time.Duration) {
	w.t.Helper()
	p := &v1alpha1.CIProvider{}
	if err := w.Client.Get(w.t.Context(), w.Key("p"), p); err != nil {
		w.t.Fatal(err)
	}
	after := testsuite.MustReconcile(w.t, w.r, w.Tenant, p)
	return p, after
}

func ready(p *v1alpha1.CIProvider) metav1.Condition {
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return *c
	}
	return metav1.Condition{}
}
