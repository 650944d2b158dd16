package cli

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// minGroup is how many minor findings of one check are printed as a group.
	minGroup = 3
	// maxGroupObjects are named in a group.
	maxGroupObjects = 6
)

// groupMinor separates the root causes that are printed individually from those of checks with many minor ones, which are printed
// as one group per check: a block for each would bury what is broken.
func groupMinor(symptoms map[string][]v1alpha1.Finding) (single []v1alpha1.Finding, groups [][]v1alpha1.Finding) {
	roots := symptoms[""]
	minor := map[string]int{}
	for _, f := range roots {
		if isMinor(f, symptoms) {
			minor[f.Check]++
		}
	}
	position := map[string]int{}
	for _, f := range roots {
		if minor[f.Check] < minGroup || !isMinor(f, symptoms) {
			single = append(single, f)
			continue
		}
		i, known := position[f.Check]
		if !known {
			i = len(groups)
			position[f.Check] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], f)
	}
	return single, groups
}

// isMinor reports whether a finding and all its symptoms have severity low or info. A finding with many symptoms is never minor.
func isMinor(f v1alpha1.Finding, symptoms map[string][]v1alpha1.Finding) bool {
	queue := []v1alpha1.Finding{f}
	for i := 0; i < len(queue); i++ {
		if queue[i].Severity.Rank() < v1alpha1.SeverityLow.Rank() || i > maxSymptoms {
			return false
		}
		queue = append(queue, symptoms[queue[i].ID]...)
	}
	return true
}

// group prints several findings of one check as one entry.
func (p *printer) group(text *textWriter, group []v1alpha1.Finding) {
	first := group[0]
	p.title(text, first.Severity, count(len(group), "object", "objects"), first.Check)
	var names []string
	for _, f := range group[:min(len(group), maxGroupObjects)] {
		names = append(names, objectName(f.Object))
	}
	if more := len(group) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more (see -o yaml)", more))
	}
	text.block(indent, indent, joinWords(names))
	text.block(indent+"- example: ", indent+"  ", first.Message)
	fix := first.Remediation
	for _, f := range group {
		if f.Remediation != fix {
			fix = string(remedy.Sprintf("Run `kubeops checks %s`.", first.Check))
			break
		}
	}
	if fix != "" {
		text.block(indent+"fix: ", indent+"     ", fix)
	}
}
