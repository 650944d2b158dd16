package report

import (
	"cmp"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// maxAlso is the limit of the API type.
const maxAlso = 16

// subject is what recommendations agree about: a property of one object.
type subject struct {
	object facts.Ref
	name   string
}

// foldSubjects keeps the most severe of the recommendations about one subject, and returns the others by the ID of the kept one, most
// severe first. A recommendation that another object explains stays where it is. Symptoms of a folded finding become symptoms of the kept
// one.
func foldSubjects(checks map[string]check.Check, findings []causes.Linked) ([]causes.Linked, map[string][]causes.Linked) {
	subjects := make([]subject, len(findings)) // of the findings that can be folded
	groups := map[subject][]int{}
	for _, i := range causesFirst(findings) {
		f := findings[i]
		of := subject{f.Object, checks[f.Check].Subject}
		if of.name != "" && f.Class == v1alpha1.ClassRecommendation && (f.CausedBy < 0 || subjects[f.CausedBy] == of) {
			subjects[i] = of
			groups[of] = append(groups[of], i)
		}
	}
	keptFor := make([]int, len(findings)) // the finding that stands for each
	for i := range findings {
		keptFor[i] = i
	}
	also := map[string][]causes.Linked{}
	for _, group := range groups {
		slices.SortFunc(group, func(a, b int) int { return moreSevere(findings[a], findings[b]) })
		for _, i := range group[1:] {
			keptFor[i] = group[0]
			also[findings[group[0]].ID] = append(also[findings[group[0]].ID], findings[i])
		}
	}
	return withoutFolded(findings, keptFor), also
}

// moreSevere orders findings about one subject: a root cause before its equally severe symptoms.
func moreSevere(a, b causes.Linked) int {
	return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(b.Affects, a.Affects),
		strings.Compare(a.Check, b.Check), strings.Compare(a.ID, b.ID))
}

// withoutFolded removes the findings for which another one stands.
func withoutFolded(findings []causes.Linked, keptFor []int) []causes.Linked {
	position := make([]int, len(findings))
	kept := make([]causes.Linked, 0, len(findings))
	for i, f := range findings {
		if keptFor[i] == i {
			position[i] = len(kept)
			kept = append(kept, f)
		}
	}
	for i := range kept {
		if kept[i].CausedBy < 0 {
			continue
		}
		if cause := position[keptFor[kept[i].CausedBy]]; cause != i {
			kept[i].CausedBy = cause
		} else {
			kept[i].CausedBy = -1 // its cause was folded into it
		}
	}
	countAffected(kept)
	return kept
}

// related converts folded findings to the API type.
func related(in Input, folded []causes.Linked) []v1alpha1.RelatedFinding {
	var list []v1alpha1.RelatedFinding
	for _, f := range folded[:min(len(folded), maxAlso)] {
		list = append(list, v1alpha1.RelatedFinding{
			ID: f.ID, Check: f.Check, Severity: f.Severity, Message: line(in, f.Message, maxMessage),
		})
	}
	return list
}
