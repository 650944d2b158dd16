package cli

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/terminal"
)

// explanationsOf returns the explanations of a report by the finding that they explain, without those that were dropped.
func explanationsOf(report *v1alpha1.InspectionReport) map[string]v1alpha1.Explanation {
	kept := map[string]v1alpha1.Explanation{}
	for _, e := range report.Explanations {
		if e.Dropped == "" {
			kept[e.ID] = e
		}
	}
	return kept
}

// explanation prints what a model wrote about a finding or the whole report. The first line attributes it to the model.
func (p *printer) explanation(text *terminal.Writer, indent string, e v1alpha1.Explanation) {
	if e.Summary == "" {
		return
	}
	lead := fmt.Sprintf("%sexplanation by %s (confidence: %s): ", indent, e.Model, e.Confidence)
	text.Block(lead, indent+"     ", e.Summary)
	for _, reason := range e.Why {
		text.Block(indent+"     - ", indent+"       ", fmt.Sprintf("%s [%s]", reason.Claim, strings.Join(reason.Evidence, ", ")))
	}
	for _, fix := range e.Fix {
		line := fix.Description
		if fix.Command != "" {
			line += " `" + fix.Command + "`"
		}
		text.Block(indent+"     suggested fix: ", indent+"       ", line)
	}
}
