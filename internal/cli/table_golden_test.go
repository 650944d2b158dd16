package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/checks"
)

// secondReport is a report with a previous one: a new problem and a flapping one, fixed findings, and recommendations of several checks.
func secondReport() *v1alpha1.InspectionReport {
	report := sampleReport()
	start := metav1.NewTime(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC))
	report.Findings[0].State = v1alpha1.FindingNew
	report.Findings = append(report.Findings, v1alpha1.Finding{
		ID: "d", Check: "quota-exhausted", Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
		Object: object("ResourceQuota", "shop-batch", "small"), Message: "ResourceQuota small is used up: requests.memory.",
		State: v1alpha1.FindingFlapping, Returns: 3,
		Evidence: []v1alpha1.Evidence{{ID: "e1", Source: v1alpha1.EvidenceCondition, Text: "requests.memory: 64Mi of 64Mi"}},
		Remediation: "Raise the quota: `kubectl -n shop-batch patch resourcequota small --type merge -p " +
			`'{"spec":{"hard":{"requests.memory":"128Mi"}}}'` + "`, or delete Pods that are not needed.",
	})
	advise := func(check string, severity v1alpha1.Severity, o v1alpha1.ObjectReference, message string) {
		report.Findings = append(report.Findings, v1alpha1.Finding{
			ID: fmt.Sprintf("r%02d", len(report.Findings)), Check: check, Class: v1alpha1.ClassRecommendation,
			Severity: severity, Object: o,
			State: v1alpha1.FindingPersisting, Message: message, Remediation: "See `kubeops checks " + check + "`.",
		})
	}
	advise("rbac-escalation-verbs", v1alpha1.SeverityHigh, object("ClusterRole", "", "platform-admin"),
		"ClusterRole platform-admin allows its subjects to bind roles, in the whole cluster.")
	report.Findings[len(report.Findings)-1].Also = []v1alpha1.RelatedFinding{{
		ID: "also", Check: "rbac-wildcard-verbs", Severity: v1alpha1.SeverityMedium,
		Message: "ClusterRole platform-admin allows its subjects to do everything with pods, in the whole cluster.",
	}}
	for i := range 12 {
		name := fmt.Sprintf("worker-%02d", i)
		advise("default-serviceaccount-used-with-rights", v1alpha1.SeverityMedium, object("Deployment", "shop", name),
			"Pods of Deployment "+name+" have permissions through the ServiceAccount default.")
	}
	advise("single-replica", v1alpha1.SeverityLow, object("Deployment", "shop", "cart"), "Deployment cart has a single replica.")
	advise("custom-team-label", v1alpha1.SeverityInfo, object("Namespace", "", "shop"), "Namespace shop has no label team.")
	for i := range 12 {
		report.Fixed = append(report.Fixed, v1alpha1.FixedFinding{FixedAt: start, EarlierFinding: v1alpha1.EarlierFinding{
			ID: fmt.Sprintf("x%02d", i), Check: "job-failed", Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Object:  object("Job", "shop", fmt.Sprintf("import-%02d", i)),
			Message: fmt.Sprintf("Job import-%02d failed.", i),
		}})
	}
	report.Summary = v1alpha1.ReportSummary{
		StartTime: start, Duration: metav1.Duration{Duration: 340 * time.Millisecond}, Objects: 42, ChecksRun: 60, Gaps: 1, Score: new(int32(66)),
		Problems:        v1alpha1.RootCauseCounts{Total: 2, SeverityCounts: v1alpha1.SeverityCounts{Critical: 1, High: 1}},
		Recommendations: v1alpha1.RootCauseCounts{Total: 15, SeverityCounts: v1alpha1.SeverityCounts{High: 1, Medium: 12, Low: 1, Info: 1}},
		Changes:         v1alpha1.ChangeCounts{New: 1, Fixed: 12, Persisting: 18, Flapping: 1},
	}
	return report
}

func TestTableAtDifferentWidths(t *testing.T) {
	for _, tc := range []struct {
		width int
		full  bool
	}{{60, false}, {120, false}, {250, false}, {120, true}} {
		name := fmt.Sprintf("table-%d", tc.width)
		if tc.full {
			name += "-recommendations"
		}
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := &printer{w: &out, output: "table", width: tc.width, checks: checks.Builtin(), recommendations: tc.full}
			if err := p.print(secondReport(), "dev, all namespaces"); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("UPDATE_GOLDEN=1 updates %s (-want +got):\n%s", path, diff)
			}
			for line := range strings.Lines(out.String()) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > tc.width && !strings.Contains(line, "`") {
					t.Errorf("line of %d columns: %s", n, line)
				}
			}
		})
	}
}

func TestAFirstReportMarksNothingAsNew(t *testing.T) {
	report := secondReport()
	report.Summary.Changes = v1alpha1.ChangeCounts{New: 19}
	report.Fixed = nil
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 120}
	if err := p.print(report, "dev"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "NEW") || strings.Contains(out.String(), "Fixed since") {
		t.Errorf("the first report is compared:\n%s", out.String())
	}
}

func TestManyChecksWithRecommendationsShareTheLastLine(t *testing.T) {
	var out bytes.Buffer
	p := &printer{w: &out, output: "table", width: 120}
	report := &v1alpha1.InspectionReport{}
	for i := range 40 {
		report.Findings = append(report.Findings, v1alpha1.Finding{
			ID: fmt.Sprint(i), Check: fmt.Sprintf("check-%02d", i/2), Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityLow,
			Object: object("Service", "shop", fmt.Sprint("s", i)), Message: "It could be better.",
		})
		report.Summary.Recommendations.Add(v1alpha1.SeverityLow)
	}
	if err := p.print(report, "dev"); err != nil {
		t.Fatal(err)
	}
	const want = "check-07 (2) and 12 more\n"
	if n := strings.Count(out.String(), "LOW "); n != maxGroups-1 || !strings.Contains(out.String(), want) {
		t.Errorf("%d lines of checks, want %d and %q in\n%s", n, maxGroups-1, want, out.String())
	}
	out.Reset()
	p.width = 60
	if err := p.print(report, "dev"); err != nil {
		t.Fatal(err)
	}
	const narrow = "others:         check-02 (2), check-03 (2) and 16 more\n"
	if !strings.Contains(out.String(), narrow) {
		t.Errorf("want one line %q in\n%s", narrow, out.String())
	}
}
