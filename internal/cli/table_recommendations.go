package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/render"
)

const (
	// maxFixed findings are listed.
	maxFixed = 3
	// maxGroups lines are printed: a check has a line of its own, and what is left shares the last one.
	maxGroups = 3
	// maxGroupObjects are named in the line of a check.
	maxGroupObjects = 2
	// maxCheckColumn is the width of the column of checks, in which longer ids are shifted to the right.
	maxCheckColumn = 34
	// minSummary is the room for objects and summary of a recommendation below which they have a line of their own.
	minSummary = 48
)

// fixed lists what the report found fixed since the previous one, problems first.
func (p *printer) fixed(text *terminal.Writer, report *v1alpha1.InspectionReport) {
	problems, recommendations := render.FixedNow(report)
	if len(problems)+len(recommendations) == 0 {
		return
	}
	var counts []string
	if n := len(problems); n > 0 {
		counts = append(counts, terminal.Count(n, "problem", "problems"))
	}
	if n := len(recommendations); n > 0 {
		counts = append(counts, terminal.Count(n, "recommendation", "recommendations"))
	}
	text.Line("")
	text.Line("%s", p.colors.Bold("Fixed since the last report: "+terminal.JoinWords(counts)))
	listed := problems
	if p.recommendations {
		listed = slices.Concat(problems, recommendations)
	}
	for i, f := range listed {
		if i == maxFixed {
			text.Line("- and %d more (see -o yaml)", len(listed)-i)
			return
		}
		text.Block("- ", "  ", p.inCluster(f.Cluster, p.symptom(v1alpha1.Finding{Object: f.Object, Message: f.Message}))+" ("+f.Check+")")
	}
}

// maxIgnored findings that ignore rules match are listed, with their symptoms.
const maxIgnored = 10

// ignored lists what ignore rules exclude, with the symptoms that are ignored since an ignored finding causes them.
func (p *printer) ignored(text *terminal.Writer, report *v1alpha1.InspectionReport) {
	groups := render.Ignored(report)
	if len(groups) == 0 {
		return
	}
	text.Line("")
	text.Line("%s", p.colors.Bold("Ignored by rules: "+terminal.Count(int(report.Summary.Ignored), "finding", "findings")))
	listed := 0
	for i, group := range groups {
		if i == maxIgnored {
			break
		}
		line := render.IgnoredSentence(report, group.IgnoredFinding) + " (" + group.Check + ", " + string(group.Severity) + ")"
		if group.Reason != "" {
			line += ": " + group.Reason
		}
		text.Block("- ", "  ", line)
		listed++
		lead := "  " + causesLabel
		for n, f := range group.Causes {
			if n == maxSymptoms {
				break
			}
			text.Block(lead, "    ", render.IgnoredSentence(report, f)+" ("+f.Check+", "+string(f.Severity)+")")
			lead = strings.Repeat(" ", utf8.RuneCountInString(lead))
			listed++
		}
	}
	if more := int(report.Summary.Ignored) - listed; more > 0 {
		text.Line("- and %d more (see -o yaml)", more)
	}
}

func (p *printer) recommendationsHeading(text *terminal.Writer, s v1alpha1.ReportSummary) {
	if s.Recommendations.Total == 0 {
		return
	}
	heading := "Recommendations: " + severities(s.Recommendations.SeverityCounts)
	hint := " (--recommendations prints them in full)"
	text.Line("")
	switch {
	case p.recommendations:
		text.Line("%s", p.colors.Bold(heading))
	case len(heading+hint) > p.width:
		text.Line("%s", p.colors.Bold(heading))
		text.Line("%s", strings.TrimSpace(hint))
	default:
		text.Line("%s%s", p.colors.Bold(heading), hint)
	}
}

// recommendationsByCheck prints one line for each check with recommendations: severity, number, check, the first objects, and what the
// check recommends. What does not fit is clipped; a narrow terminal gets a second line. Of many checks, the least severe share a line.
func (p *printer) recommendationsByCheck(text *terminal.Writer, recommendations []v1alpha1.Finding) {
	groups := render.GroupByCheck(recommendations, p.checks)
	var others []string
	if len(groups) > maxGroups {
		for _, group := range groups[maxGroups-1:] {
			others = append(others, fmt.Sprintf("%s (%d)", group.Check, len(group.Findings)))
		}
		groups = groups[:maxGroups-1]
	}
	checkWidth := 0
	for _, group := range groups {
		checkWidth = max(checkWidth, min(len(group.Check), maxCheckColumn))
	}
	room := p.width - len(indent) - len("1234  ") - checkWidth - 2
	objects := make([]string, len(groups))
	objectsWidth := 0
	for i, group := range groups {
		objects[i] = p.firstObjects(group.Findings, room)
		objectsWidth = max(objectsWidth, utf8.RuneCountInString(objects[i]))
	}
	objectsWidth = min(objectsWidth, room/2)
	for i, group := range groups {
		label := p.colors.Severity(group.Severity, fmt.Sprintf("%-8s", strings.ToUpper(string(group.Severity))))
		lead := fmt.Sprintf("%4d  %-*s", len(group.Findings), checkWidth, group.Check)
		if room < minSummary {
			text.Line("%s  %s", label, strings.TrimRight(lead, " "))
			text.Line("%s      %s", indent, clipLine(objects[i]+": "+group.Summary, p.width-len(indent)-6))
			continue
		}
		object := clipLine(objects[i], objectsWidth)
		rest := object + strings.Repeat(" ", objectsWidth-utf8.RuneCountInString(object)+2) + group.Summary
		rest = clipLine(rest, p.width-len(indent)-utf8.RuneCountInString(lead)-2)
		text.Line("%s  %s  %s", label, lead, strings.TrimRight(rest, " "))
	}
	if len(others) > 0 {
		const label = "others:         "
		text.Block(label, strings.Repeat(" ", len(indent)+6), joinFitting(others, p.width-len(label)))
	}
}

// joinFitting joins as many names as fit into a line, at least the first.
func joinFitting(names []string, width int) string {
	for n := len(names); n > 1; n-- {
		if joined := joinFirst(names, n); utf8.RuneCountInString(joined) <= width {
			return joined
		}
	}
	return joinFirst(names, 1)
}

// firstObjects names the first object of findings, or the first two if there is room.
func (p *printer) firstObjects(findings []v1alpha1.Finding, room int) string {
	var names []string
	for _, f := range findings {
		if name := p.objectOf(f); !slices.Contains(names, name) {
			names = append(names, name)
		}
		if room < 2*minSummary || len(names) == maxGroupObjects {
			break
		}
	}
	return terminal.JoinWords(names)
}
