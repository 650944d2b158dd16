package render

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// markdownFixed lists what was fixed since the previous report, problems first.
func markdownFixed(report *v1alpha1.InspectionReport) string {
	problems, recommendations := FixedNow(report)
	list := slices.Concat(problems, recommendations)
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n### Fixed since the last report\n\n")
	for i, f := range list {
		if i == maxMarkdownFixed {
			fmt.Fprintf(&b, "- and %d more\n", len(list)-i)
			break
		}
		text := facts.Clip(fixedSentence(report, f), maxMarkdownSentence)
		fmt.Fprintf(&b, "- %s (%s)\n", prose(text), codeSpan(f.Check))
	}
	return b.String()
}

// markdownRecommendations writes recommendations folded by check, until the document has the maximum length.
func markdownRecommendations(b *strings.Builder, groups []Group, maxLength int) {
	if len(groups) == 0 {
		return
	}
	b.WriteString("\n### Recommendations\n")
	for i, group := range groups {
		text := markdownGroup(group)
		if b.Len()+len(text) > maxLength {
			fmt.Fprintf(b, "\n**Recommendations of %s not shown.** `-o html` and `-o json` include everything.\n",
				count(len(groups)-i, "more check", "more checks"))
			return
		}
		b.WriteString(text)
	}
}

// markdownGroup is a check with its first objects. The remediation is that of the first, or none if the objects have different ones.
func markdownGroup(group Group) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n<details><summary>%s: %s (%d)</summary>\n\n%s\n\n", summaryText(strings.ToUpper(string(group.Severity))),
		summaryText(group.Check), len(group.Findings), prose(group.Summary))
	fix := group.Findings[0].Remediation
	for i, f := range group.Findings {
		if f.Remediation != fix {
			fix = ""
		}
		switch {
		case i < maxMarkdownFixed:
			fmt.Fprintf(&b, "- %s\n", prose(facts.Clip(sentence(f), maxMarkdownSentence)))
		case i == maxMarkdownFixed:
			fmt.Fprintf(&b, "- and %d more\n", len(group.Findings)-i)
		}
	}
	if fix != "" {
		b.WriteString("\n**Fix.** " + prose(fix) + "\n")
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// summaryText is the id of a check, or a severity, for HTML, in which Markdown has no escapes. Other characters are dropped.
func summaryText(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, text)
}
