package inspect

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
)

func start() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }

// found is a problem of a Deployment in namespace shop, as it is first seen so long after the run of the Pipeline started.
func found(id string, severity v1alpha1.Severity, after time.Duration, change ...func(*v1alpha1.Finding)) v1alpha1.Finding {
	seen := metav1.NewTime(start().Add(after))
	f := v1alpha1.Finding{
		ID: id, Check: "deployment-unavailable", Class: v1alpha1.ClassProblem, Severity: severity, FirstSeen: &seen,
		Object:  v1alpha1.ObjectReference{Kind: "Deployment", Namespace: "shop", Name: id},
		Message: "no available\nPods", Evidence: []v1alpha1.Evidence{{ID: "e1", Source: v1alpha1.EvidenceEvent, Text: "ImagePullBackOff"}},
		Remediation: "correct the image",
	}
	for _, c := range change {
		c(&f)
	}
	return f
}

func TestAReportIsJudgedByItsNewProblems(t *testing.T) {
	gap := v1alpha1.Gap{Source: "pods", Reason: v1alpha1.GapForbidden, Message: "cannot list Pods", Remediation: "grant it"}
	optional := gap
	optional.Optional = true
	advice := func(f *v1alpha1.Finding) { f.Class = v1alpha1.ClassRecommendation }
	symptom := func(f *v1alpha1.Finding) { f.CausedBy = "cause" }
	elsewhere := func(f *v1alpha1.Finding) { f.Object.Kind, f.Object.Namespace = "Node", "" }
	for name, tc := range map[string]struct {
		findings  []v1alpha1.Finding
		gaps      []v1alpha1.Gap
		truncated bool
		stage     v1alpha1.InspectStage
		reason    string // empty: it passes
		first     string
	}{
		"nothing": {},
		"a new problem": {
			findings: []v1alpha1.Finding{found("a", "high", time.Minute)},
			reason:   "NewProblems", first: "high: Deployment shop/a: no available Pods",
		},
		"one that existed":  {findings: []v1alpha1.Finding{found("a", "critical", -time.Minute)}},
		"a less severe one": {findings: []v1alpha1.Finding{found("a", "medium", time.Minute)}},
		"a less severe one that counts": {
			findings: []v1alpha1.Finding{found("a", "medium", time.Minute)},
			stage:    v1alpha1.InspectStage{Severity: "low"}, reason: "NewProblems",
		},
		"advice": {findings: []v1alpha1.Finding{found("a", "critical", time.Minute, advice)}},
		"another namespace": {
			findings: []v1alpha1.Finding{found("a", "high", time.Minute)},
			stage:    v1alpha1.InspectStage{Namespaces: []string{"bank"}},
		},
		"the namespace": {
			findings: []v1alpha1.Finding{found("a", "high", time.Minute)},
			stage:    v1alpha1.InspectStage{Namespaces: []string{"shop"}}, reason: "NewProblems",
		},
		"the workload": {
			findings: []v1alpha1.Finding{found("a", "high", time.Minute)},
			stage:    v1alpha1.InspectStage{Workloads: []v1alpha1.WorkloadReference{{Kind: "Deployment", Namespace: "shop", Name: "a"}}}, reason: "NewProblems",
		},
		"another workload": {
			findings: []v1alpha1.Finding{found("a", "high", time.Minute)},
			stage:    v1alpha1.InspectStage{Workloads: []v1alpha1.WorkloadReference{{Kind: "Deployment", Namespace: "shop", Name: "b"}}},
		},
		"a symptom of a cause elsewhere": {
			findings: []v1alpha1.Finding{found("cause", "critical", time.Minute, elsewhere), found("a", "high", time.Minute, symptom)},
			stage:    v1alpha1.InspectStage{Namespaces: []string{"shop"}}, reason: "NewProblems", first: "critical: Node cause: no available Pods",
		},
		"a gap":                    {gaps: []v1alpha1.Gap{gap}, reason: "NoData", first: "pods (Forbidden): cannot list Pods"},
		"an optional gap":          {gaps: []v1alpha1.Gap{optional}},
		"a gap and a new problem":  {findings: []v1alpha1.Finding{found("a", "high", 0)}, gaps: []v1alpha1.Gap{gap}, reason: "NewProblems"},
		"problems that do not fit": {findings: []v1alpha1.Finding{found("a", "low", 0)}, truncated: true, reason: "NoData"},
		"advice that does not fit": {findings: []v1alpha1.Finding{found("a", "low", 0, advice)}, truncated: true},
	} {
		t.Run(name, func(t *testing.T) {
			report := &v1alpha1.InspectionReport{Findings: tc.findings, Gaps: tc.gaps}
			report.Name = "everything-1"
			report.Summary.Truncated = tc.truncated
			o := judge(pipeline.Attempt{Stage: &v1alpha1.PipelineStage{Inspect: &tc.stage}, RunStarted: start()}, report)
			if passes := o.State == pipeline.Succeeded; o.Reason != tc.reason || passes != (tc.reason == "") {
				t.Fatalf("got %+v", o)
			}
			if tc.first != "" && !strings.HasPrefix(o.Diagnosis[0], tc.first) {
				t.Errorf("diagnosis %q", o.Diagnosis)
			}
			if tc.reason == "" && o.Outputs[v1alpha1.OutputReport] != "everything-1" {
				t.Errorf("outputs %v", o.Outputs)
			}
		})
	}
}

func TestADiagnosisHasObjectEvidenceAndRemedyAndIsBounded(t *testing.T) {
	report := &v1alpha1.InspectionReport{}
	for _, id := range strings.Split("abcdefghij", "") {
		report.Findings = append(report.Findings, found(id, "high", time.Minute))
	}
	o := judge(pipeline.Attempt{Stage: &v1alpha1.PipelineStage{Inspect: &v1alpha1.InspectStage{}}, RunStarted: start()}, report)
	if len(o.Diagnosis) > 20 || o.Diagnosis[1] != "  event: ImagePullBackOff" || o.Diagnosis[2] != "  fix: correct the image" ||
		o.Diagnosis[len(o.Diagnosis)-1] != "and 4 more causes" {
		t.Errorf("diagnosis %q", o.Diagnosis)
	}
}

func TestReportsFromBeforeTheRequestDoNotCount(t *testing.T) {
	i := &v1alpha1.Inspection{}
	i.Status.LastReport = "old"
	i.Status.ActiveRun = &v1alpha1.InspectionRun{Report: "running", Request: "other"}
	if h := before(i, "own"); strings.Join(h.Earlier, " ") != "old running" {
		t.Errorf("got %+v", h)
	}
	i.Status.ActiveRun.Request = "own"
	if h := before(i, "own"); strings.Join(h.Earlier, " ") != "old" {
		t.Errorf("got %+v", h)
	}
	i.Status.LastHandledRequest = "own"
	if h := before(i, "own"); len(h.Earlier) != 0 {
		t.Errorf("got %+v", h)
	}
}

func TestADiagnosisQuotesTheLastLineOfALog(t *testing.T) {
	status := v1alpha1.Evidence{Source: v1alpha1.EvidenceCondition, Text: "exit code 1"}
	log := func(text string) v1alpha1.Evidence {
		return v1alpha1.Evidence{Source: v1alpha1.EvidenceLog, Text: text}
	}
	for name, tc := range map[string]struct {
		evidence []v1alpha1.Evidence
		want     string
	}{
		"a log":                    {[]v1alpha1.Evidence{status, log("starting\nFATAL:  no such\tfile\n\n")}, "  log: FATAL: no such file"},
		"a log of one line":        {[]v1alpha1.Evidence{status, log("FATAL")}, "  log: FATAL"},
		"an empty log":             {[]v1alpha1.Evidence{status, log(" \n")}, "  condition: exit code 1"},
		"the first log with lines": {[]v1alpha1.Evidence{log(""), status, log("FATAL")}, "  log: FATAL"},
		"no log":                   {[]v1alpha1.Evidence{status}, "  condition: exit code 1"},
		"nothing":                  {nil, "  fix: correct the image"},
	} {
		t.Run(name, func(t *testing.T) {
			f := found("a", "high", time.Minute, func(f *v1alpha1.Finding) { f.Evidence = tc.evidence })
			if lines := describeCauses([]*v1alpha1.Finding{&f}); lines[1] != tc.want {
				t.Errorf("the diagnosis is %q, want %q", lines, tc.want)
			}
		})
	}
}
