package pipeline

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func TestOnlyAQuotaKeepsThePipelineFromBeingServed(t *testing.T) {
	condition := func(status metav1.ConditionStatus, reason string) []metav1.Condition {
		return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: reason}}
	}
	for name, tc := range map[string]struct {
		conditions []metav1.Condition
		waits      bool
	}{
		"one that was not looked at":   {nil, false},
		"one that is ready":            {condition(metav1.ConditionTrue, v1alpha1.ReasonSucceeded), false},
		"one with another problem":     {condition(metav1.ConditionFalse, v1alpha1.ReasonInvalidPipeline), false},
		"one that a quota leaves out":  {condition(metav1.ConditionFalse, v1alpha1.ReasonQuotaExceeded), true},
		"one that was let through now": {condition(metav1.ConditionUnknown, v1alpha1.ReasonQuotaExceeded), false},
	} {
		p := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
		p.Status.Conditions = tc.conditions
		found := problem.As(CheckServed(p))
		if (found != nil) != tc.waits {
			t.Errorf("%s: %v", name, found)
		}
		if found != nil && (found.Action != problem.Wait || found.Reason != v1alpha1.ReasonQuotaExceeded || found.After <= 0) {
			t.Errorf("%s: it does not wait: %+v", name, found)
		}
	}
}
