package tools_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/testkit"
)

// pastReports are earlier reports, newest first.
type pastReports struct {
	reports []v1alpha1.InspectionReport
	err     error
}

func (p pastReports) Earlier(_ context.Context, each func(*v1alpha1.InspectionReport) bool) error {
	for i := range p.reports {
		if !each(&p.reports[i]) {
			break
		}
	}
	return p.err
}

func pastReport(hoursAgo int, findings ...v1alpha1.Finding) v1alpha1.InspectionReport {
	r := v1alpha1.InspectionReport{}
	r.CreationTimestamp = metav1.NewTime(testkit.Now().Add(-time.Duration(hoursAgo) * time.Hour))
	r.Findings = findings
	r.Explanations = []v1alpha1.Explanation{{ID: "a", Summary: "a model wrote this"}}
	return r
}

func pastFinding(name, check, message string) v1alpha1.Finding {
	return v1alpha1.Finding{
		ID: "a", Check: check, Severity: v1alpha1.SeverityHigh, Message: message,
		Object:   v1alpha1.ObjectReference{Kind: "Deployment", Namespace: "shop", Name: name},
		Evidence: []v1alpha1.Evidence{{ID: "e1", Source: v1alpha1.EvidenceLog, Text: "no such table"}},
	}
}

func TestHistoryIsWhatChecksFoundBefore(t *testing.T) {
	crash := pastFinding("web", "pod-crash-looping", "Deployment shop/web keeps crashing")
	s := tools.New(webCluster(t), testkit.Now).With(tools.Sources{History: pastReports{reports: []v1alpha1.InspectionReport{
		pastReport(1, crash, pastFinding("other", "pod-crash-looping", "not asked for")), pastReport(2, crash), pastReport(3),
		pastReport(4, pastFinding("web", "pod-image-pull-failed", "Deployment shop/web cannot pull its image")),
	}}})
	lines, refused := called(t, s, "history", `{"kind":"Deployment","namespace":"shop","name":"web"}`)
	want := []string{
		"2 reports from 2026-01-15T10:00:00Z to 2026-01-15T11:00:00Z:",
		"  high pod-crash-looping: Deployment shop/web keeps crashing", "    log: no such table",
		"report of 2026-01-15T09:00:00Z: no such finding",
		"report of 2026-01-15T08:00:00Z:",
		"  high pod-image-pull-failed: Deployment shop/web cannot pull its image", "    log: no such table",
	}
	if refused != "" || !slices.Equal(lines, want) {
		t.Errorf("got %s\n%s", refused, strings.Join(lines, "\n"))
	}
	if lines, _ = called(t, s, "history", `{"kind":"Deployment","namespace":"shop","name":"web","check":"pod-image-pull-failed"}`); len(lines) != 4 ||
		lines[0] != "3 reports from 2026-01-15T09:00:00Z to 2026-01-15T11:00:00Z: no such finding" {
		t.Errorf("one check: %q", lines)
	}
	for arguments, want := range map[string]string{
		`{"kind":"Deployment","namespace":"vault","name":"web"}`: `namespace "vault" is not inspected`,
		`{"kind":"Node","name":"n1"}`:                            "objects of the cluster are not inspected",
		`{"kind":"Secret","namespace":"shop","name":"a"}`:        "Secrets are not read",
	} {
		if _, refused := called(t, s, "history", arguments); !strings.HasPrefix(refused, want) {
			t.Errorf("%s: got %q", arguments, refused)
		}
	}
}

func TestAReportThatIsIncompleteDoesNotSayThatThereWasNoFinding(t *testing.T) {
	const incomplete = ":  the report is incomplete: there may be more"
	web := v1alpha1.ObjectReference{Kind: "Deployment", Namespace: "shop", Name: "web"}
	other := v1alpha1.ObjectReference{Kind: "Deployment", Namespace: "shop", Name: "other"}
	earlier := func(of v1alpha1.ObjectReference) v1alpha1.UnverifiedFinding {
		f := v1alpha1.UnverifiedFinding{}
		f.Object = of
		f.Check = "pod-crash-looping"
		f.Severity = v1alpha1.SeverityHigh
		return f
	}
	for _, c := range []struct {
		want   string
		change func(*v1alpha1.InspectionReport)
	}{
		{": no such finding", func(*v1alpha1.InspectionReport) {}},
		{incomplete, func(r *v1alpha1.InspectionReport) { r.Summary.RequiredGaps = 1 }},
		{incomplete, func(r *v1alpha1.InspectionReport) {
			r.Omitted = []v1alpha1.OmittedFindings{{Check: "pod-not-ready", Count: 1}}
		}},
		{incomplete, func(r *v1alpha1.InspectionReport) {
			r.Gaps = []v1alpha1.Gap{{Optional: true, Checks: []string{"pod-crash-looping"}}}
		}},
		{": no such finding", func(r *v1alpha1.InspectionReport) {
			r.Gaps = []v1alpha1.Gap{{Optional: true, Checks: []string{"node-not-ready"}}}
			r.Unverified = []v1alpha1.UnverifiedFinding{earlier(other)}
		}},
		{":  high pod-crash-looping: may persist, what the check needs could not be read", func(r *v1alpha1.InspectionReport) {
			r.Unverified = []v1alpha1.UnverifiedFinding{earlier(web)}
		}},
		{":  high pod-crash-looping: it crashes (ignored by a rule)", func(r *v1alpha1.InspectionReport) {
			r.Ignored = []v1alpha1.IgnoredFinding{
				{Object: web, Check: "pod-crash-looping", Severity: v1alpha1.SeverityHigh, Message: "it crashes"},
				{Object: web, Check: "pod-not-ready", Severity: v1alpha1.SeverityHigh, Message: "not asked for"},
			}
		}},
	} {
		report := pastReport(1)
		c.change(&report)
		s := tools.New(webCluster(t), testkit.Now).With(tools.Sources{History: pastReports{reports: []v1alpha1.InspectionReport{report}}})
		lines, refused := called(t, s, "history", `{"kind":"Deployment","namespace":"shop","name":"web","check":"pod-crash-looping"}`)
		if got := strings.Join(lines, ""); refused != "" || got != "report of 2026-01-15T11:00:00Z"+c.want {
			t.Errorf("got %q, %s; want %q", got, refused, c.want)
		}
	}
}

func TestHistoryReadsALimitedNumberOfReports(t *testing.T) {
	past := pastReports{}
	for i := range 50 {
		past.reports = append(past.reports, pastReport(i, pastFinding("web", "pod-crash-looping", fmt.Sprint("message ", i))))
	}
	s := tools.New(webCluster(t), testkit.Now).With(tools.Sources{History: past})
	lines, _ := called(t, s, "history", `{"kind":"Deployment","namespace":"shop","name":"web"}`)
	if len(lines) != 3*tools.MaxReports {
		t.Errorf("%d lines", len(lines))
	}
}

func TestEvidenceThatAnAccountCannotReadAnyMoreIsNoHistory(t *testing.T) {
	crash := pastFinding("web", "pod-crash-looping", "Deployment shop/web keeps crashing")
	crash.Evidence = append(crash.Evidence,
		v1alpha1.Evidence{ID: "e2", Source: v1alpha1.EvidenceEvent, Text: "BackOff of a Pod"},
		v1alpha1.Evidence{ID: "e3", Source: v1alpha1.EvidenceCondition, Text: "Available=False"})
	sources := tools.Sources{History: pastReports{reports: []v1alpha1.InspectionReport{pastReport(1, crash)}}}
	arguments := `{"kind":"Deployment","namespace":"shop","name":"web"}`
	for text, cluster := range map[string]background.Cluster{
		"log: (cannot be read now)\n    event: (cannot be read now)\n    condition: Available=False": withoutLogs{webCluster(t), nil},
		"log: no such table\n    event: BackOff of a Pod\n    condition: Available=False":            webCluster(t),
	} {
		lines, refused := called(t, tools.New(cluster, testkit.Now).With(sources), "history", arguments)
		if refused != "" || !strings.HasSuffix(strings.Join(lines, "\n"), text) {
			t.Errorf("got %q, %s; want %q", lines, refused, text)
		}
	}
}
