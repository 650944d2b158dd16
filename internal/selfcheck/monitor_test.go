package selfcheck

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/serverclock"
	"kubeops.io/kubeops/internal/testkit"
)

// TestTheInstallationIsExamined has a real API server.
func TestTheInstallationIsExamined(t *testing.T) {
	config := testkit.APIServer(t)
	t.Run("CRDs that are older than the manager are said once, and so is their upgrade", func(t *testing.T) { testOlderCRDs(t, config) })
	t.Run("another manager that leads is said once", func(t *testing.T) { testAnotherManager(t, config) })
	t.Run("a manager of single namespaces does not list Leases", func(t *testing.T) {
		w := newWorld(t, config)
		w.Single = true
		w.Reader = nil // a request would panic
		w.examine(t.Context())
		if len(w.logged) > 0 {
			t.Errorf("logged %q", w.logged)
		}
	})
}

// world is a monitor, what it logged, and an administrator.
type world struct {
	*Monitor
	t      *testing.T
	admin  client.Client
	logged []string
}

func newWorld(t *testing.T, config *rest.Config) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	admin, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	schemas, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := serverclock.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, admin: admin}
	w.Monitor = &Monitor{
		Schemas: schemas.RESTClient(), Reader: admin, Server: server, Namespace: "kubeops-system", Clock: clock.RealClock{},
		Logger: funcr.New(func(_, text string) { w.logged = append(w.logged, text) }, funcr.Options{}),
	}
	if err := w.Register(prometheus.NewRegistry()); err != nil {
		t.Fatal(err)
	}
	return w
}

// eventually examines until a gauge has a value: an API server publishes schemas a moment after they have changed.
func (w *world) eventually(gauge prometheus.Gauge, value float64) {
	w.t.Helper()
	err := wait.PollUntilContextTimeout(w.t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		w.examine(ctx)
		return testutil.ToFloat64(gauge) == value, nil
	})
	if err != nil {
		w.t.Fatalf("the gauge is %v, not %v; logged: %q", testutil.ToFloat64(gauge), value, w.logged)
	}
}

func (w *world) taken() (logged []string) {
	logged, w.logged = w.logged, nil
	return logged
}

func testOlderCRDs(t *testing.T, config *rest.Config) {
	t.Helper()
	w := newWorld(t, config)
	w.examine(t.Context())
	w.eventually(w.crds, 0)
	if logged := w.taken(); len(logged) > 0 {
		t.Fatalf("with the CRDs of the manager: %q", logged)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	key := client.ObjectKey{Name: "notificationchannels.kubeops.io"}
	if err := w.admin.Get(t.Context(), key, crd); err != nil {
		t.Fatal(err)
	}
	current := crd.DeepCopy()
	spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	delete(spec.Properties, "suspend")
	crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"] = spec
	if err := w.admin.Update(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	w.eventually(w.crds, 1)
	w.examine(t.Context())
	if logged := w.taken(); len(logged) != 1 || !strings.Contains(logged[0], "older than this manager") ||
		!strings.Contains(logged[0], "notificationchannels.kubeops.io lacks spec.suspend") || !strings.Contains(logged[0], "config/crd") {
		t.Errorf("with an older CRD: %q", logged)
	}
	current.ResourceVersion = crd.ResourceVersion
	if err := w.admin.Update(t.Context(), current); err != nil {
		t.Fatal(err)
	}
	w.eventually(w.crds, 0)
	if logged := w.taken(); len(logged) != 1 || !strings.Contains(logged[0], "is fixed") {
		t.Errorf("after the upgrade: %q", logged)
	}
}

func testAnotherManager(t *testing.T, config *rest.Config) {
	t.Helper()
	lease := func(namespace string, renewed time.Duration) *coordinationv1.Lease {
		return &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: v1alpha1.LeaderElectionLease},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity: ptr.To("pod-" + namespace), LeaseDurationSeconds: ptr.To[int32](15),
				RenewTime: ptr.To(metav1.NewMicroTime(time.Now().Add(renewed))),
			},
		}
	}
	w := newWorld(t, config)
	for _, namespace := range []string{"kubeops-system", "second"} {
		if err := w.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
			t.Fatal(err)
		}
	}
	unrelated := lease("second", 0)
	unrelated.Name = "another-operator"
	for _, one := range []*coordinationv1.Lease{lease("kubeops-system", 0), unrelated} {
		if err := w.admin.Create(t.Context(), one); err != nil {
			t.Fatal(err)
		}
	}
	w.examine(t.Context())
	if got := testutil.ToFloat64(w.managers); got != 0 || len(w.logged) > 0 {
		t.Fatalf("alone: %v managers, logged %q", got, w.logged)
	}
	if err := w.admin.Create(t.Context(), lease("second", 0)); err != nil {
		t.Fatal(err)
	}
	w.examine(t.Context())
	w.examine(t.Context())
	logged := w.taken()
	if got := testutil.ToFloat64(w.managers); got != 1 || len(logged) != 1 ||
		!strings.Contains(logged[0], "Lease second/kubeops-manager.kubeops.io of pod-second") {
		t.Errorf("%v managers, logged %q", got, logged)
	}
	if err := w.admin.Delete(t.Context(), lease("second", 0)); err != nil {
		t.Fatal(err)
	}
	w.examine(t.Context())
	if logged := w.taken(); testutil.ToFloat64(w.managers) != 0 || len(logged) != 1 || !strings.Contains(logged[0], "is fixed") {
		t.Errorf("after it is gone: %q", logged)
	}
}

func TestLeasesThatNoOneRenewsAreOfNoManager(t *testing.T) {
	now := time.Now()
	held := func(change func(*coordinationv1.Lease)) *coordinationv1.Lease {
		lease := &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("a"), LeaseDurationSeconds: ptr.To[int32](15), RenewTime: ptr.To(metav1.NewMicroTime(now)),
		}}
		change(lease)
		return lease
	}
	for name, tc := range map[string]struct {
		lease *coordinationv1.Lease
		want  bool
	}{
		"held":            {held(func(*coordinationv1.Lease) {}), true},
		"released":        {held(func(l *coordinationv1.Lease) { l.Spec.HolderIdentity = ptr.To("") }), false},
		"never renewed":   {held(func(l *coordinationv1.Lease) { l.Spec.RenewTime = nil }), false},
		"expired":         {held(func(l *coordinationv1.Lease) { l.Spec.RenewTime = ptr.To(metav1.NewMicroTime(now.Add(-time.Minute))) }), false},
		"a holder behind": {held(behind(now)), true},
	} {
		if got := Leads(tc.lease, now); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// behind is a holder whose clock is an hour behind: the API server wrote the Lease now.
func behind(now time.Time) func(*coordinationv1.Lease) {
	return func(l *coordinationv1.Lease) {
		l.Spec.RenewTime = ptr.To(metav1.NewMicroTime(now.Add(-time.Hour)))
		l.ManagedFields = []metav1.ManagedFieldsEntry{{Time: ptr.To(metav1.NewTime(now))}}
	}
}
