package cli

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// explanations of a report by what they explain, without those that were dropped.
func explanations(report *v1alpha1.InspectionReport) map[string]v1alpha1.Explanation {
	kept := map[string]v1alpha1.Explanation{}
	for _, e := range report.Explanations {
		if e.Dropped == "" {
			kept[e.ID] = e
		}
	}
	return kept
}

// explained prints what a model said of a finding, or of the whole. Whose words they are stands before them.
func (p *printer) explained(text *textWriter, indent string, e v1alpha1.Explanation) {
	if e.Summary == "" {
		return
	}
	lead := fmt.Sprintf("%s%s says (confidence %s): ", indent, e.Model, e.Confidence)
	text.block(lead, indent+"     ", e.Summary)
	for _, w := range e.Why {
		text.block(indent+"     - ", indent+"       ", fmt.Sprintf("%s [%s]", w.Claim, strings.Join(w.Evidence, ", ")))
	}
	for _, f := range e.Fix {
		line := f.Description
		if f.Command != "" {
			line += " `" + f.Command + "`"
		}
		text.block(indent+"     it suggests: ", indent+"       ", line)
	}
}
