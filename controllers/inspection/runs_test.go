package inspection

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
)

func TestAnInspectionRunsOnceForEachGenerationAndRequest(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.LostService("lost")
	w.Inspection(v1alpha1.InspectionSpec{})
	r := w.reconciler()

	w.Settle(r)
	w.Settle(r)
	i := w.Get()
	testsuite.WantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 problem")
	if n := len(w.Reports()); n != 1 {
		t.Fatalf("%d reports, want 1", n)
	}
	report := w.Reports()[0]
	if !metav1.IsControlledBy(&report, i) || report.Name != i.Status.LastReport || report.Summary.Trigger != "generation" ||
		report.Summary.Inspection != "i" {
		t.Errorf("report %+v of %+v", report.Summary, report.ObjectMeta)
	}
	if i.Status.Problems.Total != 1 || i.Status.Recommendations.Total != 0 || len(i.Status.RootCauses) != 1 ||
		i.Status.RootCauses[0].Object != "Service/"+w.Namespace+"/lost" ||
		i.Status.Changes.New != 1 {
		t.Errorf("status %+v", i.Status)
	}

	w.Request("now, please")
	w.Settle(r)
	w.Settle(r)
	i = w.Get()
	if n := len(w.Reports()); n != 2 || i.Status.LastHandledRequest != "now, please" || i.Status.Changes.Persisting != 1 ||
		i.Status.Changes.New != 0 {
		t.Errorf("%d reports, handled %q, changes %+v", n, i.Status.LastHandledRequest, i.Status.Changes)
	}

	w.Change(func(i *v1alpha1.Inspection) {
		i.Spec.Ignore = []v1alpha1.IgnoreRule{{Name: "lo*", Reason: "known"}}
	})
	w.Settle(r)
	i = w.Get()
	testsuite.WantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
	if n := len(w.Reports()); n != 3 || *i.Status.Score != 100 {
		t.Errorf("%d reports, score %d", n, *i.Status.Score)
	}
}

func TestOnlyTheNewestReportsAreKept(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{KeepReports: 2})
	// A report of somebody else, with the same label, is not ours to delete.
	w.Create(&v1alpha1.InspectionReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "foreign", Labels: map[string]string{v1alpha1.LabelInspection: "i"}},
		Summary:    v1alpha1.ReportSummary{StartTime: metav1.NewTime(w.Clock.Now())},
	})
	r := w.reconciler()
	for n := range 5 {
		w.Request(fmt.Sprint(n))
		w.Settle(r)
	}
	var names []string
	for _, report := range w.Reports() {
		names = append(names, report.Name)
	}
	if len(names) != 3 || !strings.Contains(strings.Join(names, " "), w.Get().Status.LastReport) ||
		!strings.Contains(strings.Join(names, " "), "foreign") {
		t.Errorf("kept %v, the newest is %s", names, w.Get().Status.LastReport)
	}
}

func TestARestrictedServiceAccountGivesAReportOfItsNamespaceAndGaps(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.LostService("lost")
	w.Create(&v1alpha1.Inspection{ObjectMeta: w.Meta("i"), Spec: v1alpha1.InspectionSpec{ // all namespaces, as far as the rights go
		Thresholds: &v1alpha1.Thresholds{StartupGrace: &metav1.Duration{}},
	}})
	w.Settle(w.reconciler())
	report := w.Reports()[0]
	for _, f := range report.Findings {
		if f.Object.Namespace != w.Namespace {
			t.Errorf("a finding outside the namespace: %+v", f.Object)
		}
	}
	if len(report.Findings) != 1 || len(report.Gaps) != 3 {
		t.Errorf("%d findings, gaps %+v", len(report.Findings), report.Gaps)
	}
	for _, gap := range report.Gaps {
		if !strings.Contains(gap.Message, "system:serviceaccount:"+w.Namespace+":kubeops") || gap.Remediation == "" ||
			len(gap.Checks) == 0 {
			t.Errorf("gap %+v", gap)
		}
	}
}

func TestAnExpiredIgnoreRuleIsNamedAsAGap(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.LostService("lost")
	past := metav1.NewTime(w.Clock.Now().Add(-time.Hour))
	w.Inspection(v1alpha1.InspectionSpec{Ignore: []v1alpha1.IgnoreRule{{Name: "lost", Reason: "until the move", Expires: &past}}})
	w.Settle(w.reconciler())
	report := w.Reports()[0]
	found := false
	for _, gap := range report.Gaps {
		found = found || gap.Reason == v1alpha1.GapIgnoreRuleExpired && strings.Contains(gap.Message, "until the move")
	}
	if !found || len(report.Findings) != 1 {
		t.Errorf("findings %d, gaps %+v", len(report.Findings), report.Gaps)
	}
}
