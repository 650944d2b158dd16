package render

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// IgnoredGroup is a finding that an ignore rule matches, with the findings that are ignored since it causes them.
type IgnoredGroup struct {
	v1alpha1.IgnoredFinding
	Causes []v1alpha1.IgnoredFinding
}

// Ignored returns the ignored findings of a report by the finding that a rule matches, in the order of the report.
func Ignored(report *v1alpha1.InspectionReport) []IgnoredGroup {
	var groups []IgnoredGroup
	root := map[string]int{} // the group of a finding, by its id
	for _, f := range report.Ignored {
		at, known := root[f.CausedBy]
		if f.CausedBy == "" || !known {
			at = len(groups)
			groups = append(groups, IgnoredGroup{IgnoredFinding: f})
		} else {
			groups[at].Causes = append(groups[at].Causes, f)
		}
		root[f.ID] = at
	}
	return groups
}

// MoreIgnored counts the ignored findings that the report does not list; empty for none.
func MoreIgnored(report *v1alpha1.InspectionReport) string {
	if more := int(report.Summary.Ignored) - len(report.Ignored); more > 0 {
		return fmt.Sprintf("%d more ignored findings are not in the report.", more)
	}
	return ""
}

// IgnoredSentence describes an ignored finding in one line, with its cluster in a report about several.
func IgnoredSentence(report *v1alpha1.InspectionReport, ignored v1alpha1.IgnoredFinding) string {
	f := v1alpha1.Finding{Cluster: ignored.Cluster, Object: ignored.Object, Message: ignored.Message}
	return InCluster(clusterOf(report, f), sentence(f))
}

// ignoredLine is an ignored finding on the page.
type ignoredLine struct {
	Severity            v1alpha1.Severity
	Check, Text, Reason string
	Causes              []ignoredLine
}

func ignoredLines(report *v1alpha1.InspectionReport) []ignoredLine {
	newLine := func(f v1alpha1.IgnoredFinding) ignoredLine {
		return ignoredLine{Severity: f.Severity, Check: f.Check, Text: IgnoredSentence(report, f), Reason: f.Reason}
	}
	var lines []ignoredLine
	for _, group := range Ignored(report) {
		l := newLine(group.IgnoredFinding)
		for _, f := range group.Causes {
			l.Causes = append(l.Causes, newLine(f))
		}
		lines = append(lines, l)
	}
	return lines
}

// markdownIgnored lists ignored findings, as far as there is room.
func markdownIgnored(report *v1alpha1.InspectionReport, room int) string {
	if len(report.Ignored) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("\n<details><summary>Ignored by rules (" + fmt.Sprint(report.Summary.Ignored) + ")</summary>\n\n")
	const end = "\n</details>\n"
	left := len(report.Ignored)
	write := func(indent string, f v1alpha1.IgnoredFinding) bool {
		row := fmt.Sprintf("%s- %s (%s, %s)", indent, prose(facts.Clip(IgnoredSentence(report, f), maxMarkdownSentence)), codeSpan(f.Check),
			inlineText(string(f.Severity)))
		if f.Reason != "" {
			row += ": " + inlineText(f.Reason)
		}
		if b.Len()+len(row)+len(end)+40 > room {
			return false
		}
		left--
		b.WriteString(row + "\n")
		return true
	}
	for _, group := range Ignored(report) {
		fits := write("", group.IgnoredFinding)
		for _, f := range group.Causes {
			fits = fits && write("  ", f)
		}
		if !fits {
			break
		}
	}
	if left += int(report.Summary.Ignored) - len(report.Ignored); left > 0 {
		fmt.Fprintf(&b, "- and %d more\n", left)
	}
	return b.String() + end
}
