package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// manyAlike findings of one check, of low or no harm, are shown together.
	manyAlike = 3
	// shownAlike objects are named.
	shownAlike = 6
)

// alike are findings of one check that are shown together.
type alike []v1alpha1.Finding

// together splits root causes into those that are shown one by one, and those of low or no harm, with all they break, that one
// check found many times: a page for each would bury what is broken.
func together(below map[string][]v1alpha1.Finding) (single []v1alpha1.Finding, groups []alike) {
	roots := below[""]
	joins := func(f v1alpha1.Finding) bool { return harmless(f, below) }
	counts, at := map[string]int{}, map[string]int{}
	for _, f := range roots {
		if joins(f) {
			counts[f.Check]++
		}
	}
	for _, f := range roots {
		if !joins(f) || counts[f.Check] < manyAlike {
			single = append(single, f)
			continue
		}
		i, known := at[f.Check]
		if !known {
			i = len(groups)
			at[f.Check] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	return single, groups
}

// harmless says whether a finding and all that it breaks are of low or no harm. Chains are short; one that is not is shown.
func harmless(f v1alpha1.Finding, below map[string][]v1alpha1.Finding) bool {
	queue := []v1alpha1.Finding{f}
	for i := 0; i < len(queue); i++ {
		if queue[i].Severity.Rank() < v1alpha1.SeverityLow.Rank() || i > shownSymptoms {
			return false
		}
		queue = append(queue, below[queue[i].ID]...)
	}
	return true
}

// alike prints the findings of one check as one entry.
func (p *printer) alike(text *textWriter, group alike) {
	first := group[0]
	heading := count(len(group), "object", "objects") + " alike"
	gap := max(p.width-len(indent)-utf8.RuneCountInString(heading)-len(first.Check), 2)
	text.line("%s  %s%s%s", p.colors.severity(first.Severity, fmt.Sprintf("%-8s", strings.ToUpper(string(first.Severity)))),
		p.colors.bold(heading), strings.Repeat(" ", gap), p.colors.dim(first.Check))
	var names []string
	for _, f := range group[:min(len(group), shownAlike)] {
		names = append(names, objectName(f.Object))
	}
	if more := len(group) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more (-o yaml has them all)", more))
	}
	text.block(indent, indent, joinWords(names))
	text.block(indent+"- for example: ", indent+"  ", first.Message)
	fix := first.Remediation
	for _, f := range group {
		if f.Remediation != fix {
			fix = "`kubeops checks " + first.Check + "` says what to do."
			break
		}
	}
	if fix != "" {
		text.block(indent+"fix: ", indent+"     ", fix)
	}
}
