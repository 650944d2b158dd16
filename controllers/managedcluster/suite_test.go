package managedcluster

import (
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the API server that the manager runs in, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testsuite.Run(m, &realAPI))
}

// world is a namespace with a ManagedCluster named c and its reconcilers.
type world struct {
	*tenant.Tenant
	t         *testing.T
	env       *environment.Environment
	r         *kind.Reconciler[*v1alpha1.ManagedCluster]
	inventory *kind.Auxiliary[*v1alpha1.ManagedCluster]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	n := tenant.New(t, realAPI)
	n.Account()
	n.Grant("kubeconfig")
	env := testsuite.NewEnvironment(t, n, prometheus.NewRegistry())
	return &world{Tenant: n, t: t, env: env, r: New(env, testsuite.Steady()), inventory: NewInventory(env)}
}

// kubeconfig is the Secret that the ManagedCluster refers to.
func (w *world) kubeconfig(content []byte) {
	w.t.Helper()
	w.Secret("kubeconfig", "value", string(content))
}

// cluster makes the ManagedCluster.
func (w *world) cluster(change func(*v1alpha1.ManagedClusterSpec)) {
	w.t.Helper()
	c := &v1alpha1.ManagedCluster{ObjectMeta: w.Meta("c"), Spec: v1alpha1.ManagedClusterSpec{
		Kubeconfig: &v1alpha1.KubeconfigReference{SecretReference: v1alpha1.SecretReference{Name: "kubeconfig"}},
		Timeout:    &metav1.Duration{Duration: 2 * time.Second},
	}}
	if change != nil {
		change(&c.Spec)
	}
	w.Create(c)
}

// change the spec.
func (w *world) change(change func(*v1alpha1.ManagedClusterSpec)) {
	w.t.Helper()
	c := w.get()
	change(&c.Spec)
	w.Update(c)
}

func (w *world) get() *v1alpha1.ManagedCluster {
	w.t.Helper()
	c := &v1alpha1.ManagedCluster{}
	if err := w.Client.Get(w.t.Context(), w.Key("c"), c); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// probe reconciles once, whatever comes of it, and returns the object.
func (w *world) probe() *v1alpha1.ManagedCluster {
	w.t.Helper()
	c := &v1alpha1.ManagedCluster{ObjectMeta: w.Meta("c")}
	testsuite.MustReconcile(w.t, w.r, w.Tenant, c)
	return c
}

// read the inventory.
func (w *world) read() *v1alpha1.ManagedCluster {
	w.t.Helper()
	if _, err := testsuite.Reconcile(w.t, w.inventory, w.Key("c")); err != nil {
		w.t.Fatal(err)
	}
	return w.get()
}

// want checks conditions, each given as TYPE, STATUS, REASON.
func (w *world) want(c *v1alpha1.ManagedCluster, conditions ...[3]string) {
	w.t.Helper()
	for _, want := range conditions {
		got := meta.FindStatusCondition(c.Status.Conditions, want[0])
		if got == nil || string(got.Status) != want[1] || got.Reason != want[2] {
			w.t.Errorf("%s: got %+v, want %s (%s)", want[0], got, want[1], want[2])
		}
	}
}

func message(c *v1alpha1.ManagedCluster, condition string) string {
	if found := meta.FindStatusCondition(c.Status.Conditions, condition); found != nil {
		return found.Message
	}
	return ""
}

// accountOf is a configuration with the token of a new ServiceAccount of a cluster, which may do nothing.
func accountOf(t *testing.T, cluster *testkit.Cluster) *rest.Config {
	t.Helper()
	clientset, err := kubernetes.NewForConfig(cluster.Config)
	if err != nil {
		t.Fatal(err)
	}
	account, err := clientset.CoreV1().ServiceAccounts("default").Create(t.Context(),
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{GenerateName: "a-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return testkit.AsServiceAccount(t, cluster.Config, account.Namespace, account.Name)
}
