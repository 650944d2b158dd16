// Package render writes a report in the formats that other programs and people read: JSON, YAML, SARIF, JUnit XML,
// Markdown, HTML, and the Report objects of openreports.io. The table of the command line is not here, since it depends on
// a terminal.
//
// A report quotes what stands in a cluster, and whoever may create a Pod chooses some of those words. Every format
// escapes them, so that they cannot become markup, links or mentions where the report is shown.
package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
)

// Options are what a report does not know of itself. The zero value is useful.
type Options struct {
	// Checks is the catalogue that the findings' checks are explained from. A finding of a check that is not in it is
	// shown without.
	Checks []check.Check
	// Version of KubeOps; empty when it is not known.
	Version string
	// Heading says what was inspected, for people, for example the cluster's name.
	Heading string
	// Locate finds the manifest of an object: a path relative to the root of the sources, and a line from 1, or 0 when the
	// line is not known. Nil for live clusters.
	Locate func(v1alpha1.ObjectReference) (file string, line int, ok bool)
}

// writers has a function for every format.
func writers() map[string]func(io.Writer, *v1alpha1.InspectionReport, Options) error {
	return map[string]func(io.Writer, *v1alpha1.InspectionReport, Options) error{
		"json": writeJSON, "yaml": writeYAML, "sarif": writeSARIF, "junit": writeJUnit, "markdown": writeMarkdown, "html": writeHTML,
	}
}

// Formats lists the formats that Write knows, the plainest first.
func Formats() []string { return []string{"json", "yaml", "sarif", "junit", "markdown", "html"} }

// Write writes the report in one of Formats. It changes nothing in the report.
func Write(w io.Writer, format string, report *v1alpha1.InspectionReport, options Options) error {
	write, known := writers()[format]
	if !known {
		return fmt.Errorf("unknown format %q; known are %s", format, strings.Join(Formats(), ", "))
	}
	return write(w, report, options)
}

// catalogue finds checks by id.
func (o Options) catalogue() map[string]check.Check {
	byID := make(map[string]check.Check, len(o.Checks))
	for _, c := range o.Checks {
		byID[c.ID] = c
	}
	return byID
}

// locate calls Locate where there is one, and returns paths with forward slashes.
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

// node is a finding with the findings that it explains.
type node struct {
	v1alpha1.Finding
	Below []*node
}

// explanations of a report by what they explain, without those that were dropped.
func explanations(report *v1alpha1.InspectionReport) map[string]*v1alpha1.Explanation {
	kept := map[string]*v1alpha1.Explanation{}
	for i, e := range report.Explanations {
		if e.Dropped == "" {
			kept[e.ID] = &report.Explanations[i]
		}
	}
	return kept
}

// tree arranges findings below their causes, in the report's order. No finding is lost: one whose cause is not in the
// report, or that is its own cause in a circle, is a root.
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
				n.Below = append(n.Below, place(child))
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

// size is the number of findings at and below a node.
func (n *node) size() int {
	count := 1
	for _, child := range n.Below {
		count += child.size()
	}
	return count
}

// objectName is Kind namespace/name.
func objectName(o v1alpha1.ObjectReference) string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// sentence is a finding in one line. A message that names its object needs it only once.
func sentence(f v1alpha1.Finding) string {
	if strings.Contains(f.Message, f.Object.Kind+" "+f.Object.Name) {
		return f.Message
	}
	return objectName(f.Object) + ": " + f.Message
}

// severityCount is one line of a summary.
type severityCount struct {
	Severity v1alpha1.Severity
	Count    int32
}

func severityCounts(c v1alpha1.SeverityCounts) []severityCount {
	numbers := []int32{c.Critical, c.High, c.Medium, c.Low, c.Info}
	list := make([]severityCount, 0, len(numbers))
	for i, severity := range v1alpha1.Severities() {
		list = append(list, severityCount{severity, numbers[i]})
	}
	return list
}

// notes are what a person must know to trust the numbers of a report.
func notes(s v1alpha1.ReportSummary) []string {
	var list []string
	add := func(n int32, one, many string) {
		if n > 0 {
			list = append(list, count(int(n), one, many))
		}
	}
	if compared(s) {
		add(s.Changes.New, "new since the last report", "new since the last report")
	}
	add(s.Changes.Fixed, "fixed since the last report", "fixed since the last report")
	add(s.Ignored, "ignored by rule", "ignored by rule")
	add(s.Gaps, "gap", "gaps")
	return list
}

// compared says whether there was an earlier report to compare with. In a first report, all is new, and to say so of every
// finding tells nothing.
func compared(s v1alpha1.ReportSummary) bool { return s.Changes.Persisting > 0 || s.Changes.Fixed > 0 }

// verdict is the report in one sentence.
func verdict(s v1alpha1.ReportSummary) string {
	if s.Counts.Total() == 0 {
		return "Nothing found"
	}
	return fmt.Sprintf("%s behind %s", count(int(s.RootCauses), "root cause", "root causes"),
		count(int(s.Counts.Total()), "finding", "findings"))
}

// count writes a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// namespaces of the report's findings, each once, in order; cluster-scoped objects add none.
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
