package render

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/checks"
)

// hostile is text with which a user who can create objects could try to inject markup into a report.
const hostile = "</script><script>alert(1)</script><img src=x onerror=alert(2)> [click](https://evil.example/x) " +
	"![i](https://evil.example/y.png) " +
	"@team/admins #42 !7 &9 | cell | `code` ``two`` **bold** \x1b[31mred\x07 \u202Eabc\u202C " +
	"www.evil.example mail@evil.example {0} ]]> </details>\n# heading\n- [ ] task\n<!-- "

// sample is a report with root causes, nested symptoms, evidence from all sources, gaps and hostile text.
func sample() *v1alpha1.InspectionReport {
	start := metav1.NewTime(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC))
	seen := metav1.NewTime(start.Add(-48 * time.Hour))
	report := &v1alpha1.InspectionReport{
		Summary: v1alpha1.ReportSummary{
			Inspection: "everything", Trigger: "schedule", StartTime: start, Duration: metav1.Duration{Duration: 1834 * time.Millisecond}, Score: new(int32(37)),
			Objects: 1320, ChecksRun: 92, Ignored: 2, Changes: v1alpha1.ChangeCounts{New: 3, Fixed: 1, Persisting: 5},
		},
		Findings: []v1alpha1.Finding{
			{
				ID: "f-aaaa", Check: "secret-missing", Category: v1alpha1.CategoryConfiguration,
				Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityCritical, Cluster: "local",
				Object:  v1alpha1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"},
				Message: "Container web needs Secret shop/payments-key, which does not exist.", Affects: 3,
				Evidence: []v1alpha1.Evidence{
					{ID: "e1", Source: v1alpha1.EvidenceSpec, Text: "env PAYMENTS_KEY from Secret payments-key, key token"},
					{ID: "e2", Source: v1alpha1.EvidenceEvent, Text: `Failed: Error: secret "payments-key" not found (x41)`},
					{ID: "e3", Source: v1alpha1.EvidenceLog,
						Text: "2026-01-15T11:59:58Z starting\n2026-01-15T11:59:59Z fatal: no key\n" + strings.Repeat("a long line ", 30)},
				},
				Remediation: "Create the Secret: `kubectl -n shop create secret generic payments-key --from-file=token`, or correct its " +
					"name in the Deployment.",
				State: v1alpha1.FindingNew, FirstSeen: &start,
			},
			{
				ID: "f-bbbb", Check: "deployment-unavailable", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
				CausedBy: "f-aaaa",
				Object:   v1alpha1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "web"},
				Message:  "Deployment web has 0 of 3 Pods available.", Affects: 2, State: v1alpha1.FindingPersisting, FirstSeen: &seen,
				Evidence: []v1alpha1.Evidence{
					{ID: "e1", Source: v1alpha1.EvidenceCondition, Text: "Available=False: MinimumReplicasUnavailable"},
				},
			},
			{
				ID: "f-cccc", Check: "service-no-ready-endpoints", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
				CausedBy: "f-bbbb",
				Object:   v1alpha1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: "shop", Name: "web"},
				Message:  "Service web has no ready endpoint: none of the Pods that it selects is ready.", Affects: 1,
				State:     v1alpha1.FindingPersisting,
				FirstSeen: &seen,
			},
			{
				ID: "f-dddd", Check: "ingress-backend-broken", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
				CausedBy: "f-cccc",
				Object:   v1alpha1.ObjectReference{APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Namespace: "shop", Name: "front"},
				Message:  "Path / of shop.example leads to Service web, which has no ready endpoint.", State: v1alpha1.FindingPersisting,
				FirstSeen: &seen,
			},
			{
				ID: "f-eeee", Check: "node-pressure", Category: v1alpha1.CategoryCapacity, Class: v1alpha1.ClassProblem,
				Severity: v1alpha1.SeverityHigh,
				Object:   v1alpha1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: "worker-2"},
				Message:  "Node worker-2 is short of memory (MemoryPressure).", State: v1alpha1.FindingPersisting, FirstSeen: &seen,
				Evidence:    []v1alpha1.Evidence{{ID: "e1", Source: v1alpha1.EvidenceMetric, Text: "memory 15.4Gi of 16Gi"}},
				Remediation: "Find what uses the memory (`kubectl top pods -A --sort-by=memory`), and give the Pods limits.",
			},
			{
				ID: "f-ffff", Check: "image-pull-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
				Object:  v1alpha1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "team-a", Name: hostile[:40]},
				Message: hostile, State: v1alpha1.FindingNew, FirstSeen: &start, Remediation: "Read " + hostile,
				Evidence: []v1alpha1.Evidence{
					{
						ID:     "e1",
						Source: v1alpha1.EvidenceEvent,
						Text:   hostile,
					}, {ID: "e2", Source: v1alpha1.EvidenceLog, Text: "```\n" + hostile},
				},
			},
			{
				ID: "f-abab", Check: "role-too-wide", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
				State: v1alpha1.FindingPersisting,
				Object: v1alpha1.ObjectReference{
					APIVersion: "rbac.authorization.k8s.io/v1",
					Kind:       "Role",
					Namespace:  "team-b",
					Name:       "all",
				},
				Message: "Role all allows every verb on every resource of its namespace.", FirstSeen: &seen,
			},
			{
				ID: "f-cdcd", Check: "pods-without-requests", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityInfo, CausedBy: "f-gone",
				Object:  v1alpha1.ObjectReference{APIVersion: "batch/v1", Kind: "CronJob", Namespace: "team-b", Name: "nightly"},
				Message: "No container of CronJob nightly asks for memory.",
			},
		},
		Gaps: []v1alpha1.Gap{
			{Source: "secrets", Reason: v1alpha1.GapForbidden, Optional: true, Checks: []string{"secret-missing", "secret-key-missing"},
				Message:     `cannot list secrets: "system:serviceaccount:shop:kubeops" <b>cannot</b> list resource`,
				Remediation: "Grant it: `kubectl create clusterrolebinding x --clusterrole=kubeops-inspector-secrets --serviceaccount=shop:kubeops`."},
			{Source: "metrics.k8s.io", Reason: v1alpha1.GapNotServed, Optional: true, Message: "The cluster does not serve metrics."},
		},
	}
	recount(report)
	report.Summary.Gaps = int32(len(report.Gaps)) //nolint:gosec // two
	report.Explanations = []v1alpha1.Explanation{
		{ID: v1alpha1.OverallExplanation, Provider: "local", Model: "tiny-1", Language: v1alpha1.LanguageEnglish,
			Confidence: v1alpha1.ConfidenceMedium, Summary: "A Secret is missing, and the shop is down because of it."},
		{
			ID: "f-aaaa", Provider: "local", Model: "tiny-1", Language: v1alpha1.LanguageEnglish, Confidence: v1alpha1.ConfidenceHigh,
			Summary: "The Secret was never created. " + hostile,
			Why: []v1alpha1.ExplainedClaim{{
				Claim: "The container waits for it. " + hostile, Evidence: []string{"e1", "e2"}, Quote: "not found " + hostile,
			}},
			RuledOut: []v1alpha1.RuledOut{{Cause: "The image exists. " + hostile, Evidence: []string{"spec1"}}},
			Missing:  []string{"Who deleted it. " + hostile}, Next: []string{"kubectl get events " + hostile},
			Evidence: []v1alpha1.Evidence{{ID: "spec1", Source: v1alpha1.EvidenceSpec, Text: "image: app:1 " + hostile}},
			Fix: []v1alpha1.SuggestedFix{{Description: "Create it. " + hostile, Command: "kubectl -n shop get secret payments-key",
				Patch: "kind: Secret\n" + hostile}},
		},
		{ID: "f-bbbb", Provider: "local", Model: "tiny-1", Language: v1alpha1.LanguageEnglish, Dropped: "NoEvidence"},
	}
	return report
}

// recount sets the counts of the summary.
func recount(report *v1alpha1.InspectionReport) {
	s := &report.Summary
	s.Counts = v1alpha1.SeverityCounts{}
	s.Problems = v1alpha1.RootCauseCounts{}
	s.Recommendations = v1alpha1.RootCauseCounts{}
	for _, root := range tree(report.Findings) {
		if root.IsProblem() {
			s.Problems.Add(root.Severity)
		} else {
			s.Recommendations.Add(root.Severity)
		}
	}
	for _, f := range report.Findings {
		s.Counts.Add(f.Severity)
	}
}

// nothing is a report without findings.
func nothing() *v1alpha1.InspectionReport {
	return &v1alpha1.InspectionReport{Summary: v1alpha1.ReportSummary{
		Score: new(int32(100)), Objects: 412, ChecksRun: 92, StartTime: metav1.NewTime(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)),
		Duration: metav1.Duration{Duration: 412 * time.Millisecond},
	}}
}

// large is a report with the maximum number of findings.
func large() *v1alpha1.InspectionReport {
	report := sample()
	report.Findings = nil
	for i := range 500 {
		f := sample().Findings[i%8]
		f.ID = fmt.Sprintf("f-%03d", i)
		f.CausedBy = ""
		if i%5 != 0 {
			f.CausedBy = fmt.Sprintf("f-%03d", i-i%5)
		}
		report.Findings = append(report.Findings, f)
	}
	recount(report)
	report.Summary.Truncated = true
	return report
}

func sampleOptions() Options {
	return Options{
		Checks: checks.Builtin(), Version: "v0.3.0", Heading: "kind-shop, all namespaces",
		Locate: func(o v1alpha1.ObjectReference) (string, int, bool) {
			switch o.Kind {
			case "Deployment":
				return `deploy\base files\web.yaml`, 12, true
			case "Service":
				return "./a:b.yaml", 0, true
			default:
				return "", 0, false
			}
		},
	}
}

// rendered returns the report in a format.
func rendered(t *testing.T, format string, report *v1alpha1.InspectionReport, options Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, format, report, options); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// incomplete is the sample of a run that did not read everything.
func incomplete() *v1alpha1.InspectionReport {
	report := sample()
	report.Gaps[1].Optional = false
	report.Summary.Score = nil
	report.Summary.RequiredGaps = 1
	return report
}
