package outcome

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Aside sets a condition of the kind's own, which takes no part in Ready.
func (c Conditions) Aside(conditionType string, status metav1.ConditionStatus, reason, message string) {
	c.set(conditionType, status, reason, message)
}

// Drop takes a condition away that the generation does not ask for.
func (c Conditions) Drop(conditionType string) { meta.RemoveStatusCondition(c.List, conditionType) }

// Observe keeps a condition as it is, and in step with the others: what it says holds for this generation, too.
func (c Conditions) Observe(conditionType string) {
	if found := meta.FindStatusCondition(*c.List, conditionType); found != nil {
		found.ObservedGeneration = c.Generation
	}
}
