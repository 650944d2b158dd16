package report

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
)

// about returns recommendations on one object, whose checks share a subject.
func about(in *Input, name string, findings ...causes.Linked) {
	ids := map[string]bool{}
	for i := range findings {
		findings[i].Object.Name = "role"
		ids[findings[i].Check] = true
	}
	*in = input(append(in.Findings, findings...)...)
	for i := range in.Checks {
		if ids[in.Checks[i].ID] {
			in.Checks[i].Subject = name
		}
	}
}

// foldedOutline lists the findings of a report with those that they also stand for.
func foldedOutline(report *v1alpha1.InspectionReport) []string {
	lines := outline(report)
	for i, f := range report.Findings {
		for _, also := range f.Also {
			lines[i] += " +" + also.ID
		}
	}
	return lines
}

func TestOfRecommendationsAboutOneSubjectTheMostSevereIsKept(t *testing.T) {
	const high, medium, low = v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow
	for name, tc := range map[string]struct {
		findings []causes.Linked
		want     []string
	}{
		"one role, several findings": {
			[]causes.Linked{advice("verbs", "", medium, -1), advice("escalate", "", high, -1), advice("pods", "", low, -1)},
			[]string{"escalate +verbs +pods"},
		},
		"a symptom about the same subject is folded into its cause": {
			[]causes.Linked{advice("privileged", "", high, -1), advice("baseline", "", medium, 0), advice("root", "", low, -1)},
			[]string{"privileged +baseline +root"},
		},
		"a more severe symptom is kept, and is no symptom any more": {
			[]causes.Linked{advice("cause", "", low, -1), advice("symptom", "", high, 0)},
			[]string{"symptom +cause"},
		},
		"a problem is never folded": {
			[]causes.Linked{linked("broken", "", low, -1), advice("a", "", high, -1)},
			[]string{"broken", "a"},
		},
		"one finding has no others": {[]causes.Linked{advice("a", "", high, -1)}, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{}
			about(&in, "permissions", tc.findings...)
			if diff := cmp.Diff(tc.want, foldedOutline(New(in))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSymptomsOfAFoldedFindingGetTheKeptOneAsCause(t *testing.T) {
	symptom := advice("elsewhere", "n", v1alpha1.SeverityLow, 1)
	in := input(advice("kept", "n", v1alpha1.SeverityHigh, -1), advice("folded", "n", v1alpha1.SeverityLow, -1), symptom)
	for i := range 2 {
		in.Findings[i].Object.Name = "role"
		in.Checks[i].Subject = "permissions"
	}
	if diff := cmp.Diff([]string{"kept +folded", "elsewhere<-kept"}, foldedOutline(New(in))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestRecommendationsOfOtherObjectsOrSubjectsAreNotFolded(t *testing.T) {
	in := input(advice("a", "n", v1alpha1.SeverityHigh, -1), advice("b", "n", v1alpha1.SeverityHigh, -1))
	for i := range in.Checks {
		in.Checks[i].Subject = "permissions"
	}
	if diff := cmp.Diff([]string{"a", "b"}, foldedOutline(New(in))); diff != "" {
		t.Errorf("two objects (-want +got):\n%s", diff)
	}
	in.Findings[1].Object = in.Findings[0].Object
	in.Checks[1].Subject = "another"
	if diff := cmp.Diff([]string{"a", "b"}, foldedOutline(New(in))); diff != "" {
		t.Errorf("two subjects (-want +got):\n%s", diff)
	}
}

// A finding that was listed with another one is neither new once it stands alone, nor fixed while it is listed.
func TestFoldedFindingsAreNeitherFixedNorNew(t *testing.T) {
	kept, folded := advice("kept", "", v1alpha1.SeverityHigh, -1), advice("folded", "", v1alpha1.SeverityLow, -1)
	var both, one Input
	about(&both, "permissions", kept, folded)
	about(&one, "permissions", folded)
	one.Checks = both.Checks
	first := New(both)
	one.Previous = first
	second := New(one)
	if diff := cmp.Diff(v1alpha1.ChangeCounts{Fixed: 1, Persisting: 1, FixedRootCauses: 1}, second.Summary.Changes); diff != "" {
		t.Errorf("after the kept finding was fixed (-want +got):\n%s", diff)
	}
	both.Previous = second
	if diff := cmp.Diff(v1alpha1.ChangeCounts{New: 1, NewRootCauses: 1}, New(both).Summary.Changes); diff != "" {
		t.Errorf("after it returned (-want +got):\n%s", diff)
	}
}

func TestTheListOfFoldedFindingsIsBounded(t *testing.T) {
	var findings []causes.Linked
	for i := range 40 {
		findings = append(findings, advice(fmt.Sprintf("f%02d", i), "", v1alpha1.SeverityLow, -1))
	}
	in := Input{}
	about(&in, "permissions", findings...)
	if got := New(in).Findings; len(got) != 1 || len(got[0].Also) != maxAlso {
		t.Errorf("%d findings, the first with %d others; want 1 with %d", len(got), len(got[0].Also), maxAlso)
	}
}
