package outcome

import (
	"fmt"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Violations lists in which ways a status at rest breaks the rules that hold for every kind, empty if in none. It is for
// the tests of controllers. At rest, a status is in exactly one of the states that the package's comment lists.
func Violations(generation, observed int64, list []metav1.Condition) []string {
	var found []string
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if observed != generation {
		report("observedGeneration is %d, the generation %d", observed, generation)
	}
	for _, c := range list {
		if c.ObservedGeneration != generation {
			report("condition %s describes generation %d, not %d", c.Type, c.ObservedGeneration, generation)
		}
		if c.Reason == "" || c.Message == "" || c.LastTransitionTime.IsZero() {
			report("condition %s has no reason, message or time: %+v", c.Type, c)
		}
		longest := maxMessage
		if c.Type == v1alpha1.ConditionReady {
			longest = MaxReady
		}
		if n := utf8.RuneCountInString(c.Message); n > longest {
			report("the message of condition %s has %d runes, more than %d", c.Type, n, longest)
		}
		if (c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled) && c.Status != metav1.ConditionTrue {
			report("condition %s is %s; it must be True or absent", c.Type, c.Status)
		}
	}
	ready := meta.FindStatusCondition(list, v1alpha1.ConditionReady)
	if ready == nil {
		report("there is no condition Ready")
		return found
	}
	if states := statesAtRest(*ready, list); states != 1 {
		report("Ready=%s (%s) with the other conditions is no state at rest: %v", ready.Status, ready.Reason, conditionTypes(list))
	}
	return found
}

// Explanation returns the complete message of a Ready that is not True: Stalled and Reconciling have it. It is that of Ready otherwise.
func Explanation(list []metav1.Condition) string {
	ready := meta.FindStatusCondition(list, v1alpha1.ConditionReady)
	for _, conditionType := range []string{v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling} {
		if c := meta.FindStatusCondition(list, conditionType); c != nil && ready != nil && Short(c.Message) == ready.Message {
			return c.Message
		}
	}
	if ready == nil {
		return ""
	}
	return ready.Message
}

// statesAtRest counts the states in which the conditions are.
func statesAtRest(ready metav1.Condition, list []metav1.Condition) int {
	reconciling := meta.FindStatusCondition(list, v1alpha1.ConditionReconciling) != nil
	stalled := meta.FindStatusCondition(list, v1alpha1.ConditionStalled) != nil
	states := 0
	for _, in := range []bool{
		ready.Status == metav1.ConditionTrue && !reconciling && !stalled,
		ready.Status == metav1.ConditionFalse && reconciling && !stalled,
		ready.Status == metav1.ConditionFalse && stalled && !reconciling,
		ready.Status == metav1.ConditionFalse && !stalled && !reconciling &&
			(ready.Reason == v1alpha1.ReasonSuspended || ready.Reason == v1alpha1.ReasonIncomplete),
	} {
		if in {
			states++
		}
	}
	return states
}

func conditionTypes(list []metav1.Condition) []string {
	var names []string
	for _, c := range list {
		names = append(names, c.Type)
	}
	return names
}
