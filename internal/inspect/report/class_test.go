package report

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
)

// advice is linked, but a recommendation.
func advice(id, namespace string, severity v1alpha1.Severity, causedBy int) causes.Linked {
	f := linked(id, namespace, severity, causedBy)
	f.Class = v1alpha1.ClassRecommendation
	return f
}

// classes lists the findings of a report as outline does, with class and severity.
func classes(report *v1alpha1.InspectionReport) []string {
	lines := outline(report)
	for i, f := range report.Findings {
		lines[i] += fmt.Sprintf(" %s %s", f.Class, f.Severity)
	}
	return lines
}

func TestWhatCausesAProblemIsAProblem(t *testing.T) {
	const critical, high, low, info = v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityLow, v1alpha1.SeverityInfo
	for name, tc := range map[string]struct {
		findings []causes.Linked
		want     []string
	}{
		"problems come before more severe recommendations": {
			[]causes.Linked{advice("a", "n", critical, -1), linked("b", "n", low, -1)},
			[]string{"b Problem low", "a Recommendation critical"},
		},
		"a recommendation that causes a problem is one, as severe as it": {
			[]causes.Linked{advice("limit-missing", "n", low, -1), linked("oom", "n", high, 0)},
			[]string{"limit-missing Problem high", "oom<-limit-missing Problem high"},
		},
		"through other recommendations": {
			[]causes.Linked{advice("a", "n", info, -1), advice("b", "n", low, 0), linked("c", "n", critical, 1), advice("d", "n", low, 0)},
			[]string{"a Problem critical", "b<-a Problem critical", "c<-b Problem critical", "d<-a Recommendation low"},
		},
		"a problem keeps its severity": {
			[]causes.Linked{linked("a", "n", low, -1), linked("b", "n", critical, 0)},
			[]string{"a Problem low", "b<-a Problem critical"},
		},
		"a recommendation that a problem causes is not promoted": {
			[]causes.Linked{linked("a", "n", low, -1), advice("b", "n", critical, 0)},
			[]string{"a Problem low", "b<-a Recommendation critical"},
		},
		"recommendations alone stay recommendations": {
			[]causes.Linked{advice("a", "n", low, -1), advice("b", "n", high, 0)},
			[]string{"a Recommendation low", "b<-a Recommendation high"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, classes(New(input(tc.findings...)))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRootCausesAreCountedByClassAndSeverity(t *testing.T) {
	summary := New(input(
		linked("a", "n", v1alpha1.SeverityHigh, -1), linked("a-symptom", "n", v1alpha1.SeverityCritical, 0),
		advice("b", "n", v1alpha1.SeverityLow, -1), advice("b-symptom", "n", v1alpha1.SeverityLow, 2),
		advice("a-advice", "n", v1alpha1.SeverityLow, 0),
	)).Summary
	want := v1alpha1.RootCauseCounts{Total: 1, SeverityCounts: v1alpha1.SeverityCounts{High: 1}}
	if diff := cmp.Diff(want, summary.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	want = v1alpha1.RootCauseCounts{Total: 1, SeverityCounts: v1alpha1.SeverityCounts{Low: 1}}
	if diff := cmp.Diff(want, summary.Recommendations); diff != "" {
		t.Errorf("recommendations (-want +got):\n%s", diff)
	}
	if summary.Counts.Total() != 5 {
		t.Errorf("%d findings, want 5", summary.Counts.Total())
	}
}

func TestATruncatedReportKeepsSymptomsOfProblemsBeforeRecommendations(t *testing.T) {
	findings := []causes.Linked{linked("cause", "a", v1alpha1.SeverityHigh, -1), linked("symptom", "a", v1alpha1.SeverityInfo, 0)}
	for i := range 10 {
		findings = append(findings, advice(fmt.Sprintf("advice-%d", i), "a", v1alpha1.SeverityCritical, -1))
	}
	in := input(findings...)
	in.Bounds = Bounds{Findings: 3}
	report := New(in)
	if diff := cmp.Diff([]string{"cause", "symptom<-cause", "advice-0"}, outline(report)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if report.Summary.Problems.Total != 1 || report.Summary.Recommendations.Total != 10 {
		t.Errorf("counts of a truncated report: %+v", report.Summary)
	}
}

func TestAChangeOfTheClassIsNoted(t *testing.T) {
	in := input(advice("limit-missing", "n", v1alpha1.SeverityHigh, -1), linked("oom", "n", v1alpha1.SeverityHigh, 0),
		linked("old", "n", v1alpha1.SeverityHigh, -1))
	in.Previous = &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{
		{ID: "limit-missing", Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityHigh},
		{ID: "old", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityHigh},
	}}
	got := map[string]v1alpha1.PreviousFinding{}
	for _, f := range New(in).Findings {
		if f.Previously != nil {
			got[f.ID] = *f.Previously
		}
	}
	want := map[string]v1alpha1.PreviousFinding{
		"limit-missing": {Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityHigh},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("previously; a report without classes is no change (-want +got):\n%s", diff)
	}
}
