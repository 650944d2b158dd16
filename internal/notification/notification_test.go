package notification

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
		return v1alpha1.FixedFinding{ID: id, Check: f.Check, Category: f.Category, Severity: f.Severity, Object: f.Object, Message: f.Message, FixedAt: metav1.NewTime(at)}
	}
	symptom := gone("f6", start.Time)
	symptom.CausedBy = "f5"
	return &v1alpha1.InspectionReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "all-1", UID: "u-1"},
		Summary:    v1alpha1.ReportSummary{Inspection: "all", StartTime: start, Score: 70, RootCauses: 4},
		Findings: []v1alpha1.Finding{
			finding("f1"),
			finding("f2", func(f *v1alpha1.Finding) { f.CausedBy = "f1" }),
			finding("f3", func(f *v1alpha1.Finding) { f.State = v1alpha1.FindingPersisting }),
			finding("f4", func(f *v1alpha1.Finding) {
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
	c, err := NewComposer(&spec, same)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := c.Compose(r)
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

func TestWhatIsToldFollowsTheFilter(t *testing.T) {
	for name, tc := range map[string]struct {
		spec         v1alpha1.NotificationChannelSpec
		found, fixed string
	}{
		"new root causes from high on":       {v1alpha1.NotificationChannelSpec{}, "f4 f1", "f5"},
		"also what persists":                 {v1alpha1.NotificationChannelSpec{Filter: v1alpha1.NotificationFilter{NewOnly: ptr.To(false)}}, "f4 f1 f3", "f5"},
		"one category":                       {v1alpha1.NotificationChannelSpec{Filter: v1alpha1.NotificationFilter{Categories: []v1alpha1.Category{v1alpha1.CategorySecurity}}}, "f4", ""},
		"down to low":                        {v1alpha1.NotificationChannelSpec{Filter: v1alpha1.NotificationFilter{MinSeverity: v1alpha1.SeverityLow}}, "f4 f1 f7", "f5"},
		"critical":                           {v1alpha1.NotificationChannelSpec{Filter: v1alpha1.NotificationFilter{MinSeverity: v1alpha1.SeverityCritical}}, "f4", ""},
		"not what is fixed":                  {v1alpha1.NotificationChannelSpec{Filter: v1alpha1.NotificationFilter{Fixed: ptr.To(false)}}, "f4 f1", ""},
		"an Alertmanager of all that is on":  {v1alpha1.NotificationChannelSpec{Type: v1alpha1.ChannelAlertmanager, Filter: v1alpha1.NotificationFilter{Fixed: ptr.To(false)}}, "f4 f1 f3", "f5"},
		"an Alertmanager has no single ones": {v1alpha1.NotificationChannelSpec{Type: v1alpha1.ChannelAlertmanager, Mode: v1alpha1.DeliverEach}, "f4 f1 f3", "f5"},
	} {
		t.Run(name, func(t *testing.T) {
			messages := compose(t, tc.spec, report())
			if len(messages) != 1 || ids(messages[0].Findings) != tc.found || ids(messages[0].Fixed) != tc.fixed {
				t.Errorf("got %+v", messages)
			}
		})
	}
}

func TestAFindingThatIsJudgedDifferentlyThanBefore(t *testing.T) {
	was := func(now, before v1alpha1.Severity, causeNow, causeBefore string) v1alpha1.Finding {
		return finding("f1", func(f *v1alpha1.Finding) {
			f.State, f.Severity, f.CausedBy = v1alpha1.FindingPersisting, now, causeNow
			f.Previously = &v1alpha1.PreviousFinding{Severity: before, CausedBy: causeBefore}
		})
	}
	const critical, high, medium = v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium
	flapping := was(high, medium, "", "")
	flapping.State = v1alpha1.FindingFlapping
	for name, tc := range map[string]struct {
		finding v1alpha1.Finding
		// chat is told of findings and, separated by a slash, of fixed ones; alerts go on and end, each with its severity.
		chat, alerts string
	}{
		"worse, and by that within the filter":        {was(high, medium, "", ""), "high/", "high/"},
		"worse, and within the filter before":         {was(critical, high, "", ""), "", "critical/high"},
		"less bad, and still within the filter":       {was(high, critical, "", ""), "", "high/critical"},
		"less bad, and by that out of the filter":     {was(medium, high, "", ""), "", "/high"},
		"less bad, and out of the filter before":      {was(v1alpha1.SeverityLow, medium, "", ""), "", ""},
		"its cause is gone":                           {was(high, high, "", "f9"), "high/", "high/"},
		"its cause is gone, and it is not bad enough": {was(medium, medium, "", "f9"), "", ""},
		"a cause was found":                           {was(high, high, "f9", ""), "", "/high"},
		"a cause was found, and it got worse":         {was(critical, high, "f9", ""), "", "/high"},
		"flapping was told enough of":                 {flapping, "", "high/"},
	} {
		t.Run(name, func(t *testing.T) {
			r := report()
			r.Findings, r.Fixed = []v1alpha1.Finding{tc.finding}, nil
			told := func(channel v1alpha1.NotificationChannelType) (text string) {
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
			if chat, alerts := told(v1alpha1.ChannelSlack), told(v1alpha1.ChannelAlertmanager); chat != tc.chat || alerts != tc.alerts {
				t.Errorf("the chat got %q, want %q; the Alertmanager got %q, want %q", chat, tc.chat, alerts, tc.alerts)
			}
		})
	}
}

func TestADigestSaysWhatIsNewAndWhatIsFixed(t *testing.T) {
	r := report()
	r.Explanations = []v1alpha1.Explanation{{ID: "f1", Summary: "The program finds no database."}}
	m := compose(t, v1alpha1.NotificationChannelSpec{}, r)[0]
	if m.Title != "shop/all: 2 to look at, 1 fixed (worst: critical)" || m.Key != "u-1" || m.Event != notify.EventReport || m.Severity != v1alpha1.SeverityCritical {
		t.Errorf("got %+v", m)
	}
	want := `- [critical] Deployment shop/cart: container app exits with code 1
  What to do: Read its log.
- [high] Deployment shop/cart: container app exits with code 1
  The program finds no database.
  What to do: Read its log.
- fixed: Deployment shop/cart: container app exits with code 1
kubectl -n shop get inspectionreport all-1 -o yaml`
	if m.Text != want {
		t.Errorf("got\n%s\nwant\n%s", m.Text, want)
	}
}

func TestOneByOneEachHasAKeyOfItsOwn(t *testing.T) {
	messages := compose(t, v1alpha1.NotificationChannelSpec{Mode: v1alpha1.DeliverEach}, report())
	var keys, titles []string
	for _, m := range messages {
		keys, titles = append(keys, m.Key), append(titles, m.Title)
	}
	if !reflect.DeepEqual(keys, []string{"u-1/f4", "u-1/f1", "u-1/f5"}) {
		t.Errorf("got keys %q", keys)
	}
	if !reflect.DeepEqual(titles, []string{
		"shop/all: critical: Deployment shop/cart container app exits with code 1", "shop/all: high: Deployment shop/cart container app exits with code 1", "shop/all: fixed: Deployment shop/cart",
	}) {
		t.Errorf("got titles %q", titles)
	}
	if again := compose(t, v1alpha1.NotificationChannelSpec{Mode: v1alpha1.DeliverEach}, report()); !reflect.DeepEqual(messages, again) {
		t.Error("the same report gave other messages")
	}
}

func TestNothingToTellIsNoMessage(t *testing.T) {
	r := report()
	r.Findings, r.Fixed = nil, nil
	if messages := compose(t, v1alpha1.NotificationChannelSpec{}, r); len(messages) != 0 {
		t.Errorf("got %+v", messages)
	}
}

func TestALargeReportMakesABoundedMessage(t *testing.T) {
	r := report()
	for n := range 500 {
		r.Findings = append(r.Findings, finding(fmt.Sprintf("g%d", n)))
	}
	m := compose(t, v1alpha1.NotificationChannelSpec{}, r)[0]
	if len(m.Findings) != 200 || m.More != 302 || strings.Count(m.Text, "\n- ") != 20 || !strings.Contains(m.Text, "... and more") {
		t.Errorf("%d findings, %d more, %d lines", len(m.Findings), m.More, strings.Count(m.Text, "\n- "))
	}
}

func TestEveryTextPassesTheGate(t *testing.T) {
	r := report()
	r.Findings[0].Message, r.Findings[0].Remediation = "says hunter2", "not hunter2"
	r.Fixed[0].Message = "was hunter2"
	r.Explanations = []v1alpha1.Explanation{{ID: "f1", Summary: "hunter2 is wrong"}}
	spec := v1alpha1.NotificationChannelSpec{Template: v1alpha1.NotificationTemplate{Title: `hunter2 {{(index .Findings 0).Message}}`}}
	c, err := NewComposer(&spec, func(text string) string { return strings.ReplaceAll(text, "hunter2", "***") })
	if err != nil {
		t.Fatal(err)
	}
	messages, err := c.Compose(r)
	if err != nil || len(messages) != 1 {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", messages[0]); strings.Contains(text, "hunter2") {
		t.Errorf("a secret is told: %s", text)
	}
}

func TestNoSecretOfTheCorpusIsTold(t *testing.T) {
	gate, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	texts, r := corpus.Secrets(7, 1), report()
	for n, c := range texts {
		r.Findings = append(r.Findings, finding(fmt.Sprintf("s%d", n), func(f *v1alpha1.Finding) { f.Message, f.Remediation = c.Text, c.Text }))
		r.Explanations = append(r.Explanations, v1alpha1.Explanation{ID: fmt.Sprintf("s%d", n), Summary: c.Text})
	}
	for _, mode := range []v1alpha1.DeliveryMode{v1alpha1.DeliverDigest, v1alpha1.DeliverEach} {
		c, err := NewComposer(&v1alpha1.NotificationChannelSpec{Mode: mode}, gate.Text)
		if err != nil {
			t.Fatal(err)
		}
		messages, err := c.Compose(r)
		if err != nil || len(messages) == 0 {
			t.Fatalf("%d messages: %v", len(messages), err)
		}
		told := fmt.Sprintf("%+v", messages)
		for _, c := range texts {
			if strings.Contains(told, c.Secret) {
				t.Errorf("mode %s, %s: told %q", mode, c.Shape, c.Secret)
			}
		}
	}
}
