package pipelinerun

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestRunsWakeWhenTheirPipelineIsServedAgain(t *testing.T) {
	of := func(status metav1.ConditionStatus, reason string) *v1alpha1.Pipeline {
		p := &v1alpha1.Pipeline{}
		p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: reason}}
		return p
	}
	served := of(metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	invalid := of(metav1.ConditionFalse, v1alpha1.ReasonInvalidPipeline)
	leftOut := of(metav1.ConditionFalse, v1alpha1.ReasonQuotaExceeded)
	for name, tc := range map[string]struct {
		old, current *v1alpha1.Pipeline
		wakes        bool
	}{
		"served again":        {leftOut, served, true},
		"invalid, as is seen": {leftOut, invalid, true},
		"still left out":      {leftOut, leftOut, false},
		"left out now":        {served, leftOut, false},
		"as before":           {served, served, false},
		"repaired":            {invalid, served, false},
	} {
		if got := servedAgain().Update(event.UpdateEvent{ObjectOld: tc.old, ObjectNew: tc.current}); got != tc.wakes {
			t.Errorf("%s: %v", name, got)
		}
	}
}
