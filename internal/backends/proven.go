package backends

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Proven reports whether the backend's controller has proven this generation, or the problem that it found. A
// generation that it has not reconciled yet, as when both resources are applied at once, is proven by the caller.
func Proven(conditions []metav1.Condition, generation, observed int64) (proven bool, err error) {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil || observed != generation {
		return false, nil
	}
	if ready.Status == metav1.ConditionTrue {
		return true, nil
	}
	return false, &problem.Problem{Reason: ready.Reason, Message: ready.Message}
}
