package testsuite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// Inspections is one namespace with an Inspection named i.
type Inspections struct {
	*tenant.Tenant
	t *testing.T
}

// NewInspections makes a namespace of its own on an API server.
func NewInspections(t *testing.T, config *rest.Config) *Inspections {
	t.Helper()
	return &Inspections{Tenant: tenant.New(t, config), t: t}
}

// Reader makes the default ServiceAccount. With everything set, it can read the whole cluster; otherwise it has the shipped role of
// inspections in its namespace.
func (w *Inspections) Reader(everything bool) {
	w.t.Helper()
	w.Account()
	if everything {
		w.Create(&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: w.Namespace}, Subjects: w.subjects(),
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		})
		w.AwaitPermission("", "", "pods", true)
		return
	}
	w.Role(w.Namespace, InspectorRules(w.t)...)
}

// Role grants rules to the default ServiceAccount in a namespace.
func (w *Inspections) Role(namespace string, rules ...rbacv1.PolicyRule) {
	w.t.Helper()
	meta := metav1.ObjectMeta{Namespace: namespace, Name: "reader-" + w.Namespace}
	w.Create(&rbacv1.Role{ObjectMeta: meta, Rules: rules})
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: meta, Subjects: w.subjects(), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: meta.Name},
	})
	last := rules[len(rules)-1]
	w.AwaitPermission(namespace, last.APIGroups[0], last.Resources[0], true)
}

// AwaitPermission waits until the API server has noticed that the default ServiceAccount can list a resource, or no longer can.
func (w *Inspections) AwaitPermission(namespace, group, resource string, allowed bool) {
	w.t.Helper()
	w.Eventually(func() error {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + w.Namespace + ":" + v1alpha1.DefaultServiceAccountName,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Group: group, Resource: resource, Verb: "list", Version: "*",
			},
		}}
		err := w.Client.Create(w.t.Context(), review)
		if err == nil && review.Status.Allowed != allowed {
			err = fmt.Errorf("listing %s in namespace %q: allowed is %v", resource, namespace, review.Status.Allowed)
		}
		return err
	})
}

func (w *Inspections) subjects() []rbacv1.Subject {
	return []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}}
}

// InspectorRules are those of ClusterRole kubeops-inspector as it ships.
func InspectorRules(t testing.TB) []rbacv1.PolicyRule {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	content, err := os.ReadFile(filepath.Join(filepath.Dir(file), "..", "..", "config", "rbac", "inspector_role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(content), "\n---") {
		role := &rbacv1.ClusterRole{}
		if err := yaml.Unmarshal([]byte(document), role); err != nil {
			t.Fatal(err)
		}
		if role.Name == "kubeops-inspector" {
			return role.Rules
		}
	}
	t.Fatal("config/rbac has no ClusterRole kubeops-inspector")
	return nil
}

// Inspection makes the Inspection, of this namespace's objects alone unless the spec names others, so that tests do not see
// each other's.
func (w *Inspections) Inspection(spec v1alpha1.InspectionSpec) {
	w.t.Helper()
	if spec.Namespaces == nil {
		spec.Namespaces = []string{w.Namespace}
	}
	if spec.Thresholds == nil {
		spec.Thresholds = &v1alpha1.Thresholds{StartupGrace: &metav1.Duration{}}
	}
	w.Create(&v1alpha1.Inspection{ObjectMeta: w.Meta("i"), Spec: spec})
}

// LostService makes a Service whose selector matches nothing: one certain finding.
func (w *Inspections) LostService(name string) {
	w.t.Helper()
	w.Create(&corev1.Service{ObjectMeta: w.Meta(name), Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": "none-" + name}, Ports: []corev1.ServicePort{{Port: 80}},
	}})
}

// Reconcile runs a reconciler once. A panic is what a crash of the process is: it ends the reconcile, nothing more.
func (w *Inspections) Reconcile(r reconcile.Reconciler) (result ctrl.Result, err error) {
	w.t.Helper()
	defer func() {
		if crash := recover(); crash != nil {
			err = fmt.Errorf("crashed: %v", crash)
		}
	}()
	return Reconcile(w.t, r, w.Key("i"))
}

// Settle reconciles until nothing more is due at this time.
func (w *Inspections) Settle(r reconcile.Reconciler) ctrl.Result {
	w.t.Helper()
	for range 10 {
		result, err := w.Reconcile(r)
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

// Get the Inspection.
func (w *Inspections) Get() *v1alpha1.Inspection {
	w.t.Helper()
	i := &v1alpha1.Inspection{}
	if err := w.Client.Get(w.t.Context(), w.Key("i"), i); err != nil {
		w.t.Fatal(err)
	}
	return i
}

// Change updates the Inspection.
func (w *Inspections) Change(how func(*v1alpha1.Inspection)) {
	w.t.Helper()
	i := w.Get()
	how(i)
	w.Update(i)
}

// Request asks for a run by the annotation.
func (w *Inspections) Request(value string) {
	w.t.Helper()
	w.Change(func(i *v1alpha1.Inspection) {
		i.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: value}
	})
}

// Reports of the namespace.
func (w *Inspections) Reports() []v1alpha1.InspectionReport {
	w.t.Helper()
	list := &v1alpha1.InspectionReportList{}
	if err := w.Client.List(context.WithoutCancel(w.t.Context()), list, client.InNamespace(w.Namespace)); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// Newest report of the Inspection.
func (w *Inspections) Newest() v1alpha1.InspectionReport {
	w.t.Helper()
	name := w.Get().Status.LastReport
	for _, report := range w.Reports() {
		if report.Name == name {
			return report
		}
	}
	w.t.Fatalf("report %q does not exist", name)
	return v1alpha1.InspectionReport{}
}

// Chain reconciles an object with several reconcilers, one after the other, as the controllers of one kind do. The first error
// ends it; the shortest wait wins.
type Chain []reconcile.Reconciler

// Reconcile implements reconcile.Reconciler.
func (c Chain) Reconcile(ctx context.Context, request ctrl.Request) (result ctrl.Result, err error) {
	for _, r := range c {
		next, err := r.Reconcile(ctx, request)
		if err != nil {
			return next, err
		}
		if next.RequeueAfter > 0 && (result.RequeueAfter == 0 || next.RequeueAfter < result.RequeueAfter) {
			result = next
		}
	}
	return result, nil
}
