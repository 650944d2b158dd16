package message

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit/corpus"
)

func finding(id string, change ...func(*v1alpha1.Finding)) v1alpha1.Finding {
	f := v1alpha1.Finding{
		ID: id, Check: "pod-crash-looping", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh, State: v1alpha1.FindingNew,
		Object:  v1alpha1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"},
		Message: "container app exits with code 1", Remediation: "Read its log.",
	}
	for _, with := range change {
		with(&f)
	}
	return f
}

func report() *v1alpha1.InspectionReport {
	start := metav1.NewTime(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC))
	gone := func(id string, at time.Time) v1alpha1.FixedFinding {
		f := finding(id)
		return v1alpha1.FixedFinding{FixedAt: metav1.NewTime(at), EarlierFinding: v1alpha1.EarlierFinding{
			ID: id, Check: f.Check, Category: f.Category, Severity: f.Severity, Object: f.Object, Message: f.Message,
		}}
	}
	symptom := gone("f6", start.Time)
	symptom.CausedBy = "f5"
	return &v1alpha1.InspectionReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "all-1", UID: "u-1"},
		Summary: v1alpha1.ReportSummary{Inspection: "all", StartTime: start, Score: new(int32(70)),
			Problems: v1alpha1.RootCauseCounts{Total: 4}, Recommendations: v1alpha1.RootCauseCounts{Total: 1}},
		Findings: []v1alpha1.Finding{
			finding("f1"),
			finding("f2", func(f *v1alpha1.Finding) { f.CausedBy = "f1" }),
			finding("f3", func(f *v1alpha1.Finding) { f.State = v1alpha1.FindingPersisting }),
			finding("f4", func(f *v1alpha1.Finding) {
				f.Severity = v1alpha1.SeverityCritical
				f.Category = v1alpha1.CategorySecurity
				f.Class = v1alpha1.ClassProblem
			}),
			finding("f9", func(f *v1alpha1.Finding) {
				f.Severity = v1alpha1.SeverityCritical
				f.Category = v1alpha1.CategorySecurity
			}),
			finding("f7", func(f *v1alpha1.Finding) { f.Severity = v1alpha1.SeverityLow }),
		},
		Fixed: []v1alpha1.FixedFinding{gone("f5", start.Time), symptom, gone("f8", start.Add(-time.Hour))},
	}
}

func same(text string) string { return text }

func compose(t *testing.T, spec v1alpha1.NotificationChannelSpec, r *v1alpha1.InspectionReport) []notify.Message {
	t.Helper()
	c := NewComposer(&spec, spec.Type == v1alpha1.ChannelAlertmanager, same, Local{}, "")
	messages, err := c.Compose(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return messages
}

func ids(list []notify.Finding) string {
	var all []string
	for _, f := range list {
		all = append(all, f.ID)
	}
	return strings.Join(all, " ")
}

func TestFilterSelectsFindings(t *testing.T) {
	const alertmanager = v1alpha1.ChannelAlertmanager
	type filter = v1alpha1.NotificationFilter
	no := ptr.To(false)
	for name, tc := range map[string]struct {
		channel       v1alpha1.NotificationChannelType
		mode          v1alpha1.DeliveryMode
		filter        filter
		active, fixed string
	}{
		"default: new problems, high and above":  {active: "f4 f1", fixed: "f5"},
		"persisting findings":                    {filter: filter{NewOnly: no}, active: "f4 f1 f3", fixed: "f5"},
		"one category":                           {filter: filter{Categories: []v1alpha1.Category{v1alpha1.CategorySecurity}}, active: "f4"},
		"severity low and above":                 {filter: filter{MinSeverity: v1alpha1.SeverityLow}, active: "f4 f1 f7", fixed: "f5"},
		"severity critical":                      {filter: filter{MinSeverity: v1alpha1.SeverityCritical}, active: "f4"},
		"no fixed findings":                      {filter: filter{Fixed: no}, active: "f4 f1"},
		"recommendations too":                    {filter: filter{Recommendations: true}, active: "f4 f1 f9", fixed: "f5"},
		"Alertmanager gets every active finding": {channel: alertmanager, filter: filter{Fixed: no}, active: "f4 f1 f3", fixed: "f5"},
		"Alertmanager ignores mode Each":         {channel: alertmanager, mode: v1alpha1.DeliverEach, active: "f4 f1 f3", fixed: "f5"},
	} {
		t.Run(name, func(t *testing.T) {
			messages := compose(t, v1alpha1.NotificationChannelSpec{Type: tc.channel, Mode: tc.mode, Filter: tc.filter}, report())
			if len(messages) != 1 || ids(messages[0].Findings) != tc.active || ids(messages[0].Fixed) != tc.fixed {
				t.Errorf("got %+v", messages)
			}
		})
	}
}

func TestFindingsThatChangedSinceThePreviousReport(t *testing.T) {
	was := func(now, before v1alpha1.Severity, causeNow, causeBefore string) v1alpha1.Finding {
		return finding("f1", func(f *v1alpha1.Finding) {
			f.State = v1alpha1.FindingPersisting
			f.Severity = now
			f.CausedBy = causeNow
			f.Previously = &v1alpha1.PreviousFinding{Severity: before, CausedBy: causeBefore}
		})
	}
	const critical, high, medium = v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium
	promoted := func(severity v1alpha1.Severity, class v1alpha1.FindingClass) v1alpha1.Finding {
		f := was(severity, severity, "", "")
		f.Class = class
		f.Previously.Class = v1alpha1.ClassProblem
		if class == v1alpha1.ClassProblem {
			f.Previously.Class = v1alpha1.ClassRecommendation
		}
		return f
	}
	flapping := was(high, medium, "", "")
	flapping.State = v1alpha1.FindingFlapping
	for name, tc := range map[string]struct {
		finding v1alpha1.Finding
		// chat and alerts are the severities of active/fixed findings in the message.
		chat, alerts string
	}{
		"got worse and now passes the filter":        {was(high, medium, "", ""), "high/", "high/"},
		"got worse and passed the filter before":     {was(critical, high, "", ""), "", "critical/high"},
		"less severe and still passes the filter":    {was(high, critical, "", ""), "", "high/critical"},
		"less severe and no longer passes":           {was(medium, high, "", ""), "", "/high"},
		"less severe and never passed":               {was(v1alpha1.SeverityLow, medium, "", ""), "", ""},
		"the cause is gone":                          {was(high, high, "", "f9"), "high/", "high/"},
		"the cause is gone, but the severity is low": {was(medium, medium, "", "f9"), "", ""},
		"a cause was found":                          {was(high, high, "f9", ""), "", "/high"},
		"a cause was found, and it got worse":        {was(critical, high, "f9", ""), "", "/high"},
		"a recommendation became a problem":          {promoted(high, v1alpha1.ClassProblem), "high/", "high/"},
		"a problem became a recommendation":          {promoted(high, v1alpha1.ClassRecommendation), "", "/high"},
		"flapping findings are not sent again":       {flapping, "", "high/"},
	} {
		t.Run(name, func(t *testing.T) {
			r := report()
			r.Findings = []v1alpha1.Finding{tc.finding}
			r.Fixed = nil
			if got := severities(t, v1alpha1.ChannelSlack, r); got != tc.chat {
				t.Errorf("chat got %q, want %q", got, tc.chat)
			}
			if got := severities(t, v1alpha1.ChannelAlertmanager, r); got != tc.alerts {
				t.Errorf("Alertmanager got %q, want %q", got, tc.alerts)
			}
		})
	}
}

// severities returns those of the active and of the fixed findings in a channel's messages, separated by a slash.
func severities(t *testing.T, channel v1alpha1.NotificationChannelType, r *v1alpha1.InspectionReport) (text string) {
	t.Helper()
	for _, m := range compose(t, v1alpha1.NotificationChannelSpec{Type: channel}, r) {
		for _, f := range m.Findings {
			text += string(f.Severity)
		}
		text += "/"
		for _, f := range m.Fixed {
			text += string(f.Severity)
		}
	}
	return text
}

func TestDigestListsActiveAndFixedFindings(t *testing.T) {
	r := report()
	r.Explanations = []v1alpha1.Explanation{{ID: "f1", Model: "tiny-1", Confidence: v1alpha1.ConfidenceHigh, Summary: "The program cannot reach its database."}}
	m := compose(t, v1alpha1.NotificationChannelSpec{}, r)[0]
	if !strings.Contains(m.Text, "The program cannot reach its database. (tiny-1, confidence: high)") {
		t.Errorf("the explanation lacks its author: %s", m.Text)
	}
	if m.Title != "shop/all: 2 problems, 1 fixed (worst: critical)" {
		t.Errorf("got title %q", m.Title)
	}
	if m.Key != "u-1" || m.Event != notify.EventReport || m.Severity != v1alpha1.SeverityCritical {
		t.Errorf("got %+v", m)
	}
	want := `- [critical] Deployment shop/cart: container app exits with code 1
  Fix: Read its log.
- [high] Deployment shop/cart: container app exits with code 1
  The program cannot reach its database. (tiny-1, confidence: high)
  Fix: Read its log.
- fixed: Deployment shop/cart: container app exits with code 1
1 recommendation in the report
kubectl -n shop get inspectionreport all-1 -o yaml`
	if m.Text != want {
		t.Errorf("got\n%s\nwant\n%s", m.Text, want)
	}
}

func TestAMessageBeginsWithTheExplanationOfTheWhole(t *testing.T) {
	r := report()
	r.Explanations = []v1alpha1.Explanation{{
		ID: v1alpha1.OverallExplanation, Model: "tiny-1", Confidence: v1alpha1.ConfidenceLow, Summary: "The database is down; see www.evil.example.",
	}}
	text := compose(t, v1alpha1.NotificationChannelSpec{}, r)[0].Text
	if !strings.HasPrefix(text, "The database is down; see ") || strings.Contains(text, "www.evil") ||
		!strings.Contains(text, "(tiny-1, confidence: low)\n- [critical]") {
		t.Errorf("got %s", text)
	}
	r.Explanations[0].Summary = ""
	r.Explanations[0].Dropped = "NoEvidence"
	if text := compose(t, v1alpha1.NotificationChannelSpec{}, r)[0].Text; !strings.HasPrefix(text, "- [critical]") {
		t.Errorf("got %s", text)
	}
}

func TestModeEachGivesEveryFindingItsOwnKey(t *testing.T) {
	messages := compose(t, v1alpha1.NotificationChannelSpec{Mode: v1alpha1.DeliverEach}, report())
	var keys, titles []string
	for _, m := range messages {
		keys, titles = append(keys, m.Key), append(titles, m.Title)
	}
	if !reflect.DeepEqual(keys, []string{"u-1/f4", "u-1/f1", "u-1/f5"}) {
		t.Errorf("got keys %q", keys)
	}
	if !reflect.DeepEqual(titles, []string{
		"shop/all: critical: Deployment shop/cart container app exits with code 1",
		"shop/all: high: Deployment shop/cart container app exits with code 1",
		"shop/all: fixed: Deployment shop/cart",
	}) {
		t.Errorf("got titles %q", titles)
	}
	if again := compose(t, v1alpha1.NotificationChannelSpec{Mode: v1alpha1.DeliverEach}, report()); !reflect.DeepEqual(messages, again) {
		t.Error("the same report gave different messages")
	}
}

func TestNoFindingsNoMessage(t *testing.T) {
	r := report()
	r.Findings, r.Fixed = nil, nil
	if messages := compose(t, v1alpha1.NotificationChannelSpec{}, r); len(messages) != 0 {
		t.Errorf("got %+v", messages)
	}
}

func TestLargeReportGivesABoundedMessage(t *testing.T) {
	r := report()
	for n := range 500 {
		r.Findings = append(r.Findings, finding(fmt.Sprintf("g%d", n)))
	}
	m := compose(t, v1alpha1.NotificationChannelSpec{}, r)[0]
	if len(m.Findings) != 200 || m.More != 302 || strings.Count(m.Text, "\n- ") != 20 || !strings.Contains(m.Text, "... and more") {
		t.Errorf("%d findings, %d more, %d lines", len(m.Findings), m.More, strings.Count(m.Text, "\n- "))
	}
}

func TestEveryTextIsRedacted(t *testing.T) {
	r := report()
	r.Findings[0].Message, r.Findings[0].Remediation = "says hunter2", "not hunter2"
	r.Fixed[0].Message = "was hunter2"
	r.Explanations = []v1alpha1.Explanation{{ID: "f1", Model: "tiny-1", Confidence: v1alpha1.ConfidenceHigh, Summary: "hunter2 is wrong"}}
	spec := v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Title: `hunter2 {{(index .Findings 0).Message}}`}}
	hide := func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") }
	c := NewComposer(&spec, spec.Type == v1alpha1.ChannelAlertmanager, hide, Local{}, "")
	messages, err := c.Compose(t.Context(), r)
	if err != nil || len(messages) != 1 {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", messages[0]); strings.Contains(text, "hunter2") {
		t.Errorf("the message leaks a secret: %s", text)
	}
}

func TestNoSecretOfTheCorpusIsSent(t *testing.T) {
	gate, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	texts := corpus.Secrets(7, 1)
	r := report()
	for n, c := range texts {
		r.Findings = append(r.Findings,
			finding(fmt.Sprintf("s%d", n), func(f *v1alpha1.Finding) { f.Message, f.Remediation = c.Text, c.Text }))
		r.Explanations = append(r.Explanations, v1alpha1.Explanation{ID: fmt.Sprintf("s%d", n), Model: "tiny-1", Confidence: v1alpha1.ConfidenceHigh, Summary: c.Text})
	}
	for _, mode := range []v1alpha1.DeliveryMode{v1alpha1.DeliverDigest, v1alpha1.DeliverEach} {
		c := NewComposer(&v1alpha1.NotificationChannelSpec{Mode: mode}, false, gate.Text, Local{}, "")
		messages, err := c.Compose(t.Context(), r)
		if err != nil || len(messages) == 0 {
			t.Fatalf("%d messages: %v", len(messages), err)
		}
		sent := fmt.Sprintf("%+v", messages)
		for _, c := range texts {
			if strings.Contains(sent, c.Secret) {
				t.Errorf("mode %s, %s: leaked %q", mode, c.Shape, c.Secret)
			}
		}
	}
}

func TestOnlyLinksOfTheTemplateStayLinks(t *testing.T) {
	const hostile = "see https://evil.example, www.evil.example, a@evil.example, @here \x1b[2J\u202e\nCRITICAL"
	r := report()
	r.Findings[0].Message, r.Findings[0].Remediation, r.Findings[0].Object.Name = hostile, hostile, hostile
	r.Explanations = []v1alpha1.Explanation{{ID: r.Findings[0].ID, Model: "tiny-1", Confidence: v1alpha1.ConfidenceHigh, Summary: hostile}}
	for name, text := range map[string]string{
		"default template": "", "template with a link": "https://grafana.example/d?n={{.Namespace}} {{range .Findings}}{{.}} {{.Line}}{{end}}",
	} {
		m := compose(t, v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Text: text}}, r)[0]
		for _, forbidden := range []string{"https://evil", "www.evil", "a@evil", "@here", "\x1b", "\u202e", "\nCRITICAL  "} {
			if strings.Contains(m.Title+m.Text, forbidden) {
				t.Errorf("%s: the message contains %q:\n%s", name, forbidden, m.Text)
			}
		}
		if text != "" && !strings.Contains(m.Text, "https://grafana.example/d?n=shop") {
			t.Errorf("the template's link is gone: %s", m.Text)
		}
		if m.Findings[0].Object.Name != hostile && m.Findings[len(m.Findings)-1].Object.Name != hostile {
			t.Error("the object of no finding is exact")
		}
	}
}

func TestAnIncompleteRunHasNoScoreInMessages(t *testing.T) {
	r := report()
	r.Summary.Score = nil
	r.Summary.Gaps = 3
	r.Summary.RequiredGaps = 2
	r.Gaps = []v1alpha1.Gap{{Message: "jane cannot list pods (RBAC)."}, {Message: "optional", Optional: true}}
	text := compose(t, v1alpha1.NotificationChannelSpec{}, r)[0].Text
	if !strings.Contains(text, "Incomplete, no score: 2 gaps, first: jane cannot list pods (RBAC).\n") {
		t.Error(text)
	}
	own := v1alpha1.NotificationTemplate{Text: "{{.Score}}{{if lt .Score 50}} low{{end}}, {{.Incomplete}}"}
	if text := compose(t, v1alpha1.NotificationChannelSpec{Template: own}, r)[0].Text; text != "no score low, 2 gaps, first: jane cannot list pods (RBAC)" {
		t.Error(text)
	}
	if text := compose(t, v1alpha1.NotificationChannelSpec{}, report())[0].Text; strings.Contains(text, "Incomplete") {
		t.Error(text)
	}
}

func TestMessagesLinkToTheirReportOnTheDashboard(t *testing.T) {
	const page = "https://kubeops.example.com/reports/"
	for name, tc := range map[string]struct {
		dashboard string
		mode      v1alpha1.DeliveryMode
		want      string
	}{
		"a digest":         {"https://kubeops.example.com", v1alpha1.DeliverDigest, page},
		"with a slash":     {"https://kubeops.example.com/", v1alpha1.DeliverDigest, page},
		"one finding":      {"https://kubeops.example.com", v1alpha1.DeliverEach, page},
		"no dashboard":     {"", v1alpha1.DeliverDigest, ""},
		"none and finding": {"", v1alpha1.DeliverEach, ""},
	} {
		c := NewComposer(&v1alpha1.NotificationChannelSpec{Type: v1alpha1.ChannelSlack, Mode: tc.mode}, false, same, Local{}, tc.dashboard)
		r := report()
		messages, err := c.Compose(t.Context(), r)
		if err != nil || len(messages) == 0 {
			t.Fatalf("%s: %d messages, %v", name, len(messages), err)
		}
		for _, m := range messages {
			want := tc.want
			if want != "" {
				want += r.Namespace + "/" + r.Name
			}
			if want != "" && tc.mode == v1alpha1.DeliverEach && len(m.Findings) == 1 {
				want += "?finding=" + m.Findings[0].ID
			}
			if m.URL != want || want != "" && !strings.Contains(m.Text, want+"\n") || want == "" && strings.Contains(m.Text, "https://") {
				t.Errorf("%s: URL %q, want %q, text %q", name, m.URL, want, m.Text)
			}
		}
	}
}
