package dashboard

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/printable"
)

// Object of a finding.
type Object struct {
	APIVersion string `json:"apiVersion" doc:"API version, for example apps/v1."`
	Kind       string `json:"kind" doc:"Kind, for example Deployment."`
	Namespace  string `json:"namespace" doc:"Namespace. Empty for an object of the cluster."`
	Name       string `json:"name" doc:"Name."`
}

// Counts of findings by severity.
type Counts struct {
	Total    int32 `json:"total" doc:"All severities."`
	Critical int32 `json:"critical" doc:"Severity critical."`
	High     int32 `json:"high" doc:"Severity high."`
	Medium   int32 `json:"medium" doc:"Severity medium."`
	Low      int32 `json:"low" doc:"Severity low."`
	Info     int32 `json:"info" doc:"Severity info."`
}

// Readiness is condition Ready of a resource.
type Readiness struct {
	Status  string     `json:"status" enum:"True,False,Unknown" doc:"Status of condition Ready. Unknown before the first reconcile."`
	Reason  string     `json:"reason" doc:"Reason of the condition. Empty before the first reconcile."`
	Message string     `json:"message" doc:"What is wrong, and the next step."`
	Since   *time.Time `json:"since,omitempty" doc:"Time of the last change of the status."`
}

// Condition of a resource.
type Condition struct {
	Type    string    `json:"type" doc:"Type, for example Ready."`
	Status  string    `json:"status" enum:"True,False,Unknown" doc:"Status."`
	Reason  string    `json:"reason" doc:"Reason, one word."`
	Message string    `json:"message" doc:"Message for people."`
	Since   time.Time `json:"since" doc:"Time of the last change of the status."`
}

func countsOf(c v1alpha1.RootCauseCounts) Counts {
	s := c.SeverityCounts
	return Counts{Total: c.Total, Critical: s.Critical, High: s.High, Medium: s.Medium, Low: s.Low, Info: s.Info}
}

// add counts one finding.
func (c *Counts) add(severity v1alpha1.Severity) {
	counts := v1alpha1.RootCauseCounts{Total: c.Total, SeverityCounts: v1alpha1.SeverityCounts{
		Critical: c.Critical, High: c.High, Medium: c.Medium, Low: c.Low, Info: c.Info,
	}}
	counts.Add(severity)
	*c = countsOf(counts)
}

func objectOf(o v1alpha1.ObjectReference) Object {
	return Object{APIVersion: o.APIVersion, Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
}

func readinessOf(conditions []metav1.Condition) Readiness {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	if ready == nil {
		return Readiness{Status: string(metav1.ConditionUnknown)}
	}
	return Readiness{
		Status: statusOf(ready.Status), Reason: ready.Reason, Message: printable.Block(outcome.Explanation(conditions)),
		Since: timeOf(&ready.LastTransitionTime),
	}
}

func conditionsOf(conditions []metav1.Condition) []Condition {
	all := make([]Condition, 0, len(conditions))
	for _, c := range conditions {
		all = append(all, Condition{
			Type: c.Type, Status: statusOf(c.Status), Reason: c.Reason, Message: printable.Block(c.Message),
			Since: c.LastTransitionTime.UTC(),
		})
	}
	return all
}

// statusOf a condition. The API accepts no other values.
func statusOf(status metav1.ConditionStatus) string {
	if status == metav1.ConditionTrue || status == metav1.ConditionFalse {
		return string(status)
	}
	return string(metav1.ConditionUnknown)
}

func timeOf(t *metav1.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}

// millisecondsOf a latency. Nil if it was not measured.
func millisecondsOf(d *metav1.Duration) *int64 {
	if d == nil {
		return nil
	}
	ms := d.Milliseconds()
	return &ms
}
