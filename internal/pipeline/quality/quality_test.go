package quality

import (
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/sonarqube"
)

func stage(noData v1alpha1.NoDataPolicy) *v1alpha1.QualityStage {
	return &v1alpha1.QualityStage{NoData: noData, SonarQube: &v1alpha1.SonarQubeGate{Project: "shop"}}
}

func TestAGateIsJudgedByItsStatus(t *testing.T) {
	coverage := sonarqube.Condition{Status: "ERROR", Metric: "new_coverage", Comparator: "LT", Threshold: "80", Value: "75.3"}
	fine := sonarqube.Condition{Status: "OK", Metric: "new_bugs", Comparator: "GT", Threshold: "0", Value: "0"}
	for name, tc := range map[string]struct {
		gate   sonarqube.Gate
		noData v1alpha1.NoDataPolicy
		state  pipeline.State
		reason string
		says   string
	}{
		"passes": {gate: sonarqube.Gate{Status: "OK"}, state: pipeline.Succeeded},
		"warns":  {gate: sonarqube.Gate{Status: "WARN"}, state: pipeline.Succeeded},
		"fails": {
			gate:  sonarqube.Gate{Status: "ERROR", Conditions: []sonarqube.Condition{fine, coverage}},
			state: pipeline.Failed, reason: "QualityGateFailed", says: "1 of 2 conditions failed",
		},
		"a status of a later version": {gate: sonarqube.Gate{Status: "BROKEN"}, state: pipeline.Failed, reason: "QualityGateFailed"},
		"no gate":                     {gate: sonarqube.Gate{Status: "NONE"}, state: pipeline.Failed, reason: "NoData", says: "quality.noData"},
		"no gate yet":                 {gate: sonarqube.Gate{Status: "NONE"}, noData: v1alpha1.NoDataWait, reason: "NoData"},
	} {
		t.Run(name, func(t *testing.T) {
			o := judge(stage(tc.noData), tc.gate)
			if o.State != tc.state || o.Reason != tc.reason || !strings.Contains(o.Message, tc.says) {
				t.Errorf("got %+v", o)
			}
		})
	}
	o := judge(stage(""), sonarqube.Gate{Status: "ERROR", Conditions: []sonarqube.Condition{fine, coverage}})
	if len(o.Diagnosis) != 1 || o.Diagnosis[0] != "new_coverage is 75.3, must not be less than 80" {
		t.Errorf("diagnosis %q", o.Diagnosis)
	}
}

func TestADiagnosisIsBounded(t *testing.T) {
	gate := sonarqube.Gate{Status: "ERROR"}
	for i := range 30 {
		gate.Conditions = append(gate.Conditions, sonarqube.Condition{Status: "ERROR", Metric: fmt.Sprintf("m%d\n", i), Comparator: "GT"})
	}
	o := judge(stage(""), gate)
	if len(o.Diagnosis) != maxShown+1 || o.Diagnosis[maxShown] != "and 11 more" || strings.Contains(o.Diagnosis[0], "\n") {
		t.Errorf("diagnosis %q", o.Diagnosis)
	}
}

func TestWhatIsNoRevisionIsRefused(t *testing.T) {
	for _, revision := range []string{"", "a b", "a\n", strings.Repeat("a", 200), "ä"} {
		_, err := (&Driver{}).Start(t.Context(), revised(revision))
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonInvalidParameter || p.Action != problem.UserMustAct {
			t.Errorf("%q: %v", revision, err)
		}
	}
	handle, err := (&Driver{}).Start(t.Context(), revised("c0ffee"))
	if err != nil || handle != "c0ffee" {
		t.Errorf("got %q, %v", handle, err)
	}
}

// revised is an attempt with a revision.
func revised(revision string) pipeline.Attempt {
	return pipeline.Attempt{
		Stage: &v1alpha1.PipelineStage{Quality: stage("")}, Values: map[string]string{v1alpha1.OutputRevision: revision},
	}
}
