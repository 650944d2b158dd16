package cli

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// indent of everything that belongs to a finding: as wide as the widest severity and two spaces.
	indent = "          "
	// shownEvidence pieces of a finding; the rest is in -o yaml.
	shownEvidence = 4
	// shownSymptoms below one cause.
	shownSymptoms = 12
)

// table prints a report for people: causes first, each with its evidence, what it breaks, and what to do.
func (p *printer) table(report *v1alpha1.InspectionReport, heading string) error {
	text := &textWriter{w: p.w, width: p.width}
	p.summary(text, report, heading)
	below := map[string][]v1alpha1.Finding{}
	for _, f := range report.Findings {
		below[f.CausedBy] = append(below[f.CausedBy], f)
	}
	words := explanations(report)
	p.explained(text, "", words[v1alpha1.OverallExplanation])
	single, groups := together(below)
	for _, f := range single {
		text.line("")
		p.cause(text, f, below)
		p.explained(text, indent, words[f.ID])
	}
	for _, group := range groups {
		text.line("")
		p.alike(text, group)
	}
	p.omitted(text, report)
	p.gaps(text, report.Gaps)
	return text.err
}

func (p *printer) summary(text *textWriter, report *v1alpha1.InspectionReport, heading string) {
	s := report.Summary
	text.line("%s  %s", p.colors.bold(heading), p.colors.dim(fmt.Sprintf("%s, %s in %.1fs",
		count(int(s.Objects), "object", "objects"), count(int(s.ChecksRun), "check", "checks"), s.Duration.Seconds())))
	if s.Counts.Total() == 0 {
		text.block("", "", fmt.Sprintf("Score %d of 100: nothing found%s", s.Score, p.also(s)))
		return
	}
	text.block("", "", fmt.Sprintf("Score %d of 100: %s behind %s (%s)%s", s.Score, count(int(s.RootCauses), "root cause", "root causes"),
		count(int(s.Counts.Total()), "finding", "findings"), severities(s.Counts), p.also(s)))
}

// also tells what a person must know to trust the numbers.
func (p *printer) also(s v1alpha1.ReportSummary) string {
	var text string
	if s.Ignored > 0 {
		text += fmt.Sprintf(", %d ignored by rule", s.Ignored)
	}
	if s.Changes.Fixed > 0 {
		text += fmt.Sprintf(", %d fixed since the last report", s.Changes.Fixed)
	}
	if s.Changes.Flapping > 0 {
		text += fmt.Sprintf(", %d flapping", s.Changes.Flapping)
	}
	if s.Gaps > 0 {
		text += ", " + count(int(s.Gaps), "gap", "gaps")
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

func (p *printer) cause(text *textWriter, f v1alpha1.Finding, below map[string][]v1alpha1.Finding) {
	label := fmt.Sprintf("%-8s", strings.ToUpper(string(f.Severity)))
	object := objectName(f.Object)
	gap := max(p.width-len(indent)-utf8.RuneCountInString(object)-len(f.Check), 2)
	text.line("%s  %s%s%s", p.colors.severity(f.Severity, label), p.colors.bold(object), strings.Repeat(" ", gap), p.colors.dim(f.Check))
	text.block(indent, indent, f.Message)
	if was := f.Previously; was != nil && was.Severity != f.Severity {
		text.line("%s%s in the report before", indent, was.Severity)
	}
	if f.State == v1alpha1.FindingFlapping {
		text.line("%sflapping: came back %s within a day", indent, count(int(f.Returns), "time", "times"))
	}
	for i, e := range f.Evidence {
		if i == shownEvidence {
			text.line("%s- and %d more in -o yaml", indent, len(f.Evidence)-i)
			break
		}
		p.evidence(text, e)
	}
	p.symptoms(text, f, below)
	if f.Remediation != "" {
		text.block(indent+"fix: ", indent+"     ", f.Remediation)
	}
}

// evidence prints one piece. Log lines keep their breaks, since they are read as lines.
func (p *printer) evidence(text *textWriter, e v1alpha1.Evidence) {
	if e.Source != v1alpha1.EvidenceLog {
		text.block(fmt.Sprintf("%s- %s: ", indent, e.Source), indent+"  ", e.Text)
		return
	}
	text.line("%s- log:", indent)
	for _, line := range strings.Split(strings.TrimRight(e.Text, "\n"), "\n") {
		text.line("%s  %s %s", indent, p.colors.dim("|"), clipLine(line, p.width-len(indent)-4))
	}
}

// symptoms prints the tree of what a cause breaks.
func (p *printer) symptoms(text *textWriter, cause v1alpha1.Finding, below map[string][]v1alpha1.Finding) {
	type entry struct {
		finding v1alpha1.Finding
		depth   int
	}
	var stack []entry
	push := func(id string, depth int) {
		children := below[id]
		for i := len(children) - 1; i >= 0; i-- {
			stack = append(stack, entry{children[i], depth})
		}
	}
	push(cause.ID, 0)
	for shown := 0; len(stack) > 0; shown++ {
		e := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if shown == shownSymptoms {
			text.line("%sbreaks also %d more", indent, int(cause.Affects)-shown)
			return
		}
		lead := indent + "breaks " + strings.Repeat("  ", e.depth)
		if e.depth > 0 {
			lead = indent + "       " + strings.Repeat("  ", e.depth-1) + "└ "
		}
		further := strings.Repeat(" ", utf8.RuneCountInString(lead))
		text.block(lead, further, p.symptom(e.finding))
		push(e.finding.ID, e.depth+1)
	}
}

// symptom is a finding in one line. A message that names its object needs it only once.
func (p *printer) symptom(f v1alpha1.Finding) string {
	if strings.Contains(f.Message, f.Object.Kind+" "+f.Object.Name) {
		return f.Message
	}
	return objectName(f.Object) + ": " + f.Message
}

// omitted says what a report that was too large does not tell.
func (p *printer) omitted(text *textWriter, report *v1alpha1.InspectionReport) {
	if !report.Summary.Truncated {
		return
	}
	var parts []string
	for _, o := range report.Omitted {
		parts = append(parts, fmt.Sprintf("%d of %s", o.Count, o.Check))
	}
	text.line("")
	text.line("%s", p.colors.bold("Left out, since the report was too large"))
	text.block("- ", "  ", fewWords(parts, 10))
	text.block("  fix: ", "       ", "Mend the worst causes first, or narrow the inspection by namespace or checks.")
}

func (p *printer) gaps(text *textWriter, gaps []v1alpha1.Gap) {
	if len(gaps) == 0 {
		return
	}
	text.line("")
	text.line("%s", p.colors.bold("Not inspected"))
	for _, g := range gaps {
		text.block("- ", "  ", g.Message)
		if len(g.Checks) > 0 {
			text.block("  hurts: ", "         ", fewWords(g.Checks, 6))
		}
		if g.Remediation != "" {
			text.block("  fix: ", "       ", g.Remediation)
		}
	}
}

func fewWords(words []string, limit int) string {
	if len(words) <= limit {
		return joinWords(words)
	}
	return joinWords(words[:limit]) + fmt.Sprintf(" and %d more", len(words)-limit)
}

// objectName is Kind namespace/name.
func objectName(o v1alpha1.ObjectReference) string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// clipLine cuts a line that is longer than the terminal is wide.
func clipLine(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:max(width-1, 1)]) + "…"
}
