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
	// maxMarkdown bytes of a report: pull request comments are limited to about 65,000 characters.
	maxMarkdown = 60_000
	// maxMarkdownGaps bytes of it are reserved for gaps.
	maxMarkdownGaps = 8_000
	// maxMarkdownSymptoms are listed below a root cause.
	maxMarkdownSymptoms = 20
	// maxMarkdownFixed fixed findings, and objects of a recommendation, are listed.
	maxMarkdownFixed = 20
	// maxMarkdownSentence is the maximum length of a symptom, in runes.
	maxMarkdownSentence = 400
)

// writeMarkdown writes a report for a pull request comment or a wiki.
func writeMarkdown(w io.Writer, report *v1alpha1.InspectionReport, options Options) error {
	var b strings.Builder
	markdownSummary(&b, report, options)
	explained := report.Explained()
	b.WriteString(markdownExplained(explained[v1alpha1.OverallExplanation]))
	gaps := markdownOfGaps(report.Gaps)
	checksByID := options.checksByID()
	var problems []*node
	var recommendations []v1alpha1.Finding
	for _, root := range tree(report.Findings) {
		root.Where = clusterOf(report, root.Finding)
		if root.IsProblem() {
			problems = append(problems, root)
		} else {
			root.Message = InCluster(root.Where, root.Message)
			recommendations = append(recommendations, root.Finding)
		}
	}
	for i, root := range problems {
		room := maxMarkdown - b.Len() - len(gaps)
		text := markdownCause(i+1, root, checksByID[root.Check].Link, options) + markdownExplained(explained[root.ID])
		evidence := markdownEvidence("Evidence", root.Evidence)
		if len(text)+len(evidence) <= room {
			text += evidence
		}
		if len(text) > room {
			fmt.Fprintf(&b, "\n**%s not shown.** `-o html` and `-o json` include everything.\n",
				count(len(problems)-i, "more problem", "more problems"))
			break
		}
		b.WriteString(text)
	}
	b.WriteString(markdownFixed(report))
	markdownRecommendations(&b, GroupByCheck(recommendations, options.Checks), maxMarkdown-len(gaps))
	b.WriteString(markdownIgnored(report, maxMarkdown-len(gaps)-b.Len()))
	if report.Summary.Truncated {
		b.WriteString("\nThe report exceeded its size limit: it contains only the worst findings, but the counts include all.\n")
	}
	b.WriteString(gaps)
	markdownFooter(&b, report, options)
	_, err := io.WriteString(w, b.String())
	return err
}

func markdownSummary(b *strings.Builder, report *v1alpha1.InspectionReport, options Options) {
	s := report.Summary
	fmt.Fprintf(b, "## KubeOps: %s\n\n", inlineText(cmp.Or(options.Heading, s.Inspection, "report")))
	if score := s.Score; score != nil {
		fmt.Fprintf(b, "**Score %d of 100.** ", *score)
	} else {
		fmt.Fprintf(b, "**%s**\n\n", inlineText(Incomplete(report)))
	}
	fmt.Fprintf(b, "%s.\n", strings.Join(append([]string{headline(s)}, notes(s)...), ", "))
	if starting := NotJudged(s); starting != "" {
		fmt.Fprintf(b, "\n%s\n", inlineText(starting))
	}
	markdownClusters(b, report.Clusters)
	if s.Counts.Total() == 0 {
		return
	}
	head := "\n| |"
	rule := "|---|"
	problems := "| Problems |"
	recommendations := "| Recommendations |"
	advice := severityCounts(s.Recommendations.SeverityCounts)
	for i, c := range severityCounts(s.Problems.SeverityCounts) {
		head += " " + string(c.Severity) + " |"
		rule += "---:|"
		problems += fmt.Sprintf(" %d |", c.Count)
		recommendations += fmt.Sprintf(" %d |", advice[i].Count)
	}
	b.WriteString(head + "\n" + rule + "\n" + problems + "\n" + recommendations + "\n")
}

// maxMarkdownClusters are listed.
const maxMarkdownClusters = 50

// markdownClusters is a table of the clusters of a report about several.
func markdownClusters(b *strings.Builder, all []v1alpha1.InspectedCluster) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(b, "\nClusters: %s.\n\n| Cluster | Version | Result |\n|---|---|---|\n", CountClusters(all))
	listed := WorstClusters(all, maxMarkdownClusters)
	for _, c := range listed {
		fmt.Fprintf(b, "| %s | %s | %s |\n", inlineText(oneLine(c.Name)), inlineText(oneLine(c.Version)), inlineText(DescribeCluster(c)))
	}
	if more := len(all) - len(listed); more > 0 {
		fmt.Fprintf(b, "\n%d more clusters not shown.\n", more)
	}
}

func markdownCause(number int, root *node, link string, options Options) string {
	var b strings.Builder
	object := objectName(root.Object)
	if root.Where != "" {
		object += " (" + root.Where + ")"
	}
	fmt.Fprintf(&b, "\n### %d. %s: %s\n\n", number, inlineText(strings.ToUpper(string(root.Severity))), inlineText(object))
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
	if len(root.Symptoms) > 0 {
		b.WriteString("\nWhich causes:\n\n")
		remaining := maxMarkdownSymptoms
		markdownSymptomTree(&b, root, 0, &remaining)
		if more := root.size() - 1 - maxMarkdownSymptoms; more > 0 {
			fmt.Fprintf(&b, "- and %d more\n", more)
		}
	}
	for _, also := range root.Also {
		b.WriteString("\nAlso: " + prose(facts.Clip(also.Message, maxMarkdownSentence)) + " (" + codeSpan(also.Check) + ")\n")
	}
	if root.Remediation != "" {
		b.WriteString("\n**Fix.** " + prose(root.Remediation) + "\n")
	}
	return b.String()
}

// markdownSymptomTree lists the symptoms of a finding, and theirs below them.
func markdownSymptomTree(b *strings.Builder, n *node, depth int, remaining *int) {
	for _, child := range n.Symptoms {
		if *remaining == 0 {
			return
		}
		*remaining--
		text := prose(facts.Clip(sentence(child.Finding), maxMarkdownSentence))
		fmt.Fprintf(b, "%s- %s (%s, %s)\n", strings.Repeat("  ", min(depth, 8)), text, codeSpan(child.Check),
			inlineText(string(child.Severity)))
		markdownSymptomTree(b, child, depth+1, remaining)
	}
}

// markdownOfGaps lists gaps, up to maxMarkdownGaps bytes.
func markdownOfGaps(gaps []v1alpha1.Gap) string {
	if len(gaps) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n### Not inspected\n\nThese gaps may hide further findings.\n\n")
	for i, gap := range gaps {
		reason := inlineText(string(gap.Reason))
		if gap.Optional {
			reason += ", optional"
		}
		row := fmt.Sprintf("- %s (%s): %s", codeSpan(gap.Source), reason, prose(gap.Message))
		if gap.Remediation != "" {
			row += " **Fix.** " + prose(gap.Remediation)
		}
		if b.Len()+len(row) > maxMarkdownGaps {
			fmt.Fprintf(&b, "- and %s\n", count(len(gaps)-i, "more gap", "more gaps"))
			break
		}
		b.WriteString(row + "\n")
	}
	return b.String()
}

func markdownFooter(b *strings.Builder, report *v1alpha1.InspectionReport, options Options) {
	b.WriteString("\n---\n\n" + scale(report.Summary))
	for _, text := range footer(report, options) {
		b.WriteString(" · " + inlineText(text))
	}
	b.WriteString("\n")
}
