package render

import (
	"cmp"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	// sarifRoot is the conventional name of the root of the sources.
	sarifRoot = "%SRCROOT%"
	// sarifFingerprint is the key of the finding's id, which is stable across runs.
	sarifFingerprint = "kubeopsFindingId/v1"
)

// writeSARIF writes SARIF 2.1.0, which code hosts and editors read.
func writeSARIF(w io.Writer, report *v1alpha1.InspectionReport, options Options) error {
	s := &sarif{report: report, options: options}
	return JSON(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{s.run()}})
}

type sarif struct {
	report  *v1alpha1.InspectionReport
	options Options
	// located is set when any object has a file.
	located bool
}

func (s *sarif) run() sarifRun {
	rules, index := s.rules()
	summary := s.report.Summary
	run := sarifRun{
		Tool:        sarifTool{Driver: sarifDriver{Name: "KubeOps", Rules: rules}},
		Invocations: []sarifInvocation{{ExecutionSuccessful: summary.Complete()}},
		ColumnKind:  "utf16CodeUnits",
		Results:     s.results(index),
		Properties: map[string]any{
			"complete": summary.Complete(), "problems": summary.Problems, "recommendations": summary.Recommendations,
			"counts": summary.Counts, "truncated": summary.Truncated,
		},
	}
	if summary.Score != nil {
		run.Properties["score"] = *summary.Score
	}
	if len(s.report.Clusters) > 0 {
		run.Properties["clusters"] = s.report.Clusters
	}
	if s.options.Heading != "" {
		run.Properties["inspected"] = s.options.Heading
	}
	driver := &run.Tool.Driver
	driver.Version = s.options.Version
	if version, ok := strings.CutPrefix(s.options.Version, "v"); ok {
		driver.SemanticVersion = version
	}
	invocation := &run.Invocations[0]
	if start := summary.StartTime; !start.IsZero() {
		invocation.StartTimeUTC = utc(start.Time)
		invocation.EndTimeUTC = utc(start.Add(summary.Duration.Duration))
	}
	driver.Notifications, invocation.ToolExecutionNotifications = sarifGaps(s.report.Gaps)
	if s.located {
		run.OriginalURIBaseIDs = map[string]sarifBaseURI{sarifRoot: {Description: sarifMessage{Text: "The root of the inspected sources."}}}
	}
	return run
}

func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// rules returns a rule for each check in the options and for any other check with findings, and their indexes.
func (s *sarif) rules() ([]sarifDescriptor, map[string]int) {
	rules := make([]sarifDescriptor, 0, len(s.options.Checks))
	index := map[string]int{}
	add := func(c check.Check) {
		if _, there := index[c.ID]; !there {
			index[c.ID] = len(rules)
			rules = append(rules, sarifRule(c))
		}
	}
	for _, c := range s.options.Checks {
		add(c)
	}
	for _, f := range s.report.Findings {
		add(check.Check{ID: f.Check, Category: f.Category, Class: f.ClassOrDefault(), Severity: f.Severity, Summary: f.Check})
	}
	return rules, index
}

func sarifRule(c check.Check) sarifDescriptor {
	rule := sarifDescriptor{
		ID:                   c.ID,
		ShortDescription:     sarifMessage{Text: cmp.Or(c.Summary, c.ID)},
		DefaultConfiguration: &sarifConfiguration{Level: sarifLevel(c.ClassOrDefault(), c.Severity)},
		Properties: map[string]any{
			"tags": []string{"kubernetes", string(c.Category), strings.ToLower(string(c.ClassOrDefault()))}, "severity": string(c.Severity),
		},
	}
	if full := cmp.Or(c.Meaning, c.Summary); full != "" {
		rule.FullDescription = &sarifMessage{Text: full}
	}
	if c.Remediation != "" {
		text := string(c.Remediation)
		markdown := "**Fix.** " + text
		if c.Meaning != "" {
			text = c.Meaning + "\n\n" + text
			markdown = c.Meaning + "\n\n" + markdown
		}
		if c.Link != "" {
			markdown += "\n\nSee also: <" + c.Link + ">"
		}
		rule.Help = &sarifMessage{Text: text, Markdown: markdown}
	}
	if link, err := url.Parse(c.Link); err == nil && link.IsAbs() {
		rule.HelpURI = c.Link
	}
	if c.Category == v1alpha1.CategorySecurity {
		rule.Properties["security-severity"] = securitySeverity(c.Severity)
	}
	return rule
}

// sarifLevel maps the severity of a problem to a SARIF level. Recommendations are notes.
func sarifLevel(class v1alpha1.FindingClass, severity v1alpha1.Severity) string {
	if class == v1alpha1.ClassRecommendation {
		return "note"
	}
	switch severity {
	case v1alpha1.SeverityCritical, v1alpha1.SeverityHigh:
		return "error"
	case v1alpha1.SeverityMedium:
		return "warning"
	default:
		return "note"
	}
}

// securitySeverity maps a severity to a CVSS score, in the middle of the range that code hosts show under the same name.
func securitySeverity(severity v1alpha1.Severity) string {
	switch severity {
	case v1alpha1.SeverityCritical:
		return "9.5"
	case v1alpha1.SeverityHigh:
		return "8.0"
	case v1alpha1.SeverityMedium:
		return "5.5"
	case v1alpha1.SeverityLow:
		return "2.5"
	default:
		return "0.5"
	}
}

func (s *sarif) results(index map[string]int) []sarifResult {
	byID := map[string]v1alpha1.Finding{}
	for _, f := range s.report.Findings {
		byID[f.ID] = f
	}
	results := make([]sarifResult, 0, len(s.report.Findings))
	for _, f := range s.report.Findings {
		result := sarifResult{
			RuleID: f.Check, RuleIndex: index[f.Check], Level: sarifLevel(f.ClassOrDefault(), f.Severity),
			Message:             sarifMessage{Text: sarifText(InCluster(clusterOf(s.report, f), sentence(f)))},
			Locations:           []sarifLocation{s.location(f)},
			PartialFingerprints: map[string]string{sarifFingerprint: f.ID},
			Properties:          sarifProperties(f),
		}
		if cause, known := byID[f.CausedBy]; known && f.CausedBy != "" {
			related := s.location(cause)
			related.ID = 1
			related.Message = &sarifMessage{Text: sarifText("Caused by: " + sentence(cause))}
			result.RelatedLocations = []sarifLocation{related}
		}
		if Compared(s.report.Summary) {
			result.BaselineState = map[v1alpha1.FindingState]string{
				v1alpha1.FindingNew: "new", v1alpha1.FindingPersisting: "unchanged",
			}[f.State]
		}
		results = append(results, result)
	}
	return results
}

func sarifProperties(f v1alpha1.Finding) map[string]any {
	properties := map[string]any{
		"severity": string(f.Severity), "category": string(f.Category), "class": string(f.ClassOrDefault()), "object": f.Object,
		"tags": []string{strings.ToLower(string(f.ClassOrDefault()))},
	}
	for key, value := range map[string]string{
		"cluster": f.Cluster, "state": string(f.State), "causedBy": f.CausedBy, "remediation": f.Remediation,
	} {
		if value != "" {
			properties[key] = value
		}
	}
	if len(f.Also) > 0 {
		properties["also"] = f.Also
	}
	if f.Affects > 0 {
		properties["affects"] = f.Affects
	}
	if len(f.Evidence) > 0 {
		properties["evidence"] = f.Evidence
	}
	if f.FirstSeen != nil {
		properties["firstSeen"] = utc(f.FirstSeen.Time)
	}
	return properties
}

// location returns the name of the object of a finding, and its file and line if known.
func (s *sarif) location(f v1alpha1.Finding) sarifLocation {
	object := f.Object
	name := object.Kind + "/" + object.Name
	if object.Namespace != "" {
		name = object.Namespace + "/" + name
	}
	if cluster := clusterOf(s.report, f); cluster != "" {
		name = cluster + "/" + name
	}
	location := sarifLocation{LogicalLocations: []sarifLogical{{Name: object.Name, FullyQualifiedName: name, Kind: "resource"}}}
	file, line, ok := s.file(f)
	if !ok {
		return location
	}
	location.PhysicalLocation = &sarifPhysical{ArtifactLocation: sarifFile(file)}
	if line > 0 {
		location.PhysicalLocation.Region = &sarifRegion{StartLine: line}
	}
	s.located = s.located || location.PhysicalLocation.ArtifactLocation.URIBaseID != ""
	return location
}

// filePrefix begins the evidence that names the file and line of an object, which is the only place that has them for documents that
// are no objects, such as the second of two with one name.
const filePrefix = "file: "

// file is the file of the object of a finding. In a report on files, every finding has one: code hosts refuse the whole report if a
// result is without. An object that the files only imply, such as their namespace, has the first file that is known.
func (s *sarif) file(f v1alpha1.Finding) (name string, line int, ok bool) {
	if s.options.Locate == nil {
		return "", 0, false
	}
	if name, line, ok = s.ownFile(f); ok {
		return name, line, true
	}
	for _, other := range s.report.Findings {
		if name, _, ok = s.ownFile(other); ok {
			return name, 0, true
		}
	}
	return "", 0, false
}

// ownFile is the file of the object, or the one in the evidence of the finding.
func (s *sarif) ownFile(f v1alpha1.Finding) (name string, line int, ok bool) {
	if name, line, ok = s.options.locate(f.Object); ok {
		return name, line, true
	}
	for _, e := range f.Evidence {
		place, found := strings.CutPrefix(e.Text, filePrefix)
		colon := strings.LastIndexByte(place, ':')
		if !found || e.Source != v1alpha1.EvidenceSpec || colon <= 0 {
			continue
		}
		if number, err := strconv.Atoi(place[colon+1:]); err == nil {
			return strings.TrimPrefix(place[:colon], "./"), max(number, 0), true
		}
	}
	return "", 0, false
}

// sarifFile is a path as a URI: relative to the root of the sources, unless it is absolute.
func sarifFile(file string) sarifArtifact {
	if strings.HasPrefix(file, "/") {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: file}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: file}).String(), URIBaseID: sarifRoot}
}

// sarifText escapes links, [text](target), and placeholders, {0}.
func sarifText(text string) string {
	text = clean(text)
	if strings.Contains(text, "](") {
		text = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(text)
	}
	return regexp.MustCompile(`\{(\d+)\}`).ReplaceAllString(text, "{{$1}}")
}

// sarifGaps returns a notification for each gap, and a descriptor for each reason.
func sarifGaps(gaps []v1alpha1.Gap) ([]sarifDescriptor, []sarifNotification) {
	var reasons []string
	for _, gap := range gaps {
		reasons = append(reasons, string(gap.Reason))
	}
	slices.Sort(reasons)
	reasons = slices.Compact(reasons)
	var kinds []sarifDescriptor
	for _, reason := range reasons {
		kinds = append(kinds, sarifDescriptor{
			ID: "gap/" + reason, ShortDescription: sarifMessage{Text: "Part of the inspection is missing: " + reason},
		})
	}
	notifications := make([]sarifNotification, 0, len(gaps))
	for _, gap := range gaps {
		text := gap.Message
		if gap.Remediation != "" {
			text += "\n" + gap.Remediation
		}
		notification := sarifNotification{
			Descriptor: sarifReference{ID: "gap/" + string(gap.Reason), Index: slices.Index(reasons, string(gap.Reason))},
			Level:      gapLevel(gap), Message: sarifMessage{Text: sarifText(text)},
			Properties: map[string]any{"source": gap.Source},
		}
		if gap.Cluster != "" {
			notification.Properties["cluster"] = gap.Cluster
		}
		if len(gap.Checks) > 0 {
			notification.Properties["checks"] = gap.Checks
		}
		notifications = append(notifications, notification)
	}
	return kinds, notifications
}

// gapLevel is that of a notification. A gap that is not optional is the reason why the execution was not successful.
func gapLevel(gap v1alpha1.Gap) string {
	if gap.Optional {
		return "note"
	}
	return "error"
}
