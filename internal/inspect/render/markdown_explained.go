package render

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// markdownExplained renders an explanation, attributed to its model, or why it was discarded.
func markdownExplained(e *v1alpha1.Explanation) string {
	switch {
	case e == nil:
		return ""
	case e.Dropped != "":
		return fmt.Sprintf("\n**Explanation by %s discarded:** %s\n", inlineText(e.Model), inlineText(e.Dropped))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n**Explanation by %s** (confidence: %s). %s\n", inlineText(e.Model), inlineText(string(e.Confidence)),
		prose(e.Summary))
	lead := "\n"
	item := func(text string) {
		b.WriteString(lead + "- " + text + "\n")
		lead = ""
	}
	for _, reason := range e.Why {
		text := inlineText(reason.Claim) + markdownCited(reason.Evidence)
		if reason.Quote != "" {
			text += " " + codeSpan(reason.Quote)
		}
		item(text)
	}
	if e.DroppedClaims > 0 {
		item(count(int(e.DroppedClaims), "claim", "claims") + " without valid evidence discarded")
	}
	for _, r := range e.RuledOut {
		item("ruled out: " + inlineText(r.Cause) + markdownCited(r.Evidence))
	}
	for _, missing := range e.Missing {
		item("missing: " + inlineText(missing))
	}
	for _, next := range e.Next {
		item("next: " + codeSpan(next))
	}
	for _, fix := range e.Fix {
		item(markdownFix(fix))
		if fix.Patch != "" {
			b.WriteString("\n" + codeBlock(fix.Patch))
			lead = "\n"
		}
	}
	b.WriteString(markdownEvidence("Cited evidence", e.Cited()))
	return b.String()
}

// markdownFix is a suggestion without its patch.
func markdownFix(fix v1alpha1.SuggestedFix) string {
	text := "suggested fix: "
	if fix.Target != "" {
		text += codeSpan(fix.Target) + ": "
	}
	text += inlineText(fix.Description)
	if fix.Command != "" {
		text += " " + codeSpan(fix.Command)
	}
	if fix.Removed {
		text += " (command removed: it could do harm)"
	}
	return text + markdownCited(fix.Evidence)
}

// markdownCited lists ids of evidence.
func markdownCited(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return " (" + inlineText(strings.Join(ids, ", ")) + ")"
}

// markdownEvidence is collapsed, since it is the longest part.
func markdownEvidence(title string, evidence []v1alpha1.Evidence) string {
	if len(evidence) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n<details><summary>%s (%d)</summary>\n", title, len(evidence))
	for _, e := range evidence {
		fmt.Fprintf(&b, "\n%s %s:\n\n%s", inlineText(e.ID), inlineText(string(e.Source)), codeBlock(e.Text))
	}
	b.WriteString("\n</details>\n")
	return b.String()
}
