package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// storedReport is a report with findings of the ids, which started some minutes after a fixed time.
func storedReport(name string, minutes int, ids ...string) *v1alpha1.InspectionReport {
	start := metav1.NewTime(time.Date(2026, 10, 1, 7, minutes, 0, 0, time.UTC))
	report := &v1alpha1.InspectionReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name},
		Summary:    v1alpha1.ReportSummary{Inspection: "i", StartTime: start, Score: new(int32(80))},
	}
	for _, id := range ids {
		report.Findings = append(report.Findings, v1alpha1.Finding{
			ID: id, Check: "check-" + id, Severity: v1alpha1.SeverityCritical, Message: "Deployment " + id + " has no available Pods.",
			Object: v1alpha1.ObjectReference{Kind: "Deployment", Namespace: "mine", Name: id},
		})
	}
	return report
}

func TestADiffCallsOnlyFixedWhatTheReportsProve(t *testing.T) {
	from := storedReport("g3", 0, "kept", "gone")
	recorded := func(minutes int, id string) v1alpha1.FixedFinding {
		return v1alpha1.FixedFinding{
			EarlierFinding: v1alpha1.EarlierFinding{ID: id}, FixedAt: metav1.NewTime(time.Date(2026, 10, 1, 7, minutes, 0, 0, time.UTC)),
		}
	}
	for name, c := range map[string]struct {
		change      func(to *v1alpha1.InspectionReport)
		consecutive bool
		fixed       int
		// noLonger and notComparable are parts of the reason; empty for none.
		noLonger, notComparable string
	}{
		"no rule and no gap hides it": {change: func(*v1alpha1.InspectionReport) {}, fixed: 1},
		"an ignore rule was added": {change: func(to *v1alpha1.InspectionReport) {
			to.Summary.Ignored = 2
			to.Summary.Changes.Persisting = 1
		}, consecutive: true, noLonger: "not fixed: ignored by a rule"},
		"the scope was narrowed": {change: func(to *v1alpha1.InspectionReport) {
			to.Summary.Changes.Persisting = 1
		}, consecutive: true, noLonger: "not fixed: outside the scope of report g4"},
		"an ignore rule was added, reports between": {change: func(to *v1alpha1.InspectionReport) {
			to.Summary.Ignored = 1
			to.Summary.Changes.Persisting = 1
		}, noLonger: "fixed or ignored: report g4 ignores 1 finding"},
		"recorded as fixed beside a rule": {change: func(to *v1alpha1.InspectionReport) {
			to.Summary.Ignored = 2
			to.Summary.Changes = v1alpha1.ChangeCounts{Persisting: 1, Fixed: 1}
			to.Fixed = []v1alpha1.FixedFinding{recorded(10, "gone")}
		}, consecutive: true, fixed: 1},
		"fixed before the earlier report, then ignored": {change: func(to *v1alpha1.InspectionReport) {
			to.Summary.Ignored = 1
			to.Summary.Changes = v1alpha1.ChangeCounts{Persisting: 1}
			to.Fixed = []v1alpha1.FixedFinding{recorded(0, "gone")}
		}, consecutive: true, noLonger: "not fixed"},
		"the list of fixed findings is cut": {change: func(to *v1alpha1.InspectionReport) {
			to.Summary.Ignored = 1
			to.Summary.Changes = v1alpha1.ChangeCounts{Fixed: 120}
		}, consecutive: true, noLonger: "fixed or ignored"},
		"a gap hides it": {change: func(to *v1alpha1.InspectionReport) {
			to.Gaps = []v1alpha1.Gap{{Checks: []string{"check-gone"}}}
		}, notComparable: "check check-gone is incomplete in report g4"},
		"a gap or a rule hides it": {change: func(to *v1alpha1.InspectionReport) {
			to.Summary.Ignored = 1
			to.Gaps = []v1alpha1.Gap{{Checks: []string{"check-gone"}, Optional: true}}
		}, notComparable: "report g4 ignores 1 finding, and check check-gone is incomplete there"},
		"another finding about its subject stands for it": {change: func(to *v1alpha1.InspectionReport) {
			to.Findings[0].Also = []v1alpha1.RelatedFinding{{ID: "gone"}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			to := storedReport("g4", 10, "kept")
			c.change(to)
			diff := compareReports(from, to, c.consecutive)
			if len(diff.Fixed) != c.fixed || len(diff.New) != 0 || diff.Unchanged != 1 {
				t.Errorf("%d fixed, %d new, %d unchanged", len(diff.Fixed), len(diff.New), diff.Unchanged)
			}
			for part, list := range map[string][]oneSided{c.noLonger: diff.NoLongerReported, c.notComparable: diff.NotComparable} {
				if part != "" && (len(list) != 1 || !strings.Contains(list[0].Reason, part)) {
					t.Errorf("%+v, want %q", list, part)
				}
			}
			if n := len(diff.Fixed) + len(diff.NoLongerReported) + len(diff.NotComparable); n != 1 && len(to.Findings[0].Also) == 0 {
				t.Errorf("the finding is in %d parts", n)
			}
		})
	}
}

func TestADiffPrintsWhatIsNoLongerReported(t *testing.T) {
	to := storedReport("g4", 10, "kept")
	to.Summary.Ignored = 1
	to.Summary.Changes.Persisting = 1
	var out bytes.Buffer
	p := printer{w: &out, width: 120}
	if err := p.diff(&out, compareReports(storedReport("g3", 0, "kept", "gone"), to, true), ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"0 new, 0 fixed, 0 with another severity, 1 unchanged, 1 no longer reported", "\nNo longer reported\n", "not fixed: ignored by a rule",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestADiffNamesWhatIsNoLongerIgnored(t *testing.T) {
	from := storedReport("g3", 0, "kept")
	from.Summary.Ignored = 1
	from.Ignored = []v1alpha1.IgnoredFinding{{ID: "accepted", Check: "check-accepted"}}
	diff := compareReports(from, storedReport("g4", 10, "kept", "accepted", "added"), true)
	if len(diff.NoLongerIgnored) != 1 || diff.NoLongerIgnored[0].ID != "accepted" || len(diff.New) != 1 || diff.New[0].ID != "added" {
		t.Errorf("no longer ignored: %+v\nnew: %+v", diff.NoLongerIgnored, diff.New)
	}
	var out bytes.Buffer
	p := printer{w: &out, width: 120}
	if err := p.diff(&out, diff, ""); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 new, 0 fixed, 0 with another severity, 1 unchanged, 1 no longer ignored", "\nNo longer ignored\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}

func TestADiffKnowsWhichFindingsAreIgnored(t *testing.T) {
	to := storedReport("g4", 10, "kept")
	to.Summary.Ignored = 1
	to.Ignored = []v1alpha1.IgnoredFinding{{ID: "accepted"}}
	diff := compareReports(storedReport("g3", 0, "kept", "accepted", "gone"), to, false)
	if len(diff.NoLongerReported) != 1 || diff.NoLongerReported[0].ID != "accepted" ||
		diff.NoLongerReported[0].Reason != "not fixed: ignored by a rule in report g4" {
		t.Errorf("no longer reported: %+v", diff.NoLongerReported)
	}
	if len(diff.Fixed) != 1 || diff.Fixed[0].ID != "gone" {
		t.Errorf("fixed: %+v", diff.Fixed)
	}
}
