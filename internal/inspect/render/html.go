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
	"strconv"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
)

//go:embed html/report.gohtml
var htmlTemplate string

//go:embed html/report.css
var htmlStyle string

//go:embed html/report.js
var htmlScript string

// page is the data of the template.
type page struct {
	Title, Heading, Headline, Facts string
	Policy                          string
	Style                           template.CSS
	Script                          template.JS
	Summary                         v1alpha1.ReportSummary
	// Score as text, empty for an incomplete report, and its grade: good, fair or poor. Arc is the visible part of the ring, 0 to 100.
	Score, Grade string
	Arc          int32
	// Incomplete says why there is no score.
	Incomplete string
	// Counts of the problems by severity; Severities are those of all findings.
	Counts, Severities []severityCount
	Findings           bool
	Problems           []card
	Fixed              []string
	// Ignored findings by rule, each with those that are ignored since it causes them. NotJudged is the sentence of the same name.
	Ignored                []ignoredLine
	MoreIgnored, NotJudged string
	// Recommendations by check.
	Recommendations []cardGroup
	Namespaces      []string
	ClusterScoped   bool
	Gaps            []v1alpha1.Gap
	// Clusters of a report about several, and how many were inspected.
	Clusters     []clusterLine
	ClusterCount string
	Footer       []string
	// Explained is a model's explanation of the whole report; nil for none.
	Explained *v1alpha1.Explanation
}

// clusterLine is a cluster of a report about several.
type clusterLine struct{ Name, Version, Result string }

// cardGroup has the recommendations of one check, folded.
type cardGroup struct {
	Check, Summary, Meaning, Link string
	Severity                      v1alpha1.Severity
	Cards                         []card
}

// card is a root cause on the page.
type card struct {
	*node
	New                  bool
	Since, File          string
	Link                 string
	Meaning, AffectsText string
	SymptomCount         int
	// Worst is the highest severity of the symptoms; empty unless one is more severe than the root cause.
	Worst v1alpha1.Severity
	// Explained is a model's explanation of the finding; nil for none.
	Explained *v1alpha1.Explanation
}

// writeHTML writes a self-contained page, which makes no requests.
func writeHTML(w io.Writer, report *v1alpha1.InspectionReport, options Options) error {
	parsed, err := template.New("report").Funcs(template.FuncMap{
		"spans": spans, "clean": clean,
		"object": func(o v1alpha1.ObjectReference) string { return oneLine(objectName(o)) },
		"tone":   tone,
		"within": func(finding string, evidence []v1alpha1.Evidence) anchored[[]v1alpha1.Evidence] {
			return anchored[[]v1alpha1.Evidence]{finding, evidence}
		},
		"about": func(finding string, e *v1alpha1.Explanation) anchored[*v1alpha1.Explanation] {
			return anchored[*v1alpha1.Explanation]{finding, e}
		},
		"ids":    func(finding string, ids []string) anchored[[]string] { return anchored[[]string]{finding, ids} },
		"anchor": anchor,
	}).Parse(htmlTemplate)
	if err != nil {
		return err
	}
	return parsed.Execute(w, newPage(report, options))
}

// anchored is a part of the page that belongs to a finding; an empty one is the whole report.
type anchored[T any] struct {
	Finding string
	Of      T
}

// anchor is the id of an element: that of evidence of a finding, or of a finding that the explanation of the whole report cites.
func anchor(finding, id string) string {
	id, _, _ = strings.Cut(id, ":") // lines of what a model read: t3:5-8
	if finding == "" {
		return id
	}
	return finding + "-" + id
}

// tone is the CSS class of a severity. Unknown severities look like info.
func tone(severity v1alpha1.Severity) string {
	if slices.Contains(v1alpha1.Severities(), severity) {
		return string(severity)
	}
	return string(v1alpha1.SeverityInfo)
}

func newPage(report *v1alpha1.InspectionReport, options Options) page {
	s := report.Summary
	p := page{
		Heading: oneLine(cmp.Or(options.Heading, s.Inspection, "Report")), Headline: headline(s),
		// Allows only the embedded style and script: injected markup has no effect.
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'",
			sourceHash(htmlStyle), sourceHash(htmlScript)),
		Style:   template.CSS(htmlStyle), //nolint:gosec // embedded at build time
		Script:  template.JS(htmlScript), //nolint:gosec // embedded at build time
		Summary: s, Incomplete: Incomplete(report), Counts: severityCounts(s.Problems.SeverityCounts), Severities: severityCounts(s.Counts),
		Findings: len(report.Findings) > 0, Namespaces: namespaces(report.Findings), Gaps: report.Gaps,
		ClusterScoped: slices.ContainsFunc(report.Findings, func(f v1alpha1.Finding) bool { return f.Object.Namespace == "" }),
	}
	p.Title = p.Heading + ": incomplete"
	if score := s.Score; score != nil {
		p.Title = fmt.Sprintf("%s: score %d", p.Heading, *score)
		p.Score = strconv.Itoa(int(*score))
		p.Grade = grade(*score)
		p.Arc = min(max(*score, 0), 100)
	}
	p.ClusterCount = CountClusters(report.Clusters)
	for _, c := range report.Clusters {
		p.Clusters = append(p.Clusters, clusterLine{oneLine(c.Name), oneLine(c.Version), DescribeCluster(c)})
	}
	p.NotJudged = NotJudged(s)
	p.Ignored = ignoredLines(report)
	p.MoreIgnored = MoreIgnored(report)
	p.Facts = scale(s)
	for _, note := range notes(s) {
		p.Facts += ", " + note
	}
	explained := report.Explained()
	p.Explained = explained[v1alpha1.OverallExplanation]
	p.addCards(report, options, explained)
	problems, recommendations := FixedNow(report)
	for _, f := range slices.Concat(problems, recommendations) {
		p.Fixed = append(p.Fixed, oneLine(fixedSentence(report, f)))
	}
	p.Footer = footer(report, options)
	return p
}

// addCards adds a card for each problem, and groups those of recommendations by check.
func (p *page) addCards(report *v1alpha1.InspectionReport, options Options, explained map[string]*v1alpha1.Explanation) {
	checksByID := options.checksByID()
	var recommendations []v1alpha1.Finding
	cards := map[string][]card{} // of recommendations, by check
	for _, root := range tree(report.Findings) {
		root.Where = clusterOf(report, root.Finding)
		c := newCard(root, checksByID[root.Check], report.Summary, options)
		c.Explained = explained[root.ID]
		if root.IsProblem() {
			p.Problems = append(p.Problems, c)
			continue
		}
		recommendations = append(recommendations, root.Finding)
		cards[root.Check] = append(cards[root.Check], c)
	}
	for _, group := range GroupByCheck(recommendations, options.Checks) {
		list := cards[group.Check]
		p.Recommendations = append(p.Recommendations, cardGroup{
			Check: group.Check, Summary: group.Summary, Severity: group.Severity, Meaning: list[0].Meaning, Link: list[0].Link, Cards: list,
		})
	}
}

func newCard(n *node, check check.Check, s v1alpha1.ReportSummary, options Options) card {
	c := card{node: n, Meaning: check.Meaning, SymptomCount: n.size() - 1, New: Compared(s) && n.State == v1alpha1.FindingNew}
	if worst := n.worst(); worst != n.Severity {
		c.Worst = worst
	}
	c.AffectsText = count(c.SymptomCount, "other finding", "other findings")
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

// grade is the CSS class of a score.
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
		if f.Cluster != "" && len(report.Clusters) == 0 {
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

// sourceHash is the source expression of a style or script in a Content-Security-Policy.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
