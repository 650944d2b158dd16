package render

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
)

//go:embed html/report.gohtml
var htmlTemplate string

//go:embed html/report.css
var htmlStyle string

//go:embed html/report.js
var htmlScript string

// page is what the template of a report is filled with.
type page struct {
	Title, Heading, Verdict, Facts string
	Policy                         string
	Style                          template.CSS
	Script                         template.JS
	Summary                        v1alpha1.ReportSummary
	// Grade of the score: good, fair or poor. Arc is the part of the ring that is drawn, from 0 to 100.
	Grade         string
	Arc           int32
	Counts        []severityCount
	Findings      bool
	Causes        []card
	Namespaces    []string
	ClusterScoped bool
	Gaps          []v1alpha1.Gap
	Footer        []string
	// Explained is what a model said of the whole; nil where none did.
	Explained *v1alpha1.Explanation
}

// card is a root cause with all that the page shows of it.
type card struct {
	*node
	New                 bool
	Since, File         string
	Link                string
	Meaning, BreaksText string
	Breaks              int
	// Explained is what a model said of it; nil where none did.
	Explained *v1alpha1.Explanation
}

// writeHTML writes one file that needs nothing else: no request leaves the reader's browser.
func writeHTML(w io.Writer, report *v1alpha1.InspectionReport, options Options) error {
	parsed, err := template.New("report").Funcs(template.FuncMap{
		"spans": spans, "clean": clean,
		"object": func(o v1alpha1.ObjectReference) string { return oneLine(objectName(o)) },
		"tone":   tone,
	}).Parse(htmlTemplate)
	if err != nil {
		return err
	}
	return parsed.Execute(w, newPage(report, options))
}

// tone is the class of a severity. A severity that is not known looks like info.
func tone(severity v1alpha1.Severity) string {
	if slices.Contains(v1alpha1.Severities(), severity) {
		return string(severity)
	}
	return string(v1alpha1.SeverityInfo)
}

func newPage(report *v1alpha1.InspectionReport, options Options) page {
	s := report.Summary
	p := page{
		Heading: oneLine(cmp.Or(options.Heading, s.Inspection, "Report")), Verdict: verdict(s),
		// Only this very style and script are allowed, so that markup that slipped through could do nothing.
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
			sourceHash(htmlStyle), sourceHash(htmlScript)),
		Style:   template.CSS(htmlStyle), //nolint:gosec // embedded in the program
		Script:  template.JS(htmlScript), //nolint:gosec // embedded in the program
		Summary: s, Grade: grade(s.Score), Arc: min(max(s.Score, 0), 100), Counts: severityCounts(s.Counts),
		Findings: len(report.Findings) > 0, Namespaces: namespaces(report.Findings), Gaps: report.Gaps,
		ClusterScoped: slices.ContainsFunc(report.Findings, func(f v1alpha1.Finding) bool { return f.Object.Namespace == "" }),
	}
	p.Title = fmt.Sprintf("%s: score %d", p.Heading, s.Score)
	p.Facts = fmt.Sprintf("%s, %s in %.1fs", count(int(s.Objects), "object", "objects"), count(int(s.ChecksRun), "check", "checks"), s.Duration.Seconds())
	for _, note := range notes(s) {
		p.Facts += ", " + note
	}
	catalogue := options.catalogue()
	words := explanations(report)
	p.Explained = words[v1alpha1.OverallExplanation]
	for _, n := range tree(report.Findings) {
		c := newCard(n, catalogue[n.Check], s, options)
		c.Explained = words[n.ID]
		p.Causes = append(p.Causes, c)
	}
	p.Footer = footer(report, options)
	return p
}

func newCard(n *node, check check.Check, s v1alpha1.ReportSummary, options Options) card {
	c := card{node: n, Meaning: check.Meaning, Breaks: n.size() - 1, New: compared(s) && n.State == v1alpha1.FindingNew}
	c.BreaksText = count(c.Breaks, "other thing", "other things")
	if link, err := url.Parse(check.Link); err == nil && link.Scheme == "https" {
		c.Link = check.Link
	}
	if n.FirstSeen != nil && !n.FirstSeen.Equal(&s.StartTime) {
		c.Since = n.FirstSeen.UTC().Format("2006-01-02 15:04 UTC")
	}
	if file, line, ok := options.locate(n.Object); ok {
		c.File = oneLine(file)
		if line > 0 {
			c.File = fmt.Sprintf("%s:%d", c.File, line)
		}
	}
	return c
}

// grade is the colour of a score.
func grade(score int32) string {
	switch {
	case score >= 90:
		return "good"
	case score >= 60:
		return "fair"
	default:
		return "poor"
	}
}

func footer(report *v1alpha1.InspectionReport, options Options) []string {
	var list []string
	if start := report.Summary.StartTime; !start.IsZero() {
		list = append(list, start.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if name := report.Summary.Inspection; name != "" {
		list = append(list, "Inspection "+oneLine(name))
	}
	if report.Name != "" {
		list = append(list, "Report "+oneLine(report.Namespace+"/"+report.Name))
	}
	for _, f := range report.Findings {
		if f.Cluster != "" {
			list = append(list, "Cluster "+oneLine(f.Cluster))
			break
		}
	}
	version := "KubeOps"
	if options.Version != "" {
		version += " " + oneLine(options.Version)
	}
	return append(list, version)
}

// sourceHash is how a Content-Security-Policy names one style or script by its content.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
