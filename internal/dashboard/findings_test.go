package dashboard

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// order of findings with their depths, such as a0 b1.
func order(list []placed) (found []string) {
	for _, f := range list {
		found = append(found, fmt.Sprintf("%s%d", f.ID, f.depth))
	}
	return found
}

func TestCausesAreATreeWhateverTheReportSays(t *testing.T) {
	problem, advice := v1alpha1.ClassProblem, v1alpha1.ClassRecommendation
	finding := func(id, cause string, class v1alpha1.FindingClass) v1alpha1.Finding {
		return v1alpha1.Finding{ID: id, CausedBy: cause, Class: class}
	}
	for name, tc := range map[string]struct {
		findings                  []v1alpha1.Finding
		problems, recommendations []string
	}{
		"empty": {nil, nil, nil},
		"effects follow their cause": {
			[]v1alpha1.Finding{finding("c", "b", problem), finding("a", "", problem), finding("b", "a", problem), finding("d", "", advice)},
			[]string{"a0", "b1", "c2"}, []string{"d0"},
		},
		"a cause that is not in the report":  {[]v1alpha1.Finding{finding("a", "gone", problem)}, []string{"a0"}, nil},
		"a finding that causes itself":       {[]v1alpha1.Finding{finding("a", "a", problem)}, []string{"a0"}, nil},
		"a loop":                             {[]v1alpha1.Finding{finding("a", "b", problem), finding("b", "a", problem)}, []string{"a0", "b1"}, nil},
		"the same id twice":                  {[]v1alpha1.Finding{finding("a", "", problem), finding("a", "", problem)}, []string{"a0"}, nil},
		"a recommendation caused by problem": {[]v1alpha1.Finding{finding("a", "", problem), finding("b", "a", advice)}, []string{"a0", "b1"}, nil},
	} {
		problems, recommendations := treesOf(&v1alpha1.InspectionReport{Findings: tc.findings})
		if !slices.Equal(order(problems), tc.problems) || !slices.Equal(order(recommendations), tc.recommendations) {
			t.Errorf("%s: %v and %v, want %v and %v", name, order(problems), order(recommendations), tc.problems, tc.recommendations)
		}
	}
}

func TestADeepTreeOfCausesIsWalked(t *testing.T) {
	const deep = 5000
	report := &v1alpha1.InspectionReport{}
	for i := range deep {
		cause := ""
		if i > 0 {
			cause = fmt.Sprint(i - 1)
		}
		report.Findings = append(report.Findings, v1alpha1.Finding{ID: fmt.Sprint(i), CausedBy: cause, Class: v1alpha1.ClassProblem})
	}
	if problems, _ := treesOf(report); len(problems) != deep || problems[deep-1].depth != deep-1 {
		t.Errorf("%d findings", len(problems))
	}
}

func TestTextsOfAReportCannotContainEscapeCodes(t *testing.T) {
	const hostile = "\x1b[31mred\x1b]0;title\x07\u202egnp.exe\x00"
	report := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{{
		ID: "a", Class: v1alpha1.ClassProblem, Message: hostile, Remediation: hostile, Evidence: []v1alpha1.Evidence{{ID: "e1", Text: hostile}},
	}}, Gaps: []v1alpha1.Gap{{Message: hostile, Remediation: hostile}}, Fixed: []v1alpha1.FixedFinding{{EarlierFinding: v1alpha1.EarlierFinding{Message: hostile}, FixedAt: metav1.Now()}}}
	view := reportOf(report, nil)
	for name, text := range map[string]string{
		"message": view.Causes[0].Message, "remedy": view.Causes[0].Remedy, "evidence": view.Causes[0].Evidence[0].Text, "gap": view.Gaps[0].Message,
		"remedy of a gap": view.Gaps[0].Remedy, "fixed": view.FixedFindings[0].Message,
	} {
		for _, r := range text {
			if r < ' ' && r != '\n' || r == '\u202e' {
				t.Errorf("%s contains %U: %q", name, r, text)
				break
			}
		}
	}
}
