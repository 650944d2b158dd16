package inspection

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/message"
)

// countedReport has three problems, one of them with a symptom and one that is a promoted recommendation, and two recommendations, one of
// which stands for another.
func countedReport() *v1alpha1.InspectionReport {
	finding := func(id, name string, severity v1alpha1.Severity, causedBy int) causes.Linked {
		return causes.Linked{ID: id, CausedBy: causedBy, Finding: check.Finding{
			Check: id, Severity: severity, Message: "message of " + id,
			Object: facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: name},
		}}
	}
	const critical, high, low = v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityLow
	r := report.New(report.Input{
		Graph: facts.NewBuilder("local", time.Unix(0, 0)).Graph(), Checks: checks.Builtin(), Start: time.Unix(1_000_000, 0),
		Redact: func(text string) string { return text },
		Findings: []causes.Linked{
			finding("pod-crash-looping", "cart", critical, -1), finding("deployment-unavailable", "cart", high, 0),
			finding("secret-missing", "web", high, -1),
			finding("node-cordoned", "n", low, -1), finding("pod-unschedulable-taints", "x", high, 3),
			finding("runs-as-root", "web", low, -1), finding("root-filesystem-writable", "web", v1alpha1.SeverityInfo, -1),
			finding("single-replica", "web", low, -1),
		},
	})
	r.Name = "r"
	r.Namespace = "shop"
	return r
}

// shownCounts are the numbers of problems and recommendations in each output of a report.
func shownCounts(t *testing.T, r *v1alpha1.InspectionReport) map[string]string {
	t.Helper()
	i := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "i"}}
	record(i, &v1alpha1.InspectionRun{}, r)
	scope := &kind.Scope[*v1alpha1.Inspection]{Object: i, Stored: i}
	conclude(scope.Conditions(), r)
	shown := map[string]string{
		"status":            fmt.Sprintf("%d problems, %d recommendations", i.Status.Problems.Total, i.Status.Recommendations.Total),
		"condition":         meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady).Message,
		"status.rootCauses": fmt.Sprintf("%d problems", len(i.Status.RootCauses)),
	}
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	metrics.show(i, r)
	shown["metrics"] = fmt.Sprintf("%v problems, %v recommendations", sumOf(t, registry, "kubeops_inspection_problems"),
		sumOf(t, registry, "kubeops_inspection_recommendations"))
	headline := regexp.MustCompile(`(?i)\d+ problems, \d+ recommendations`)
	for _, format := range []string{"html", "markdown"} {
		var b bytes.Buffer
		if err := render.Write(&b, format, r, render.Options{Checks: checks.Builtin()}); err != nil {
			t.Fatal(err)
		}
		shown[format] = headline.FindString(b.String())
		if format == "html" {
			shown["cards of the page"] = fmt.Sprintf("%d problems, %d recommendations", strings.Count(b.String(), `<article class="card`),
				strings.Count(b.String(), `<article class="item`))
		}
	}
	template := v1alpha1.NotificationTemplate{Text: "{{.Problems}} problems, {{.Recommendations}} recommendations"}
	composer := message.NewComposer(&v1alpha1.NotificationChannelSpec{Type: v1alpha1.ChannelSlack, Template: template}, false,
		func(text string) string { return text }, message.Local{}, "")
	messages, err := composer.Compose(t.Context(), r)
	if err != nil || len(messages) != 1 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	shown["message"] = messages[0].Text
	shown["findings of the message"] = fmt.Sprintf("%d problems", len(messages[0].Findings))
	return shown
}

func sumOf(t *testing.T, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			for _, metric := range family.GetMetric() {
				sum += metric.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestCountsAgreeInEveryOutput(t *testing.T) {
	r := countedReport()
	if r.Summary.Problems.Total != 3 || r.Summary.Recommendations.Total != 2 {
		t.Fatalf("summary: %+v", r.Summary)
	}
	want := render.Headline(r.Summary)
	if want != "3 problems, 2 recommendations" {
		t.Errorf("headline %q", want)
	}
	for output, got := range shownCounts(t, r) {
		if got != want && got != "3 problems" {
			t.Errorf("%s: %q, want %q", output, got, want)
		}
	}
}
