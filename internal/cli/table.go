package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/printable"
)

const (
	// indent of the lines below the first line of a finding: the widest severity and two spaces.
	indent = "          "
	// maxEvidence pieces of a finding are printed, the strongest; the file of a manifest and log lines do not count. Other formats have
	// all.
	maxEvidence = 1
	// maxLogLines are printed, the last ones.
	maxLogLines = 1
	// maxSymptoms printed below a root cause.
	maxSymptoms = 5
)

// table prints a report for people: problems in full, each with its evidence, its symptoms and the fix; then what was fixed; then one line
// for each check with recommendations.
func (p *printer) table(report *v1alpha1.InspectionReport, heading string) error {
	text := &terminal.Writer{W: p.w, Width: p.width}
	p.several = len(report.Clusters) > 0
	p.summary(text, report, heading)
	p.clusters(text, report.Clusters)
	symptoms := map[string][]v1alpha1.Finding{} // by the id of their cause; root causes are below ""
	for _, f := range report.Findings {
		symptoms[f.CausedBy] = append(symptoms[f.CausedBy], f)
	}
	explanations := report.Explained()
	p.explanation(text, "", explanations[v1alpha1.OverallExplanation])
	compared := render.Compared(report.Summary)
	var recommendations []v1alpha1.Finding
	full := func(f v1alpha1.Finding) {
		p.cause(text, f, symptoms, compared, explanations[f.ID])
		p.explanation(text, indent, explanations[f.ID])
	}
	if s := report.Summary; s.Problems.Total > 0 {
		text.Line("")
		text.Line("%s (-o html shows all evidence)", p.colors.Bold("Problems: "+severities(s.Problems.SeverityCounts)))
	}
	for _, f := range symptoms[""] {
		if f.IsProblem() {
			full(f)
		} else {
			recommendations = append(recommendations, f)
		}
	}
	p.fixed(text, report)
	p.recommendationsHeading(text, report.Summary)
	if p.recommendations {
		for _, f := range recommendations {
			full(f)
		}
	} else {
		p.recommendationsByCheck(text, recommendations)
	}
	p.ignored(text, report)
	p.omitted(text, report)
	p.gaps(text, report.Gaps)
	return text.Err
}

func (p *printer) summary(text *terminal.Writer, report *v1alpha1.InspectionReport, heading string) {
	s := report.Summary
	if incomplete := render.Incomplete(report); incomplete != "" {
		text.Block("", "", incomplete)
	}
	text.Line("%s  %s", p.colors.Bold(heading), p.colors.Dim(fmt.Sprintf("%s, %s in %.1fs",
		terminal.Count(int(s.Objects), "object", "objects"), terminal.Count(int(s.ChecksRun), "check", "checks"), s.Duration.Seconds())))
	score := "No score"
	if s.Score != nil {
		score = fmt.Sprintf("Score %d of 100", *s.Score)
	}
	text.Block("", "", fmt.Sprintf("%s: %s%s", score, render.Headline(s), p.notes(s)))
	if starting := render.NotJudged(s); starting != "" {
		text.Block("", "", starting)
	}
}

// notes are what a reader has to know to interpret the counts.
func (p *printer) notes(s v1alpha1.ReportSummary) string {
	var text string
	if s.Ignored > 0 {
		text += fmt.Sprintf(", %d ignored by rules", s.Ignored)
	}
	if s.Changes.Flapping > 0 {
		text += fmt.Sprintf(", %d flapping", s.Changes.Flapping)
	}
	if s.Gaps > 0 {
		text += ", " + render.CountGaps(s.Gaps, s.RequiredGaps)
	}
	return text
}

func severities(c v1alpha1.SeverityCounts) string {
	var parts []string
	for i, n := range []int32{c.Critical, c.High, c.Medium, c.Low, c.Info} {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v1alpha1.Severities()[i]))
		}
	}
	return strings.Join(parts, ", ")
}

// cause prints a root cause in full. It is marked as new if there is a previous report to compare with. Evidence that its explanation
// cites has its id in front.
func (p *printer) cause(
	text *terminal.Writer, f v1alpha1.Finding, symptoms map[string][]v1alpha1.Finding, compared bool, explained *v1alpha1.Explanation,
) {
	p.title(text, f, compared && f.State == v1alpha1.FindingNew)
	text.Block(indent, indent, f.Message)
	if previous := f.Previously; previous != nil && previous.Severity != f.Severity {
		text.Line("%sprevious severity: %s", indent, previous.Severity)
	}
	if f.State == v1alpha1.FindingFlapping {
		text.Line("%sflapping: returned %s within 24 hours", indent, terminal.Count(int(f.Returns), "time", "times"))
	}
	pieces := 0
	for _, e := range f.Evidence {
		located := e.Source == v1alpha1.EvidenceSpec && strings.HasPrefix(e.Text, inspect.FilePrefix)
		if e.Source != v1alpha1.EvidenceLog && !located {
			pieces++
		}
		switch {
		case cites(explained, e.ID):
			p.evidence(text, e.ID+" ", e)
		case pieces <= maxEvidence || e.Source == v1alpha1.EvidenceLog:
			p.evidence(text, "", e)
		}
	}
	for _, also := range f.Also {
		text.Block(indent+"also: ", indent+"      ", also.Message)
	}
	p.symptoms(text, f, symptoms)
	if f.Remediation != "" {
		text.Block(indent+"fix: ", indent+"     ", f.Remediation)
	}
}

// newMark follows the object of a finding that the previous report did not have.
const newMark = "  NEW"

// title prints the first line of a finding: severity, object and, right-aligned, the check.
func (p *printer) title(text *terminal.Writer, f v1alpha1.Finding, isNew bool) {
	label := fmt.Sprintf("%-8s", strings.ToUpper(string(f.Severity)))
	object := p.objectOf(f)
	mark := ""
	if isNew {
		mark = newMark
	}
	space := max(p.width-len(indent)-utf8.RuneCountInString(object+mark)-len(f.Check), 2)
	text.Line("%s  %s%s%s%s", p.colors.Severity(f.Severity, label), p.colors.Bold(object), p.colors.Bold(mark), strings.Repeat(" ", space),
		p.colors.Dim(f.Check))
}

// evidence prints one piece of evidence in one line, or the last lines of a log, after an id.
func (p *printer) evidence(text *terminal.Writer, id string, e v1alpha1.Evidence) {
	lead := fmt.Sprintf("- %s%s: ", id, e.Source)
	lines := []string{e.Text}
	if e.Source == v1alpha1.EvidenceLog {
		lines = tellingLines(strings.Split(strings.TrimRight(e.Text, "\n"), "\n"))
	}
	for _, line := range lines {
		text.Line("%s%s%s", indent, lead, clipLine(line, p.width-len(indent)-len(lead)))
	}
}

// tellingLines are the lines of a log to print: those up to the last one that reports an error and says which, or the last ones. Standard
// output and standard error are different pipes: a line of one can come after the error in the other.
func tellingLines(lines []string) []string {
	end := len(lines)
	trailer := false
	for i, line := range slices.Backward(lines) {
		if !event.LevelOf(line).Bad() {
			continue
		}
		if !isTrailer(line) {
			end = i + 1
			break
		}
		if !trailer { // without another, it is better than none
			end = i + 1
			trailer = true
		}
	}
	return lines[max(end-maxLogLines, 0):end]
}

// isTrailer reports whether a line only follows an error: package managers, build tools and runtimes end so.
func isTrailer(line string) bool {
	lower := strings.ToLower(line)
	for _, trailer := range []string{
		"a complete log of this run", "elifecycle", "npm err! errno", "npm error errno", "this is probably not a problem with npm",
		"exit status ", "failed with exit code", "exited with code", "note: run with `rust_backtrace", "for more information",
	} {
		if strings.Contains(lower, trailer) {
			return true
		}
	}
	rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(lower, "npm err!"), "npm error"))
	return rest == ""
}

// causesLabel precedes the first symptom.
const causesLabel = "which causes: "

// symptoms prints the tree of findings that a root cause explains. The first is in the line of the label, the others are indented less, to
// have more room. Findings on one object that share a cause are one line.
func (p *printer) symptoms(text *terminal.Writer, cause v1alpha1.Finding, symptoms map[string][]v1alpha1.Finding) {
	type entry struct {
		text  string
		id    string
		depth int
	}
	var stack []entry
	push := func(id string, depth int) {
		var entries []entry
		for _, group := range byObject(symptoms[id], symptoms) {
			line := p.symptom(group[0])
			for _, other := range group[1:] {
				line += " (also " + other.Check + ")"
			}
			entries = append(entries, entry{line, group[0].ID, depth})
		}
		slices.Reverse(entries)
		stack = append(stack, entries...)
	}
	push(cause.ID, 0)
	for shown := 0; len(stack) > 0; shown++ {
		next := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if shown == maxSymptoms {
			text.Line("%s  and more, %s in total (see -o yaml)", indent, terminal.Count(int(cause.Affects), "finding", "findings"))
			return
		}
		lead := indent + "  "
		switch {
		case shown == 0:
			lead = indent + causesLabel
		case next.depth > 0:
			lead += strings.Repeat("  ", next.depth-1) + "└ "
		}
		text.Block(lead, indent+strings.Repeat("  ", next.depth+2), next.text)
		push(next.id, next.depth+1)
	}
}

// byObject joins findings that cause nothing with an earlier one on the same object. The order stays.
func byObject(findings []v1alpha1.Finding, symptoms map[string][]v1alpha1.Finding) [][]v1alpha1.Finding {
	position := map[v1alpha1.ObjectReference]int{}
	var groups [][]v1alpha1.Finding
	for _, f := range findings {
		if i, known := position[f.Object]; known && len(symptoms[f.ID]) == 0 {
			groups[i] = append(groups[i], f)
			continue
		}
		position[f.Object] = len(groups)
		groups = append(groups, []v1alpha1.Finding{f})
	}
	return groups
}

// symptom describes a finding in one line. It adds the object unless the message names it.
func (p *printer) symptom(f v1alpha1.Finding) string {
	if strings.Contains(f.Message, f.Object.Kind+" "+f.Object.Name) {
		return f.Message
	}
	return objectName(f.Object) + ": " + f.Message
}

// omitted counts the findings that did not fit into the report.
func (p *printer) omitted(text *terminal.Writer, report *v1alpha1.InspectionReport) {
	if !report.Summary.Truncated {
		return
	}
	var parts []string
	for _, o := range report.Omitted {
		parts = append(parts, fmt.Sprintf("%s (%d)", o.Check, o.Count))
	}
	text.Line("")
	text.Line("%s", p.colors.Bold("Omitted: the report exceeded its size limit"))
	text.Block("- ", "  ", joinFirst(parts, 10))
	text.Block("  fix: ", "       ", "Fix the worst findings first, or inspect fewer namespaces or checks.")
}

func (p *printer) gaps(text *terminal.Writer, gaps []v1alpha1.Gap) {
	if len(gaps) == 0 {
		return
	}
	text.Line("")
	text.Line("%s", p.colors.Bold("Not inspected"))
	for _, g := range gaps {
		lead := "- "
		if g.Optional {
			lead = "- optional: "
		}
		text.Block(lead, "  ", p.inCluster(g.Cluster, g.Message))
		if len(g.Checks) > 0 {
			text.Block("  affected checks: ", "    ", joinFirst(g.Checks, 3))
		}
		if g.Remediation != "" {
			text.Block("  fix: ", "       ", g.Remediation)
		}
	}
}

// joinFirst joins the first words up to the limit and counts the rest.
func joinFirst(words []string, limit int) string {
	if len(words) <= limit {
		return terminal.JoinWords(words)
	}
	return terminal.JoinWords(words[:limit]) + fmt.Sprintf(" and %d more", len(words)-limit)
}

// objectOf is the name of the object of a finding, with its cluster in a report about several.
func (p *printer) objectOf(f v1alpha1.Finding) string {
	if !p.several || f.Cluster == "" {
		return objectName(f.Object)
	}
	return objectName(f.Object) + " (" + printable.Line(f.Cluster) + ")"
}

// inCluster puts the cluster before a message that does not name it, in a report about several.
func (p *printer) inCluster(cluster, message string) string {
	if !p.several {
		return message
	}
	return render.InCluster(cluster, message)
}

// objectName returns Kind namespace/name, or Kind name for cluster-scoped objects, printable.
func objectName(o v1alpha1.ObjectReference) string {
	if o.Namespace == "" {
		return printable.Line(o.Kind + " " + o.Name)
	}
	return printable.Line(o.Kind + " " + o.Namespace + "/" + o.Name)
}

// clipLine truncates a line, made printable, to a width in runes.
func clipLine(line string, width int) string {
	line = printable.Line(line)
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:max(width-1, 1)]) + "…"
}
