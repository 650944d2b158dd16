// Package message composes the messages that a notification channel gets for a report. It is pure: the same report and channel
// always give the same messages with the same keys, so at-least-once delivery is safe to repeat. Templates that tenants wrote are rendered
// in a child process, whose memory and time the kernel limits.
package message

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxFindings per message; the rest is counted in More.
	maxFindings = 200
	// maxTitle in characters.
	maxTitle = 250
	// maxTotal of all messages of a report, in bytes.
	maxTotal = 8 << 20
)

// Composer composes the messages of one channel. It is safe for concurrent use.
type Composer struct {
	spec     *v1alpha1.NotificationChannelSpec
	alerts   bool
	redact   func(string) string
	renderer Renderer
	base     string
}

// NewComposer composes the messages of a channel; alerts says that its receiver is a notify.AlertHolder. Every text passes through
// redact, and the templates are rendered by renderer; both are required. Messages link to their report at the address of the dashboard,
// unless it is empty.
func NewComposer(
	spec *v1alpha1.NotificationChannelSpec, alerts bool, redact func(string) string, renderer Renderer, dashboard string,
) *Composer {
	return &Composer{spec: spec, alerts: alerts, redact: redact, renderer: renderer, base: dashboard}
}

// link to a report on the dashboard, and to a finding of it. Empty without a dashboard.
func (c *Composer) link(namespace, report, finding string) string {
	base, err := url.Parse(c.base)
	if err != nil || c.base == "" {
		return ""
	}
	page := base.JoinPath("reports", namespace, report)
	if finding != "" {
		page.RawQuery = url.Values{"finding": {finding}}.Encode()
	}
	return page.String()
}

// Compose returns the messages for a report; none if the filter drops every finding. Errors are problems of a template, or of ctx, which
// ends the templates.
func (c *Composer) Compose(ctx context.Context, report *v1alpha1.InspectionReport) ([]notify.Message, error) {
	active := c.activeFindings(report)
	fixed := c.fixedFindings(report)
	if len(active)+len(fixed) == 0 {
		return nil, nil
	}
	base := notify.Message{
		Key: string(report.UID), Event: notify.EventReport, Time: report.Summary.StartTime.UTC(),
		Namespace: report.Namespace, Inspection: report.Summary.Inspection, Report: report.Name,
		URL: c.link(report.Namespace, report.Name, ""),
	}
	var messages []notify.Message
	if c.spec.Mode == v1alpha1.DeliverEach && !c.alerts {
		messages = c.onePerFinding(base, active, fixed)
	} else {
		messages = []notify.Message{digest(base, active, fixed)}
	}
	if err := c.render(ctx, messages, report); err != nil {
		return nil, err
	}
	return messages, nil
}

func digest(message notify.Message, active, fixed []notify.Finding) notify.Message {
	message.Findings = active[:min(len(active), maxFindings)]
	message.Fixed = fixed[:min(len(fixed), maxFindings)]
	message.More = len(active) - len(message.Findings) + len(fixed) - len(message.Fixed)
	return message
}

func (c *Composer) onePerFinding(base notify.Message, active, fixed []notify.Finding) []notify.Message {
	messages := make([]notify.Message, 0, len(active)+len(fixed))
	for _, finding := range active {
		m := base
		m.Key += "/" + finding.ID
		m.Event = notify.EventFinding
		m.Findings = []notify.Finding{finding}
		m.URL = c.link(base.Namespace, base.Report, finding.ID)
		messages = append(messages, m)
	}
	for _, finding := range fixed {
		m := base
		m.Key += "/" + finding.ID
		m.Event = notify.EventFixed
		m.Fixed = []notify.Finding{finding}
		messages = append(messages, m)
	}
	return messages
}

// Test returns the message that verifies a channel.
func Test(channel *v1alpha1.NotificationChannel) notify.Message {
	return notify.Message{
		Key:       fmt.Sprintf("test-%s-%d", channel.UID, channel.Generation),
		Event:     notify.EventTest,
		Time:      channel.CreationTimestamp.UTC(),
		Namespace: channel.Namespace,
		Title:     "KubeOps test message",
		Text: "NotificationChannel " + channel.Namespace + "/" + channel.Name +
			" works. It receives the reports of every Inspection that lists it in spec.channels.",
	}
}

// activeFindings returns the problems, and recommendations if the channel wants them, that pass the filter, worst first. A finding that
// passes for the first time, because it got worse, became a problem, or its cause is gone, counts as new. Alertmanager expires alerts that
// are not sent again, so it always gets persisting findings too.
func (c *Composer) activeFindings(report *v1alpha1.InspectionReport) []notify.Finding {
	onlyNew := c.spec.Filter.OnlyNew() && !c.alerts
	explained := report.Explained()
	var active []notify.Finding
	for _, f := range report.Findings {
		if !c.passes(f.ClassOrDefault(), f.CausedBy, f.Severity, f.Category) ||
			onlyNew && f.State != v1alpha1.FindingNew && !c.startsToPass(f) {
			continue
		}
		finding := notify.Finding{
			ID: f.ID, Check: f.Check, Category: f.Category, Class: f.ClassOrDefault(), Severity: f.Severity, State: string(f.State),
			Object: f.Object, Affects: f.Affects,
			Message: c.redact(f.Message), Remediation: c.redact(f.Remediation), Explanation: c.redact(explanation(explained[f.ID])),
		}
		if f.FirstSeen != nil {
			firstSeen := f.FirstSeen.UTC()
			finding.FirstSeen = &firstSeen
		}
		active = append(active, finding)
	}
	slices.SortStableFunc(active, func(a, b notify.Finding) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), // Problem before Recommendation
			cmp.Compare(a.Severity.Rank(), b.Severity.Rank()))
	})
	return active
}

// explanation is the summary of a model, its name and its confidence; empty without one.
func explanation(e *v1alpha1.Explanation) string {
	if e == nil || e.Summary == "" || e.Model == "" {
		return ""
	}
	return e.Summary + " (" + e.Model + ", confidence: " + string(e.Confidence) + ")"
}

// startsToPass reports whether a finding that passes the filter did not pass it in the previous report. A flapping finding has
// already been sent.
func (c *Composer) startsToPass(f v1alpha1.Finding) bool {
	previous := f.Previously
	return previous != nil && f.State != v1alpha1.FindingFlapping &&
		!c.passes(previousClass(f), previous.CausedBy, previous.Severity, f.Category)
}

// previousClass is the class of a changed finding in the previous report. One that had no class there is compared with its class now.
func previousClass(f v1alpha1.Finding) v1alpha1.FindingClass {
	return cmp.Or(f.Previously.Class, f.ClassOrDefault())
}

// fixedFindings returns the root causes that are gone since the previous report. To Alertmanager, the same alert with another
// severity is another alert, so the one with the previous severity is resolved too.
func (c *Composer) fixedFindings(report *v1alpha1.InspectionReport) []notify.Finding {
	if !c.spec.Filter.IncludesFixed() && !c.alerts {
		return nil
	}
	start := report.Summary.StartTime.Truncate(time.Second)
	var fixed []notify.Finding
	for _, f := range report.Fixed {
		if !f.FixedAt.Truncate(time.Second).Equal(start) || !c.passes(classOf(f), f.CausedBy, f.Severity, f.Category) {
			continue
		}
		fixed = append(fixed, notify.Finding{
			ID: f.ID, Check: f.Check, Category: f.Category, Class: classOf(f), Severity: f.Severity, State: "fixed", Object: f.Object,
			Message: c.redact(f.Message),
		})
	}
	if c.alerts {
		fixed = append(fixed, c.resolvedAlerts(report)...)
	}
	return fixed
}

// resolvedAlerts returns the alerts that the previous report fired for findings that now have another severity or a cause.
func (c *Composer) resolvedAlerts(report *v1alpha1.InspectionReport) []notify.Finding {
	var resolved []notify.Finding
	for _, f := range report.Findings {
		previous := f.Previously
		if previous == nil || !c.passes(previousClass(f), previous.CausedBy, previous.Severity, f.Category) {
			continue
		}
		if previous.Severity == f.Severity && c.passes(f.ClassOrDefault(), f.CausedBy, f.Severity, f.Category) {
			continue
		}
		resolved = append(resolved, notify.Finding{
			ID: f.ID, Check: f.Check, Category: f.Category, Class: previousClass(f), Severity: previous.Severity, State: "fixed",
			Object:  f.Object,
			Message: c.redact(f.Message),
		})
	}
	return resolved
}

func classOf(f v1alpha1.FixedFinding) v1alpha1.FindingClass {
	if f.IsProblem() {
		return v1alpha1.ClassProblem
	}
	return v1alpha1.ClassRecommendation
}

// passes reports whether the filter selects a finding; findings with a cause are never selected.
func (c *Composer) passes(
	class v1alpha1.FindingClass, causedBy string, severity v1alpha1.Severity, category v1alpha1.Category,
) bool {
	filter := c.spec.Filter
	return causedBy == "" && (class == v1alpha1.ClassProblem || filter.Recommendations) &&
		severity.Rank() <= filter.LowestSeverity().Rank() &&
		(len(filter.Categories) == 0 || slices.Contains(filter.Categories, category))
}

// Data is the input of templates.
type Data struct {
	// Event is report, finding or fixed.
	Event string
	// Namespace, Inspection and Report that the message is about.
	Namespace, Inspection, Report string
	// URL of the report on the dashboard; empty without a dashboard.
	URL string
	// Score of the report, and its numbers of problems and recommendations.
	Score                     Score
	Problems, Recommendations int32
	// Summary counts what is in the message, for example "2 problems, 1 fixed".
	Summary string
	// Incomplete names the first thing that an incomplete run did not read, and counts the gaps; empty if there is a score.
	Incomplete string
	// Explanation of the whole report by a model, in a message about a report; empty if there is none.
	Explanation string
	// Severity of the worst finding; empty if all are fixed.
	Severity string
	// Findings and Fixed in this message, and how many more are left out.
	Findings, Fixed []notify.Finding
	More            int
}

// Score of a report: a number from 0 to 100, or NoScore.
type Score int32

// NoScore is that of an incomplete run.
const NoScore Score = -1

// String is the number, or "no score".
func (s Score) String() string {
	if s == NoScore {
		return "no score"
	}
	return strconv.Itoa(int(s))
}

// scoreOf a report, and why it has none.
func scoreOf(report *v1alpha1.InspectionReport) (score Score, incomplete string) {
	if report.Summary.Score != nil {
		return Score(*report.Summary.Score), ""
	}
	incomplete = text.CountOf(int(report.Summary.RequiredGaps), "gap", "gaps")
	if gaps := report.NotRead(); len(gaps) > 0 {
		incomplete += ", first: " + printable.Unlinked(printable.Line(strings.TrimSuffix(gaps[0].Message, ".")))
	}
	return NoScore, incomplete
}

const (
	defaultTitle = `{{.Namespace}}/{{.Inspection}}: ` +
		`{{if eq .Event "finding"}}{{with index .Findings 0}}{{.Severity}}: {{.Line}} {{.Message}}{{end}}` +
		`{{else if eq .Event "fixed"}}fixed: {{with index .Fixed 0}}{{.Line}}{{end}}` +
		`{{else}}{{.Summary}}{{with .Severity}} (worst: {{.}}){{end}}{{end}}`
	defaultText = `{{with .Explanation}}{{.}}
{{end}}{{range $n, $f := .Findings}}{{if lt $n 20}}- [{{$f.Severity}}] {{$f.Line}}: {{$f.Message}}` +
		`{{with $f.Affects}} (causes {{.}} more){{end}}{{with $f.Explanation}}
  {{.}}{{end}}{{with $f.Remediation}}
  Fix: {{.}}{{end}}
{{end}}{{end}}` +
		`{{range $n, $f := .Fixed}}{{if lt $n 20}}- fixed: {{$f.Line}}: {{$f.Message}}
{{end}}{{end}}` +
		`{{if or .More (gt (len .Findings) 20) (gt (len .Fixed) 20)}}... and more; see the report:
{{end}}{{if and (eq .Event "report") .Recommendations}}{{.Recommendations}} recommendation{{if ne .Recommendations 1}}s{{end}} in the report
{{end}}{{with .Incomplete}}Incomplete, no score: {{.}}.
{{end}}{{with .URL}}{{.}}
{{end}}kubectl -n {{.Namespace}} get inspectionreport {{.Report}} -o yaml`
)

// forPeople returns findings as templates get them: text of the cluster is printable, and no client makes a link or a mention of it. What
// the template itself says stays as it is, links included.
func forPeople(findings []notify.Finding) []notify.Finding {
	shown := slices.Clone(findings)
	for i := range shown {
		f := &shown[i]
		for _, field := range []*string{
			&f.Object.APIVersion, &f.Object.Kind, &f.Object.Namespace, &f.Object.Name, &f.Message, &f.Explanation,
		} {
			*field = printable.Unlinked(printable.Line(*field))
		}
		f.Remediation = printable.Unlinked(printable.Block(f.Remediation))
	}
	return shown
}

// summarize counts the findings in a message.
func summarize(message *notify.Message) string {
	problems := 0
	for _, f := range message.Findings {
		if f.Class == v1alpha1.ClassProblem {
			problems++
		}
	}
	var parts []string
	if problems > 0 {
		parts = append(parts, text.Count(problems, "problem"))
	}
	if n := len(message.Findings) - problems; n > 0 {
		parts = append(parts, text.Count(n, "recommendation"))
	}
	if n := len(message.Fixed); n > 0 {
		parts = append(parts, fmt.Sprintf("%d fixed", n))
	}
	return strings.Join(parts, ", ")
}

// render sets the severity, title and text of each message.
func (c *Composer) render(ctx context.Context, messages []notify.Message, report *v1alpha1.InspectionReport) error {
	request := Request{Title: c.spec.Template.Title, Text: c.spec.Template.Text, Data: make([]Data, len(messages))}
	for i := range messages {
		messages[i].Severity = worst(messages[i].Findings)
		request.Data[i] = dataOf(&messages[i], report)
	}
	rendered, err := c.renderer.Render(ctx, request)
	if err != nil {
		return err
	}
	for i, r := range rendered {
		messages[i].Title = truncate(maxTitle, strings.Join(strings.Fields(c.redact(r.Title)), " "))
		messages[i].Text = c.redact(r.Text)
	}
	return nil
}

// worst severity of findings; empty if there are none.
func worst(findings []notify.Finding) (severity v1alpha1.Severity) {
	for _, finding := range findings {
		if severity == "" || finding.Severity.Rank() < severity.Rank() {
			severity = finding.Severity
		}
	}
	return severity
}

// dataOf is what the templates get for a message.
func dataOf(message *notify.Message, report *v1alpha1.InspectionReport) Data {
	score, incomplete := scoreOf(report)
	overall := ""
	if message.Event == notify.EventReport {
		overall = printable.Unlinked(printable.Line(explanation(report.Explained()[v1alpha1.OverallExplanation])))
	}
	return Data{
		Event: string(message.Event), Namespace: message.Namespace, Inspection: message.Inspection, Report: message.Report,
		URL: message.URL, Score: score, Incomplete: incomplete, Problems: report.Summary.Problems.Total,
		Recommendations: report.Summary.Recommendations.Total, Summary: summarize(message), Severity: string(message.Severity),
		Findings: forPeople(message.Findings), Fixed: forPeople(message.Fixed), More: message.More, Explanation: overall,
	}
}
