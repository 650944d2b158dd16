package render

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxMarkdown bytes of a report: comments on pull requests take some 65,000 characters. What is beyond is counted.
	maxMarkdown = 60_000
	// markdownGaps is the part of it that is kept for gaps.
	markdownGaps = 8_000
	// markdownSymptoms that are listed below one cause.
	markdownSymptoms = 20
	// markdownSentence is the longest text of one of them, in runes.
	markdownSentence = 400
)

// writeMarkdown writes a report for a comment on a pull request or a wiki.
func writeMarkdown(w io.Writer, report *v1alpha1.InspectionReport, options Options) error {
	var b strings.Builder
	markdownSummary(&b, report, options)
	words := explanations(report)
	b.WriteString(markdownExplained(words[v1alpha1.OverallExplanation]))
	gaps := markdownOfGaps(report.Gaps)
	catalogue := options.catalogue()
	roots := tree(report.Findings)
	for i, root := range roots {
		room := maxMarkdown - b.Len() - len(gaps)
		text := markdownCause(i+1, root, catalogue[root.Check].Link, options) + markdownExplained(words[root.ID])
		evidence := markdownEvidence(root.Evidence)
		if len(text)+len(evidence) <= room {
			text += evidence
		}
		if len(text) > room {
			fmt.Fprintf(&b, "\n**%s** not shown here, since the report is long; `-o html` or `-o json` has them.\n",
				count(len(roots)-i, "further root cause is", "further root causes are"))
			break
		}
		b.WriteString(text)
	}
	if report.Summary.Truncated {
		b.WriteString("\nThe report itself was too large: only the worst findings are in it, while the numbers count them all.\n")
	}
	b.WriteString(gaps)
	markdownFooter(&b, report, options)
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownSummary(b *strings.Builder, report *v1alpha1.InspectionReport, options Options) {
	s := report.Summary
	fmt.Fprintf(b, "## KubeOps: %s\n\n", inlineText(cmp.Or(options.Heading, s.Inspection, "report")))
	fmt.Fprintf(b, "**Score %d of 100.** %s.\n", s.Score, strings.Join(append([]string{verdict(s)}, notes(s)...), ", "))
	if s.Counts.Total() == 0 {
		return
	}
	head, rule, row := "\n|", "|", "|"
	for _, c := range severityCounts(s.Counts) {
		head += " " + string(c.Severity) + " |"
		rule += "---:|"
		row += fmt.Sprintf(" %d |", c.Count)
	}
	b.WriteString(head + "\n" + rule + "\n" + row + "\n")
}

func markdownCause(number int, root *node, link string, options Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n### %d. %s: %s\n\n", number, inlineText(strings.ToUpper(string(root.Severity))), inlineText(objectName(root.Object)))
	b.WriteString(prose(root.Message) + "\n\n")
	check := codeSpan(root.Check)
	if strings.HasPrefix(link, "https://") && !strings.ContainsAny(link, " ()<>") {
		check = "[" + check + "](" + link + ")"
	}
	fmt.Fprintf(&b, "Check %s, %s", check, inlineText(string(root.Category)))
	if file, line, ok := options.locate(root.Object); ok {
		if line > 0 {
			file = fmt.Sprintf("%s:%d", file, line)
		}
		b.WriteString(", in " + codeSpan(file))
	}
	b.WriteString("\n")
	if len(root.Below) > 0 {
		b.WriteString("\nBreaks:\n\n")
		left := markdownSymptoms
		markdownBelow(&b, root, 0, &left)
		if more := root.size() - 1 - markdownSymptoms; more > 0 {
			fmt.Fprintf(&b, "- and %d more\n", more)
		}
	}
	if root.Remediation != "" {
		b.WriteString("\n**What to do.** " + prose(root.Remediation) + "\n")
	}
	return b.String()
}

// markdownExplained is what a model said, and whose words they are.
func markdownExplained(e *v1alpha1.Explanation) string {
	if e == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n**%s says** (confidence %s). %s\n", inlineText(e.Model), inlineText(string(e.Confidence)), prose(e.Summary))
	lead := "\n"
	item := func(text string) {
		b.WriteString(lead + "- " + text + "\n")
		lead = ""
	}
	for _, w := range e.Why {
		item(inlineText(w.Claim) + " (" + inlineText(strings.Join(w.Evidence, ", ")) + ")")
	}
	for _, f := range e.Fix {
		text := "it suggests: " + inlineText(f.Description)
		if f.Command != "" {
			text += " " + codeSpan(f.Command)
		}
		item(text)
	}
	return b.String()
}

// markdownEvidence is folded away, since it is the longest part.
func markdownEvidence(evidence []v1alpha1.Evidence) string {
	if len(evidence) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n<details><summary>Evidence (%d)</summary>\n", len(evidence))
	for _, e := range evidence {
		fmt.Fprintf(&b, "\n%s:\n\n%s", inlineText(string(e.Source)), codeBlock(e.Text))
	}
	b.WriteString("\n</details>\n")
	return b.String()
}

// markdownBelow lists what a finding explains, each level indented below the one that explains it.
func markdownBelow(b *strings.Builder, n *node, depth int, left *int) {
	for _, child := range n.Below {
		if *left == 0 {
			return
		}
		*left--
		fmt.Fprintf(b, "%s- %s (%s, %s)\n", strings.Repeat("  ", min(depth, 8)), prose(facts.Clip(sentence(child.Finding), markdownSentence)),
			codeSpan(child.Check), inlineText(string(child.Severity)))
		markdownBelow(b, child, depth+1, left)
	}
}

// markdownOfGaps lists what could not be inspected, as far as there is room for it.
func markdownOfGaps(gaps []v1alpha1.Gap) string {
	if len(gaps) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n### Not inspected\n\nWhat stands here may hide more findings.\n\n")
	for i, gap := range gaps {
		row := fmt.Sprintf("- %s (%s): %s", codeSpan(gap.Source), inlineText(string(gap.Reason)), prose(gap.Message))
		if gap.Remediation != "" {
			row += " **What to do.** " + prose(gap.Remediation)
		}
		if b.Len()+len(row) > markdownGaps {
			fmt.Fprintf(&b, "- and %s\n", count(len(gaps)-i, "more gap", "more gaps"))
			break
		}
		b.WriteString(row + "\n")
	}
	return b.String()
}

func markdownFooter(b *strings.Builder, report *v1alpha1.InspectionReport, options Options) {
	s := report.Summary
	fmt.Fprintf(b, "\n---\n\n%s, %s in %.1fs", count(int(s.Objects), "object", "objects"), count(int(s.ChecksRun), "check", "checks"), s.Duration.Seconds())
	for _, text := range footer(report, options) {
		b.WriteString(" · " + inlineText(text))
	}
	b.WriteString("\n")
}
