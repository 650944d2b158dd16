// Package render writes a report as JSON, YAML, SARIF, JUnit XML, Markdown, HTML or a Report of openreports.io. The table of the
// command line is in package cli, since it depends on the terminal.
//
// A report contains text from the cluster, some of which anyone who can create a Pod controls. Every format escapes it: it must not
// become markup, links or mentions where the report is displayed.
package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

// Options add data that the report itself lacks. The zero value is valid.
type Options struct {
	// Checks describe the checks of the findings. Findings of other checks are rendered without a description.
	Checks []check.Check
	// Version of KubeOps; empty if unknown.
	Version string
	// Heading names what was inspected, for example the cluster.
	Heading string
	// FailOn is the severity from which findings make the command fail; empty for none. JUnit reports recommendations from this severity
	// as failures.
	FailOn v1alpha1.Severity
	// Locate finds the manifest of an object: a path relative to the root of the sources, and a line from 1, or 0 if unknown. It is
	// nil for live clusters.
	Locate func(v1alpha1.ObjectReference) (file string, line int, ok bool)
}

func writers() map[string]func(io.Writer, *v1alpha1.InspectionReport, Options) error {
	return map[string]func(io.Writer, *v1alpha1.InspectionReport, Options) error{
		"json": writeJSON, "yaml": writeYAML, "sarif": writeSARIF, "junit": writeJUnit, "markdown": writeMarkdown, "html": writeHTML,
	}
}

// Formats lists the formats that Write supports.
func Formats() []string { return []string{"json", "yaml", "sarif", "junit", "markdown", "html"} }

// Write writes the report in one of Formats. It does not modify the report.
func Write(w io.Writer, format string, report *v1alpha1.InspectionReport, options Options) error {
	write, known := writers()[format]
	if !known {
		return fmt.Errorf("unknown format %q: must be one of %s", format, strings.Join(Formats(), ", "))
	}
	if format != "json" && format != "yaml" { // which are exact
		report = several(report)
	}
	return write(w, report, options)
}

// checksByID indexes Checks.
func (o Options) checksByID() map[string]check.Check {
	byID := make(map[string]check.Check, len(o.Checks))
	for _, c := range o.Checks {
		byID[c.ID] = c
	}
	return byID
}

// fails reports whether FailOn covers a severity.
func (o Options) fails(severity v1alpha1.Severity) bool {
	return o.FailOn != "" && severity.Rank() <= o.FailOn.Rank()
}

// locate calls Locate, if set, and returns paths with forward slashes.
func (o Options) locate(object v1alpha1.ObjectReference) (file string, line int, ok bool) {
	if o.Locate == nil {
		return "", 0, false
	}
	file, line, ok = o.Locate(object)
	if !ok || file == "" {
		return "", 0, false
	}
	return strings.TrimPrefix(strings.ReplaceAll(file, `\`, "/"), "./"), max(line, 0), true
}

// node is a finding with the findings that it causes.
type node struct {
	v1alpha1.Finding
	Symptoms []*node
	// Where is the cluster of a root cause; empty unless the report is about several.
	Where string
}

// tree arranges findings below their causes, in the order of the report. No finding is lost: one without its cause in the report, or
// in a cycle of causes, becomes a root.
func tree(findings []v1alpha1.Finding) []*node {
	known := make(map[string]bool, len(findings))
	children := map[string][]int{}
	for i, f := range findings {
		known[f.ID] = true
		children[f.CausedBy] = append(children[f.CausedBy], i)
	}
	placed := make([]bool, len(findings))
	var place func(i int) *node
	place = func(i int) *node {
		placed[i] = true
		n := &node{Finding: findings[i]}
		for _, child := range children[n.ID] {
			if n.ID != "" && !placed[child] {
				n.Symptoms = append(n.Symptoms, place(child))
			}
		}
		return n
	}
	var roots []*node
	for i, f := range findings {
		if f.CausedBy == "" || !known[f.CausedBy] {
			roots = append(roots, place(i))
		}
	}
	for i := range findings {
		if !placed[i] {
			roots = append(roots, place(i))
		}
	}
	return roots
}

// size is the number of findings in the tree of a node.
func (n *node) size() int {
	count := 1
	for _, child := range n.Symptoms {
		count += child.size()
	}
	return count
}

// worst is the highest severity in the tree of a node.
func (n *node) worst() v1alpha1.Severity {
	worst := n.Severity
	for _, child := range n.Symptoms {
		if severity := child.worst(); severity.Rank() < worst.Rank() {
			worst = severity
		}
	}
	return worst
}

// objectName returns Kind namespace/name, or Kind name for cluster-scoped objects, in one printable line.
func objectName(o v1alpha1.ObjectReference) string {
	if o.Namespace == "" {
		return printable.Line(o.Kind + " " + o.Name)
	}
	return printable.Line(o.Kind + " " + o.Namespace + "/" + o.Name)
}

// sentence describes a finding in one line. It adds the object unless the message names it.
func sentence(f v1alpha1.Finding) string {
	if strings.Contains(f.Message, f.Object.Kind+" "+f.Object.Name) {
		return f.Message
	}
	return objectName(f.Object) + ": " + f.Message
}

// scale counts what was inspected.
func scale(s v1alpha1.ReportSummary) string {
	return fmt.Sprintf("%s, %s in %.1fs",
		count(int(s.Objects), "object", "objects"), count(int(s.ChecksRun), "check", "checks"), s.Duration.Seconds())
}

// severityCount is the number of findings of a severity.
type severityCount struct {
	Severity v1alpha1.Severity
	Count    int32
}

func severityCounts(c v1alpha1.SeverityCounts) []severityCount {
	numbers := c.BySeverity()
	list := make([]severityCount, 0, len(numbers))
	for i, severity := range v1alpha1.Severities() {
		list = append(list, severityCount{severity, numbers[i]})
	}
	return list
}

// notes are what a reader has to know to interpret the counts of a report.
func notes(s v1alpha1.ReportSummary) []string {
	var list []string
	add := func(n int32, one, many string) {
		if n > 0 {
			list = append(list, count(int(n), one, many))
		}
	}
	if Compared(s) {
		add(s.Changes.NewRootCauses, "new since the last report", "new since the last report")
	}
	add(s.Changes.FixedRootCauses, "fixed since the last report", "fixed since the last report")
	add(s.Ignored, "ignored by rules", "ignored by rules")
	if s.Gaps > 0 {
		list = append(list, CountGaps(s.Gaps, s.RequiredGaps))
	}
	return list
}

// CountGaps counts required and optional gaps, for example "1 gap, 2 optional gaps". It is the same text in every output, and its first
// number that of Incomplete.
func CountGaps(total, required int32) string {
	optional := count(int(total-required), "optional gap", "optional gaps")
	switch {
	case required == 0:
		return optional
	case total <= required:
		return count(int(required), "gap", "gaps")
	default:
		return count(int(required), "gap", "gaps") + ", " + optional
	}
}

// Compared reports whether there was a previous report. In a first report every finding is new, which is not worth showing.
func Compared(s v1alpha1.ReportSummary) bool {
	return s.Changes.Persisting > 0 || s.Changes.Fixed > 0 || s.Changes.Flapping > 0
}

// NotJudged counts the workloads that the startup grace keeps out of the findings, with the next step; empty for none.
func NotJudged(s v1alpha1.ReportSummary) string {
	if s.Starting == nil || s.Starting.Workloads == 0 {
		return ""
	}
	n := int(s.Starting.Workloads)
	return fmt.Sprintf("%s not judged yet: not ready, for less than the startup grace of %s. Inspect again later, or shorten the grace "+
		"(--startup-grace, spec.thresholds.startupGrace).", count(n, "workload is", "workloads are"),
		phrase.Duration(s.Starting.Grace.Duration))
}

// Incomplete returns why a report has no score, in one line; empty for a report with a score. Every format shows it first.
func Incomplete(report *v1alpha1.InspectionReport) string {
	if report.Summary.Complete() {
		return ""
	}
	line := fmt.Sprintf("Incomplete: %s, no score.", count(int(report.Summary.RequiredGaps), "gap", "gaps"))
	if gaps := report.NotRead(); len(gaps) > 0 {
		line += " First gap: " + strings.TrimSuffix(oneLine(gaps[0].Message), ".") + "."
	}
	return line
}

// Headline counts problems and recommendations, for example "13 problems, 78 recommendations". It is the same text in every output.
func Headline(s v1alpha1.ReportSummary) string {
	if s.Problems.Total+s.Recommendations.Total == 0 {
		return "no findings"
	}
	problems := "no problems"
	if n := s.Problems.Total; n > 0 {
		problems = count(int(n), "problem", "problems")
	}
	if s.Recommendations.Total == 0 {
		return problems
	}
	return problems + ", " + count(int(s.Recommendations.Total), "recommendation", "recommendations")
}

// headline is Headline as the start of a sentence.
func headline(s v1alpha1.ReportSummary) string {
	text := Headline(s)
	return strings.ToUpper(text[:1]) + text[1:]
}

// count writes a number with its noun.
func count(n int, one, many string) string {
	return text.CountOf(n, one, many)
}

// namespaces returns the sorted namespaces of the findings.
func namespaces(findings []v1alpha1.Finding) []string {
	var names []string
	for _, f := range findings {
		if f.Object.Namespace != "" {
			names = append(names, f.Object.Namespace)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
