package doctor

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// TestManagersWhoseNamespacesAreUnknownDoNotOverlap has a user who cannot read ConfigMaps, and managers of single namespaces.
func TestManagersWhoseNamespacesAreUnknownDoNotOverlap(t *testing.T) {
	of := func(namespace string, unknown bool) installation {
		return installation{
			deployment: &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: managerName}}, unknown: unknown,
		}
	}
	e := &examination{report: &Report{}, installed: []installation{of("a", true), of("b", true)}}
	if e.overlaps(); len(e.report.Findings) != 0 {
		t.Errorf("%+v", e.report.Findings)
	}
	e.installed = []installation{of("a", false), of("b", false)}
	if e.overlaps(); len(e.report.Findings) != 1 {
		t.Errorf("managers of all namespaces: %+v", e.report.Findings)
	}
}

// TestAnApprovalOfARunThatWasPrunedIsNoCopy keeps history apart from what a backup brought back.
func TestAnApprovalOfARunThatWasPrunedIsNoCopy(t *testing.T) {
	approval := &v1alpha1.Approval{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: v1alpha1.ApprovalSpec{Run: "release-1"}}
	if isLeftCopy(approval, nil) {
		t.Error("every approval of a run that spec.keepRuns did not keep is reported")
	}
	approval.Labels = map[string]string{veleroLabel: "weekly"}
	if !isLeftCopy(approval, nil) || isLeftCopy(approval, map[string]bool{"shop/release-1": true}) {
		t.Error("a restored approval without its run is not told from one with it")
	}
}
