package export

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/testkit"
)

func openReports() v1alpha1.InspectionSpec {
	return v1alpha1.InspectionSpec{Export: &v1alpha1.Export{OpenReports: true}}
}

// installOpenReports serves openreports.io until the end of the test.
func installOpenReports(t *testing.T, w *world) {
	t.Helper()
	options := envtest.CRDInstallOptions{
		Paths:              []string{"../../internal/inspect/render/testdata/openreports-crd.yaml"},
		ErrorIfPathMissing: true,
	}
	installed, err := envtest.InstallCRDs(realAPI, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := envtest.UninstallCRDs(realAPI, envtest.CRDInstallOptions{CRDs: installed}); err != nil {
			t.Error(err)
		}
		crd := &metav1.PartialObjectMetadata{}
		crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
		err := wait.PollUntilContextTimeout(
			context.Background(),
			50*time.Millisecond,
			30*time.Second,
			true,
			func(ctx context.Context) (bool, error) {
				return apierrors.IsNotFound(w.Client.Get(ctx, client.ObjectKey{Name: installed[0].Name}, crd)), nil
			},
		)
		if err != nil {
			t.Errorf("openreports.io does not go away: %v", err)
		}
	})
}

// mayExport binds the ClusterRole that config/rbac has for it.
func (w *world) mayExport() {
	w.t.Helper()
	const file = "../../config/rbac/inspector_role.yaml"
	content, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	const name = "kubeops-inspector-openreports"
	for _, role := range testkit.Manifests(w.t, file, content) {
		if role.GetName() != name {
			continue
		}
		if err := w.Client.Create(w.t.Context(), role); err != nil && !apierrors.IsAlreadyExists(err) {
			w.t.Fatal(err)
		}
	}
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta(name), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
	})
}

// openReport is the exported Report of Inspection i, or nil.
func (w *world) openReport() *unstructured.Unstructured {
	w.t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(render.OpenReportResource().GroupVersion().WithKind("Report"))
	err := w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.Namespace, Name: "kubeops-i"}, object)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return object
}

func (w *world) wantExported(status metav1.ConditionStatus, reason, message string) {
	w.t.Helper()
	i := w.Get()
	testsuite.WantReady(w.t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "problem")
	c := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionExported)
	if c == nil || c.Status != status || c.Reason != reason || !strings.Contains(c.Message, message) {
		w.t.Errorf("Exported is %+v, want %s, %s and %q", c, status, reason, message)
	}
}

// TestAnExportFollowsTheReportAndTheSpec shares one installation of openreports.io among all that needs it; what needs it gone comes first.
func TestAnExportFollowsTheReportAndTheSpec(t *testing.T) {
	t.Run("without its API is told and the run succeeds", exportWithoutAPI)
	installOpenReports(t, newWorld(t))
	t.Run("is written with the rights of the ServiceAccount", exportAsServiceAccount)
	t.Run("is taken back without a run where a schedule decides", exportTakenBack)
	t.Run("that cannot be taken back is told until it can", exportLeftBehind)
	t.Run("of the same report changes nothing", exportAgain)
}

func exportWithoutAPI(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.LostService("lost")
	w.Inspection(openReports())
	w.Settle(w.reconciler())
	w.wantExported(metav1.ConditionFalse, v1alpha1.ReasonAPINotServed, "does not serve openreports.io/v1alpha1")
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Export = nil })
	w.Settle(w.reconciler())
	if c := meta.FindStatusCondition(w.Get().Status.Conditions, v1alpha1.ConditionExported); c != nil {
		t.Errorf("still there without an export: %+v", c)
	}
}

func exportAsServiceAccount(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.LostService("lost")
	w.Inspection(openReports())
	r := w.reconciler()

	w.Settle(r)
	w.wantExported(metav1.ConditionFalse, v1alpha1.ReasonExportForbidden, "--serviceaccount="+w.Namespace+":kubeops")
	if w.openReport() != nil {
		t.Fatal("a Report was written without the right to")
	}

	w.mayExport()
	w.Request("1")
	w.Settle(r)
	w.wantExported(metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "is exported as Report kubeops-i")
	first := w.openReport()
	if first == nil || first.GetLabels()[v1alpha1.LabelInspection] != "i" || first.GetOwnerReferences()[0].UID != w.Get().UID {
		t.Fatalf("the Report: %v", first)
	}
	if manager := first.GetManagedFields()[0]; manager.Manager != "kubeops" || manager.Operation != metav1.ManagedFieldsOperationApply {
		t.Errorf("managed by %s, %s", manager.Manager, manager.Operation)
	}
	if policies := policiesOf(t, first); policies[0] != "service-selector-matches-nothing" {
		t.Errorf("results: %v", policies)
	}

	w.LostService("lost-too")
	w.Request("2")
	w.Settle(r)
	second := w.openReport()
	if first.GetUID() != second.GetUID() || len(policiesOf(t, second)) != len(policiesOf(t, first))+1 {
		t.Errorf("the second run did not replace the Report: %v", policiesOf(t, second))
	}

	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Export.OpenReports = false })
	w.Settle(r)
	if w.openReport() != nil || meta.FindStatusCondition(w.Get().Status.Conditions, v1alpha1.ConditionExported) != nil {
		t.Error("the Report or the condition outlives the wish for it")
	}
}

func exportTakenBack(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.mayExport()
	w.LostService("lost")
	spec := openReports()
	spec.Schedule = "@every 1h"
	w.Inspection(spec)
	w.Request("1")
	r := w.reconciler()
	w.Settle(r)
	if w.openReport() == nil {
		t.Fatal("no Report")
	}
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.KeepReports = 3 })
	w.Settle(r)
	w.wantExported(metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "is exported as") // and speaks of the new generation
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Export = nil })
	w.Settle(r)
	if w.openReport() != nil || meta.FindStatusCondition(w.Get().Status.Conditions, v1alpha1.ConditionExported) != nil {
		t.Error("the Report or the condition outlives the wish for it")
	}
}

func exportLeftBehind(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.mayExport()
	w.LostService("lost")
	w.Inspection(openReports())
	r := w.reconciler()
	w.Settle(r)
	if err := w.Client.Delete(t.Context(), &rbacv1.RoleBinding{ObjectMeta: w.Meta("kubeops-inspector-openreports")}); err != nil {
		t.Fatal(err)
	}
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Export = nil })
	for range 2 {
		w.Settle(r)
		w.wantExported(metav1.ConditionFalse, v1alpha1.ReasonExportNotRemoved, "cannot delete")
	}
	w.mayExport()
	w.Settle(r)
	if w.openReport() != nil || meta.FindStatusCondition(w.Get().Status.Conditions, v1alpha1.ConditionExported) != nil {
		t.Error("the Report or the condition is still there")
	}
}

func exportAgain(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.mayExport()
	w.LostService("lost")
	w.Inspection(openReports())
	r := w.reconciler()
	w.Settle(r)
	before := w.openReport()
	w.Settle(r)
	if after := w.openReport(); after.GetResourceVersion() != before.GetResourceVersion() {
		t.Error("the same report exported again changes the Report")
	}
}

func policiesOf(t *testing.T, object *unstructured.Unstructured) []string {
	t.Helper()
	results, _, err := unstructured.NestedSlice(object.Object, "results")
	if err != nil {
		t.Fatal(err)
	}
	var policies []string
	for _, result := range results {
		policies = append(policies, result.(map[string]any)["policy"].(string))
	}
	return policies
}
