package pipeline

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// unservedRecheck is when to look again whether a Pipeline is served, without an event.
const unservedRecheck = 5 * time.Minute

// CheckServed returns a problem of reason QuotaExceeded if the quota of the namespace leaves the Pipeline out. No run of it starts then:
// ended runs are deleted by the reconcile of their Pipeline, which does not happen.
func CheckServed(p *v1alpha1.Pipeline) error {
	ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.ReasonQuotaExceeded {
		return nil
	}
	return problem.Waiting(v1alpha1.ReasonQuotaExceeded, unservedRecheck,
		"Pipeline %s is not served, since its namespace exceeds a quota; see its condition Ready", p.Name)
}
