package cli

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/terminal"
)

// explanation prints what a model wrote about a finding or the whole report, or why that was discarded. The first line attributes it to
// the model. e may be nil.
func (p *printer) explanation(text *terminal.Writer, indent string, e *v1alpha1.Explanation) {
	switch {
	case e == nil:
		return
	case e.Dropped != "":
		text.Block(indent, indent+"     ", fmt.Sprintf("explanation by %s discarded: %s", e.Model, e.Dropped))
		return
	case e.Summary == "":
		return
	}
	item := func(name, value string) { text.Block(indent+"     "+name, indent+"       ", value) }
	lead := fmt.Sprintf("%sexplanation by %s (confidence: %s): ", indent, e.Model, e.Confidence)
	text.Block(lead, indent+"     ", e.Summary)
	for _, reason := range e.Why {
		claim := reason.Claim + citing(reason.Evidence)
		if reason.Quote != "" {
			claim += fmt.Sprintf(" %q", reason.Quote)
		}
		item("- ", claim)
	}
	if e.DroppedClaims > 0 {
		item("- ", terminal.Count(int(e.DroppedClaims), "claim", "claims")+" without valid evidence discarded")
	}
	for _, r := range e.RuledOut {
		item("ruled out: ", r.Cause+citing(r.Evidence))
	}
	for _, missing := range e.Missing {
		item("missing: ", missing)
	}
	for _, next := range e.Next {
		item("next: ", "`"+next+"`")
	}
	for _, fix := range e.Fix {
		item("suggested fix: ", fixText(fix))
		if fix.Patch != "" {
			for _, line := range strings.Split(fix.Patch, "\n") {
				text.Line("%s       %s", indent, line)
			}
		}
	}
	for _, cited := range e.Cited() {
		p.citedEvidence(text, indent+"     ", cited)
	}
	if i := e.Investigation; i != nil {
		item("read for it: ", investigationText(i))
	}
}

// investigationText counts what a model read.
func investigationText(i *v1alpha1.Investigation) string {
	line := terminal.Count(len(i.Calls), "call of a tool", "calls of tools")
	if refused := i.Refused(); refused > 0 {
		line += fmt.Sprintf(", %d refused", refused)
	}
	if i.Ended != v1alpha1.InvestigationDone {
		line += fmt.Sprintf("; ended by its limit or an error: %s", i.Ended)
	}
	return line
}

// fixText is a suggestion on one line, without its patch.
func fixText(fix v1alpha1.SuggestedFix) string {
	line := fix.Description
	if fix.Target != "" {
		line = fix.Target + ": " + line
	}
	if fix.Command != "" {
		line += " `" + fix.Command + "`"
	}
	if fix.Removed {
		line += " (command removed: it could do harm)"
	}
	return line + citing(fix.Evidence)
}

// citing lists ids of evidence.
func citing(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return " [" + strings.Join(ids, ", ") + "]"
}

// citedEvidence prints the first lines of evidence that was read for an explanation.
func (p *printer) citedEvidence(text *terminal.Writer, indent string, e v1alpha1.Evidence) {
	maxLines := 3
	if p.wholeEvidence {
		maxLines = math.MaxInt
	}
	lines := strings.Split(strings.TrimSpace(e.Text), "\n")
	lead := fmt.Sprintf("%s%s: ", indent, e.ID)
	for _, line := range lines[:min(len(lines), maxLines)] {
		text.Line("%s%s", lead, clipLine(line, p.width-len(lead)))
		lead = strings.Repeat(" ", len(lead))
	}
}

// cites reports whether an explanation cites evidence of its finding.
func cites(e *v1alpha1.Explanation, id string) bool {
	return e != nil && slices.ContainsFunc(e.Why, func(w v1alpha1.ExplainedClaim) bool { return slices.Contains(w.Evidence, id) })
}
