// Package notification decides what a channel is told of a report, and words it. It is pure: the same report and the same channel
// give the same messages with the same keys, at each try and in each process, which is what makes "at least once" bearable.
package notification

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
)

// maxFindings of one message; what is beyond is counted.
const maxFindings = 200

// Composer makes the messages of one channel. It is safe for concurrent use.
type Composer struct {
	spec        *v1alpha1.NotificationChannelSpec
	redact      func(string) string
	title, text *words
}

// NewComposer reads the templates of a channel; an error of theirs is a problem. Redact is the gate that every text passes;
// required.
func NewComposer(spec *v1alpha1.NotificationChannelSpec, redact func(string) string) (*Composer, error) {
	c := &Composer{spec: spec, redact: redact}
	title, text := spec.Template.Title, spec.Template.Text
	if title == "" {
		title = defaultTitle
	}
	if text == "" {
		text = defaultText
	}
	var err error
	if c.title, err = compile("spec.template.title", title); err != nil {
		return nil, err
	}
	c.text, err = compile("spec.template.text", text)
	return c, err
}

// Compose makes the messages of a report; none where the filter leaves nothing to tell. Its error is a problem of a template.
func (c *Composer) Compose(r *v1alpha1.InspectionReport) ([]notify.Message, error) {
	found, fixed := c.findings(r), c.fixed(r)
	if len(found)+len(fixed) == 0 {
		return nil, nil
	}
	base := notify.Message{
		Key: string(r.UID), Event: notify.EventReport, Time: r.Summary.StartTime.UTC(),
		Namespace: r.Namespace, Inspection: r.Summary.Inspection, Report: r.Name,
	}
	if c.spec.Mode != v1alpha1.DeliverEach || c.spec.Type == v1alpha1.ChannelAlertmanager {
		digest := base
		digest.Findings, digest.Fixed = found, fixed
		if more := len(found) - maxFindings; more > 0 {
			digest.Findings, digest.More = found[:maxFindings], more
		}
		if more := len(fixed) - maxFindings; more > 0 {
			digest.Fixed, digest.More = fixed[:maxFindings], digest.More+more
		}
		return c.worded(r, digest)
	}
	var list []notify.Message
	for _, f := range found {
		m := base
		m.Key, m.Event, m.Findings = base.Key+"/"+f.ID, notify.EventFinding, []notify.Finding{f}
		list = append(list, m)
	}
	for _, f := range fixed {
		m := base
		m.Key, m.Event, m.Fixed = base.Key+"/"+f.ID, notify.EventFixed, []notify.Finding{f}
		list = append(list, m)
	}
	return c.worded(r, list...)
}

// Test is the message that proves a channel.
func Test(c *v1alpha1.NotificationChannel) notify.Message {
	return notify.Message{
		Key: fmt.Sprintf("test-%s-%d", c.UID, c.Generation), Event: notify.EventTest, Time: c.CreationTimestamp.UTC(), Namespace: c.Namespace,
		Title: "KubeOps test message",
		Text:  "NotificationChannel " + c.Namespace + "/" + c.Name + " works. It tells of the reports of the Inspections that name it in spec.channels.",
	}
}

// findings that are told: root causes that pass the filter, worst first, as the report has them. One that passes for the first time,
// since it got worse or since its cause is gone, is told like a new one. An Alertmanager forgets alerts that it is not told of again,
// so that it is told of those that persist, too.
func (c *Composer) findings(r *v1alpha1.InspectionReport) (told []notify.Finding) {
	onlyNew := c.spec.Filter.OnlyNew() && c.spec.Type != v1alpha1.ChannelAlertmanager
	summaries := map[string]string{}
	for _, e := range r.Explanations {
		summaries[e.ID] = e.Summary
	}
	for _, f := range r.Findings {
		if !c.passes(f.CausedBy, f.Severity, f.Category) || onlyNew && f.State != v1alpha1.FindingNew && !c.passesNow(f) {
			continue
		}
		t := notify.Finding{
			ID: f.ID, Check: f.Check, Category: f.Category, Severity: f.Severity, State: string(f.State), Object: f.Object, Affects: f.Affects,
			Message: c.redact(f.Message), Remediation: c.redact(f.Remediation), Explanation: c.redact(summaries[f.ID]),
		}
		if f.FirstSeen != nil {
			at := f.FirstSeen.UTC()
			t.FirstSeen = &at
		}
		told = append(told, t)
	}
	slices.SortStableFunc(told, func(a, b notify.Finding) int { return cmp.Compare(a.Severity.Rank(), b.Severity.Rank()) })
	return told
}

// passesNow says that a finding of a report that passes the filter did not pass it in the report before. One that flaps has been told.
func (c *Composer) passesNow(f v1alpha1.Finding) bool {
	was := f.Previously
	return was != nil && f.State != v1alpha1.FindingFlapping && !c.passes(was.CausedBy, was.Severity, f.Category)
}

// fixed root causes that are gone since the report before. To an Alertmanager an alert of another severity is another alert, so that
// those that findings had in the report before end, too.
func (c *Composer) fixed(r *v1alpha1.InspectionReport) (told []notify.Finding) {
	if !c.spec.Filter.IncludesFixed() && c.spec.Type != v1alpha1.ChannelAlertmanager {
		return nil
	}
	for _, f := range r.Fixed {
		if f.FixedAt.Truncate(time.Second).Equal(r.Summary.StartTime.Truncate(time.Second)) && c.passes(f.CausedBy, f.Severity, f.Category) {
			told = append(told, notify.Finding{ID: f.ID, Check: f.Check, Category: f.Category, Severity: f.Severity, State: "fixed", Object: f.Object, Message: c.redact(f.Message)})
		}
	}
	if c.spec.Type != v1alpha1.ChannelAlertmanager {
		return told
	}
	for _, f := range r.Findings {
		if was := f.Previously; was != nil && c.passes(was.CausedBy, was.Severity, f.Category) && (was.Severity != f.Severity || f.CausedBy != "") {
			told = append(told, notify.Finding{ID: f.ID, Check: f.Check, Category: f.Category, Severity: was.Severity, State: "fixed", Object: f.Object, Message: c.redact(f.Message)})
		}
	}
	return told
}

// passes says whether the filter lets a root cause through; symptoms never pass.
func (c *Composer) passes(causedBy string, severity v1alpha1.Severity, category v1alpha1.Category) bool {
	f := c.spec.Filter
	return causedBy == "" && severity.Rank() <= f.LowestSeverity().Rank() && (len(f.Categories) == 0 || slices.Contains(f.Categories, category))
}

// Data is what templates see.
type Data struct {
	// Event is report, finding or fixed.
	Event string
	// Namespace, Inspection and Report that it comes from.
	Namespace, Inspection, Report string
	// Score of the report, 0 to 100, and the root causes that it has in all.
	Score, RootCauses int32
	// Severity of the worst finding; empty where all is fixed.
	Severity string
	// Findings and Fixed that are told, and how many are left out.
	Findings, Fixed []notify.Finding
	More            int
}

const (
	defaultTitle = `{{.Namespace}}/{{.Inspection}}: ` +
		`{{if eq .Event "finding"}}{{with index .Findings 0}}{{.Severity}}: {{.Line}} {{.Message}}{{end}}` +
		`{{else if eq .Event "fixed"}}fixed: {{with index .Fixed 0}}{{.Line}}{{end}}` +
		`{{else}}{{with len .Findings}}{{.}} to look at{{end}}{{if and .Findings .Fixed}}, {{end}}{{with len .Fixed}}{{.}} fixed{{end}}{{with .Severity}} (worst: {{.}}){{end}}{{end}}`
	defaultText = `{{range $n, $f := .Findings}}{{if lt $n 20}}- [{{$f.Severity}}] {{$f.Line}}: {{$f.Message}}` +
		`{{with $f.Affects}} ({{.}} more follow from it){{end}}{{with $f.Explanation}}
  {{.}}{{end}}{{with $f.Remediation}}
  What to do: {{.}}{{end}}
{{end}}{{end}}` +
		`{{range $n, $f := .Fixed}}{{if lt $n 20}}- fixed: {{$f.Line}}: {{$f.Message}}
{{end}}{{end}}` +
		`{{if or .More (gt (len .Findings) 20) (gt (len .Fixed) 20)}}... and more; the report has them all.
{{end}}kubectl -n {{.Namespace}} get inspectionreport {{.Report}} -o yaml`
)

// worded gives messages their title and text.
func (c *Composer) worded(r *v1alpha1.InspectionReport, messages ...notify.Message) ([]notify.Message, error) {
	for i := range messages {
		m := &messages[i]
		for _, f := range m.Findings {
			if m.Severity == "" || f.Severity.Rank() < m.Severity.Rank() {
				m.Severity = f.Severity
			}
		}
		data := Data{
			Event: string(m.Event), Namespace: m.Namespace, Inspection: m.Inspection, Report: m.Report, Score: r.Summary.Score, RootCauses: r.Summary.RootCauses,
			Severity: string(m.Severity), Findings: m.Findings, Fixed: m.Fixed, More: m.More,
		}
		title, err := c.title.render(data)
		if err != nil {
			return nil, err
		}
		text, err := c.text.render(data)
		if err != nil {
			return nil, err
		}
		const line = 250
		m.Title, m.Text = truncate(line, strings.Join(strings.Fields(c.redact(title)), " ")), c.redact(text)
	}
	return messages, nil
}
