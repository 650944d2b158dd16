package inspection

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/testkit"
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

// world is one namespace with a reconciler that is called directly, and a clock that stands still until it is moved.
type world struct {
	t         *testing.T
	client    client.WithWatch
	namespace string
	clock     *clocktesting.FakePassiveClock
	events    *events.FakeRecorder
}

func newWorld(t *testing.T) *world {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.NewWithWatch(realAPI, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "w-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	// The API server's clock sets creation times; the tests' clock is ahead of it, so that nothing is from the future.
	return &world{
		t: t, client: c, namespace: namespace.Name, clock: clocktesting.NewFakePassiveClock(time.Now().Add(time.Minute).Truncate(time.Second)),
		events: events.NewFakeRecorder(100),
	}
}

// account makes the default ServiceAccount; with everything set it may read the whole cluster, else its namespace.
func (w *world) account(everything bool) {
	w.t.Helper()
	w.create(&corev1.ServiceAccount{ObjectMeta: w.meta(v1alpha1.DefaultServiceAccountName)})
	rules := []rbacv1.PolicyRule{{
		APIGroups: []string{"", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "discovery.k8s.io"},
		Resources: []string{
			"pods", "services", "configmaps", "events", "serviceaccounts", "persistentvolumeclaims", "resourcequotas", "replicationcontrollers",
			"deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "horizontalpodautoscalers",
			"poddisruptionbudgets", "ingresses", "endpointslices",
		},
		Verbs: []string{"get", "list"},
	}}
	subjects := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.namespace, Name: v1alpha1.DefaultServiceAccountName}}
	if everything {
		w.create(&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: w.namespace}, Subjects: subjects,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		})
		return
	}
	w.create(&rbacv1.Role{ObjectMeta: w.meta("reader"), Rules: rules})
	w.create(&rbacv1.RoleBinding{
		ObjectMeta: w.meta("reader"), Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
	})
}

func (w *world) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.namespace, Name: name}
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	if err := w.client.Create(w.t.Context(), object); err != nil {
		w.t.Fatal(err)
	}
}

// inspection makes an Inspection named i of this namespace's objects alone, so that tests do not see each other's.
func (w *world) inspection(spec v1alpha1.InspectionSpec) {
	w.t.Helper()
	if spec.Namespaces == nil {
		spec.Namespaces = []string{w.namespace}
	}
	if spec.Thresholds == nil {
		spec.Thresholds = &v1alpha1.Thresholds{StartupGrace: &metav1.Duration{}}
	}
	w.create(&v1alpha1.Inspection{ObjectMeta: w.meta("i"), Spec: spec})
}

// lostService makes a Service whose selector matches nothing: one certain finding.
func (w *world) lostService(name string) {
	w.create(&corev1.Service{ObjectMeta: w.meta(name), Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "nobody-" + name}, Ports: []corev1.ServicePort{{Port: 80}},
	}})
}

// reconciler is a new one each time, as after a restart; with may change it.
func (w *world) reconciler(with ...func(*Reconciler)) *Reconciler {
	w.t.Helper()
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		w.t.Fatal(err)
	}
	r := &Reconciler{
		Client: w.client, Reader: w.client, Config: realAPI, Clock: w.clock, Events: w.events, Metrics: metrics,
		Checks: checks.Builtin(), Inspect: inspect.Run,
	}
	for _, change := range with {
		change(r)
	}
	return r
}

// reconcile runs a reconciler once. A panic is what a crash of the process is: it ends the turn, nothing more.
func (w *world) reconcile(r *Reconciler) (result ctrl.Result, err error) {
	defer func() {
		if crash := recover(); crash != nil {
			err = fmt.Errorf("crashed: %v", crash)
		}
	}()
	return r.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.namespace, Name: "i"}})
}

// settle reconciles until nothing more is due at this time.
func (w *world) settle(r *Reconciler) ctrl.Result {
	w.t.Helper()
	for range 10 {
		result, err := w.reconcile(r)
		if err != nil {
			w.t.Fatal(err)
		}
		if result.RequeueAfter == 0 || result.RequeueAfter > time.Millisecond {
			return result
		}
	}
	w.t.Fatal("the reconciler never comes to rest")
	return ctrl.Result{}
}

func (w *world) get() *v1alpha1.Inspection {
	w.t.Helper()
	i := &v1alpha1.Inspection{}
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "i"}, i); err != nil {
		w.t.Fatal(err)
	}
	return i
}

// change updates the Inspection.
func (w *world) change(how func(*v1alpha1.Inspection)) {
	w.t.Helper()
	i := w.get()
	how(i)
	if err := w.client.Update(w.t.Context(), i); err != nil {
		w.t.Fatal(err)
	}
}

// request asks for a run by the annotation.
func (w *world) request(value string) {
	w.t.Helper()
	w.change(func(i *v1alpha1.Inspection) {
		i.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: value}
	})
}

// crashing makes a reconciler whose engine ends the process.
func crashing(r *Reconciler) {
	r.Inspect = func(context.Context, inspect.Input) (*inspect.Result, error) { panic("the process is gone") }
}

func (w *world) reports() []v1alpha1.InspectionReport {
	w.t.Helper()
	list := &v1alpha1.InspectionReportList{}
	if err := w.client.List(context.WithoutCancel(w.t.Context()), list, client.InNamespace(w.namespace)); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}
