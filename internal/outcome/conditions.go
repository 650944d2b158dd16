package outcome

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
)

// maxMessage is the longest message of a condition, in runes.
const maxMessage = 1024

// Conditions are the conditions of an object and what they apply to. Each of the methods also records the generation as
// observed, so that no exit of a reconciler can forget it.
type Conditions struct {
	// List is changed in place.
	List *[]metav1.Condition
	// Observed is the object's status.observedGeneration.
	Observed *int64
	// Generation that was read.
	Generation int64
	// Now is the transition time of a condition that changes its status.
	Now time.Time
	// Complete receives the complete message of Ready, which the condition has shortened to MaxReady; may be nil.
	Complete *string
}

// Succeeded sets Ready=True with reason Succeeded.
func (c Conditions) Succeeded(message string) { c.Ready(v1alpha1.ReasonSucceeded, message) }

// Ready sets Ready=True with a reason of the kind's own: nothing is left to do for this generation now.
func (c Conditions) Ready(reason, message string) {
	c.set(v1alpha1.ConditionReady, metav1.ConditionTrue, reason, message)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionReconciling)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionStalled)
}

// Incomplete sets Ready=False with a reason of the kind's own: this attempt is over and left something undone. The next attempt comes by
// the schedule, so that nothing is in progress, and nothing has stalled.
func (c Conditions) Incomplete(reason, message string) {
	c.set(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionReconciling)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionStalled)
}

// Progressing sets Reconciling=True. Ready keeps what it says about this generation; about a new one it becomes Unknown.
func (c Conditions) Progressing(message string) {
	c.set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonProgressing, message)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionStalled)
	if ready := meta.FindStatusCondition(*c.List, v1alpha1.ConditionReady); ready == nil || ready.ObservedGeneration != c.Generation {
		c.set(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonProgressing, message)
	}
}

// Suspended records that reconciling is off. A success stays, since what was reconciled still holds; all else becomes
// Ready=False with reason Suspended. Problems are removed: nothing checks any more whether they persist.
func (c Conditions) Suspended(message string) {
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionReconciling)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionStalled)
	ready := meta.FindStatusCondition(*c.List, v1alpha1.ConditionReady)
	if ready != nil && ready.Status == metav1.ConditionTrue && ready.Reason == v1alpha1.ReasonSucceeded {
		c.Succeeded(ready.Message)
		return
	}
	c.set(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSuspended, message)
}

// Failed records a problem as Ready=False, with Stalled where only the user can fix it and Reconciling otherwise.
func (c Conditions) Failed(p *problem.Problem) {
	c.set(v1alpha1.ConditionReady, metav1.ConditionFalse, p.Reason, p.Message)
	if p.Action == problem.UserMustAct {
		c.set(v1alpha1.ConditionStalled, metav1.ConditionTrue, p.Reason, p.Message)
		meta.RemoveStatusCondition(c.List, v1alpha1.ConditionReconciling)
		return
	}
	c.set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonRetrying, p.Message)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionStalled)
}

// Auxiliary is the state of an auxiliary condition: one of the kind's own, which takes no part in Ready.
type Auxiliary struct {
	Status          metav1.ConditionStatus
	Reason, Message string
}

// True is the state of an auxiliary condition that holds.
func True(reason, message string) Auxiliary { return Auxiliary{metav1.ConditionTrue, reason, message} }

// False is the state of an auxiliary condition that does not hold.
func False(reason, message string) Auxiliary {
	return Auxiliary{metav1.ConditionFalse, reason, message}
}

// Unknown is the state of an auxiliary condition that could not be determined.
func Unknown(reason, message string) Auxiliary {
	return Auxiliary{metav1.ConditionUnknown, reason, message}
}

// SetAuxiliary sets an auxiliary condition. It leaves status.observedGeneration alone, which belongs to the writer of Ready.
func (c Conditions) SetAuxiliary(conditionType string, state Auxiliary) {
	setCondition(c.List, c.Generation, c.Now, conditionType, state)
}

// Remove removes a condition that the spec no longer asks for.
func (c Conditions) Remove(conditionType string) { meta.RemoveStatusCondition(c.List, conditionType) }

// Keep carries a condition over to this generation unchanged.
func (c Conditions) Keep(conditionType string) {
	if found := meta.FindStatusCondition(*c.List, conditionType); found != nil {
		found.ObservedGeneration = c.Generation
	}
}

func (c Conditions) set(conditionType string, status metav1.ConditionStatus, reason, message string) {
	*c.Observed = c.Generation
	if conditionType == v1alpha1.ConditionReady {
		message = printable.Line(message)
		if c.Complete != nil {
			*c.Complete = message
		}
		message = Short(message)
	}
	setCondition(c.List, c.Generation, c.Now, conditionType, Auxiliary{status, reason, message})
}

// setCondition sets a condition. Messages quote names and answers of servers, so they are made printable.
func setCondition(list *[]metav1.Condition, generation int64, now time.Time, conditionType string, state Auxiliary) {
	meta.SetStatusCondition(list, metav1.Condition{
		Type: conditionType, Status: state.Status, Reason: state.Reason, Message: Clip(printable.Line(state.Message), maxMessage),
		ObservedGeneration: generation, LastTransitionTime: metav1.NewTime(now.Truncate(time.Second)),
	})
}

// Clip shortens a text to a number of runes; three dots show that something was cut off.
func Clip(text string, maxRunes int) string {
	runes := []rune(text)
	if len(runes) <= maxRunes {
		return text
	}
	return string(runes[:maxRunes-3]) + "..."
}
