package quality

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/sarif"
)

// counted is a report with as many findings of each level.
func counted(errorCount, warnings, notes int) sarif.Report {
	report := sarif.Report{Counts: [3]int{errorCount, warnings, notes}}
	for level, count := range report.Counts {
		for n := range min(count, sarif.MaxFindings) {
			report.Findings[level] = append(report.Findings[level], sarif.Finding{
				Level: sarif.Level(level), Rule: "R", File: "a.go", Line: int64(n + 1), Message: "m",
			})
		}
	}
	return report
}

func TestAReportIsJudgedByItsLimitsAndTheEarlierRun(t *testing.T) {
	t.Parallel()
	noMore := v1alpha1.SARIFGate{Previous: v1alpha1.PreviousNoMore, MaxErrors: ptr.To[int32](10)}
	before := earlier{run: "r1", counts: map[string]int{"errors": 2, "warnings": 3, "notes": 0}}
	for name, tc := range map[string]struct {
		gate   v1alpha1.SARIFGate
		noData v1alpha1.NoDataPolicy
		report sarif.Report
		before earlier
		state  pipeline.State
		reason string
		says   string
		lines  int
	}{
		"nothing found": {report: counted(0, 0, 0), state: pipeline.Succeeded, says: "has 0 errors, 0 warnings and 0 notes"},
		"warnings and notes without a limit": {
			report: counted(0, 500, 500), state: pipeline.Succeeded, says: "has 0 errors, 500 warnings and 500 notes",
		},
		"one error": {
			report: counted(1, 2, 0), state: pipeline.Failed, reason: "QualityGateFailed",
			says: "has 1 error, 2 warnings and 0 notes; maxErrors is 0; the diagnosis", lines: 1,
		},
		"as many as permitted": {
			gate:   v1alpha1.SARIFGate{MaxErrors: ptr.To[int32](1), MaxWarnings: ptr.To[int32](2), MaxNotes: ptr.To[int32](0)},
			report: counted(1, 2, 0), state: pipeline.Succeeded,
		},
		"too many of two levels": {
			gate:   v1alpha1.SARIFGate{MaxWarnings: ptr.To[int32](1), MaxNotes: ptr.To[int32](0)},
			report: counted(0, 2, 1), state: pipeline.Failed, reason: "QualityGateFailed", says: "maxWarnings is 1, maxNotes is 0", lines: 3,
		},
		"the first run":     {gate: noMore, report: counted(5, 5, 5), state: pipeline.Succeeded, says: "no earlier run succeeded"},
		"as many as before": {gate: noMore, report: counted(2, 3, 0), before: before, state: pipeline.Succeeded, says: "no more than those of run r1"},
		"fewer than before": {gate: noMore, report: counted(0, 0, 0), before: before, state: pipeline.Succeeded},
		"more than before": {
			gate: noMore, report: counted(1, 4, 1), before: before, state: pipeline.Failed, reason: "QualityGateFailed",
			says: "run r1 had 3 warnings, run r1 had 0 notes", lines: 5,
		},
		"no tool":            {report: sarif.Report{Empty: true}, state: pipeline.Failed, reason: "NoData", says: "no list of results"},
		"a tool that failed": {report: sarif.Report{Failed: true}, state: pipeline.Failed, reason: "NoData", says: "did not succeed"},
		"no data yet": {
			noData: v1alpha1.NoDataWait, report: sarif.Report{Empty: true}, state: pipeline.Running, reason: "NoData", says: "no list of results",
		},
		"many errors": {
			report: counted(1000, 0, 0), state: pipeline.Failed, reason: "QualityGateFailed", says: "has 1000 errors", lines: maxShown + 1,
		},
	} {
		tc.gate.Artifact = "a.sarif"
		o := judgeReport(&v1alpha1.QualityStage{SARIF: &tc.gate, NoData: tc.noData}, tc.report, tc.before)
		if o.State != tc.state || o.Reason != tc.reason || !strings.Contains(o.Message, tc.says) || len(o.Diagnosis) != tc.lines {
			t.Errorf("%s: got %+v", name, o)
		}
		outputs := map[string]string{}
		if tc.state == pipeline.Succeeded {
			for i, level := range tc.gate.Levels() {
				outputs[level] = fmt.Sprint(tc.report.Counts[i])
			}
		}
		if fmt.Sprint(o.Outputs) != fmt.Sprint(outputs) {
			t.Errorf("%s: outputs %v, want %v", name, o.Outputs, outputs)
		}
	}
}

func TestFindingsAreDescribedInOneLineEach(t *testing.T) {
	t.Parallel()
	for want, finding := range map[string]sarif.Finding{
		"error go/sql at cart/db.go:12: Query built from input": {
			Rule: "go/sql", File: "cart/db.go", Line: 12, Message: "Query built from input",
		},
		"warning at a.go": {Level: sarif.Warning, File: "a.go"},
		"note N: m":       {Level: sarif.Note, Rule: "N", Message: "m", Line: 3},
	} {
		if got := line(finding); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	hostile := line(sarif.Finding{Rule: "a\nb", File: "\x1b[31m", Message: strings.Repeat("m\u202e", 1000)})
	if strings.ContainsAny(hostile, "\n\x1b\u202e") || len([]rune(hostile)) > maxLine {
		t.Errorf("got %q", hostile)
	}
	many := lines(counted(50, 0, 0).Findings[sarif.Error], 50, 3)
	if !slices.Equal(many[3:], []string{"and 47 more of level error"}) {
		t.Errorf("got %q", many)
	}
	if none := lines(counted(50, 0, 0).Findings[sarif.Error], 50, -1); len(none) != 0 {
		t.Errorf("got %q", none)
	}
}

func TestCountsOfAnEarlierRunAreThoseOfItsOutputs(t *testing.T) {
	t.Parallel()
	gate := &v1alpha1.SARIFGate{}
	if got := gate.Counts(map[string]string{"errors": "1", "warnings": "2", "notes": "3"}); fmt.Sprint(got) != "map[errors:1 notes:3 warnings:2]" {
		t.Errorf("got %v", got)
	}
	for name, outputs := range map[string]map[string]string{
		"none": nil, "an approval without data": {"errors": "", "warnings": "", "notes": ""}, "of SonarQube": {"gate": "OK", "analysis": "A"},
		"negative": {"errors": "-1", "warnings": "0", "notes": "0"}, "no number": {"errors": "x", "warnings": "0", "notes": "0"},
	} {
		if got := gate.Counts(outputs); got != nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestAReportThatCannotBeReadFailsOnce(t *testing.T) {
	t.Parallel()
	_, broken := sarif.Read(strings.NewReader("<html>"))
	got := problem.As(unread("a.sarif", broken))
	if got == nil || got.Action != problem.UserMustAct || got.Reason != v1alpha1.ReasonInvalidReport ||
		got.Message != "artifact a.sarif is no report in the format SARIF 2.1.0: it is not valid JSON" {
		t.Errorf("got %v", got)
	}
	down := problem.Retrying(v1alpha1.ReasonServerError, nil, "ci returned a server error (503)")
	if err := unread("a.sarif", down); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}
