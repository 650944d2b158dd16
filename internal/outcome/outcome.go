// Package outcome turns how the carrying out of a resource ended into its conditions, one status patch, and what the
// controller does next: the same for every kind, so that `kubectl wait`, Argo CD and Flux can read them all.
//
//	Ready=True                       done                           look again when due
//	Ready=False, Reconciling=True    something outside may recover  back-off, or wait a known time
//	Ready=False, Stalled=True        only the user can help         nothing until the resource changes
package outcome

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// maxMessage of a condition, in runes.
	maxMessage = 1024
	// defaultWait is when to look again after a problem that says no time.
	defaultWait = time.Minute
)

// Conditions are the conditions of an object and what they speak of.
type Conditions struct {
	// List to change.
	List *[]metav1.Condition
	// Generation that was observed.
	Generation int64
	// Now is the time of the transition, if there is one.
	Now time.Time
}

// Succeeded says that the generation was carried out.
func (c Conditions) Succeeded(message string) {
	c.set(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, message)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionReconciling)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionStalled)
}

// Progressing says that work goes on. What Ready said of this generation stays true meanwhile; of a new generation it is
// not known yet.
func (c Conditions) Progressing(message string) {
	c.set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonProgressing, message)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionStalled)
	if ready := meta.FindStatusCondition(*c.List, v1alpha1.ConditionReady); ready == nil || ready.ObservedGeneration != c.Generation {
		c.set(v1alpha1.ConditionReady, metav1.ConditionUnknown, v1alpha1.ReasonProgressing, message)
	}
}

// Suspended says that nothing is done. What Ready said stays, since it still holds; what was never carried out is not Ready.
func (c Conditions) Suspended(message string) {
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionReconciling)
	meta.RemoveStatusCondition(c.List, v1alpha1.ConditionStalled)
	ready := meta.FindStatusCondition(*c.List, v1alpha1.ConditionReady)
	if ready == nil || ready.Status == metav1.ConditionUnknown {
		c.set(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSuspended, message)
	}
}

// Failed places a problem.
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

func (c Conditions) set(conditionType string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(c.List, metav1.Condition{
		Type: conditionType, Status: status, Reason: reason, Message: clip(message), ObservedGeneration: c.Generation,
		LastTransitionTime: metav1.NewTime(c.Now.Truncate(time.Second)),
	})
}

func clip(message string) string {
	runes := []rune(message)
	if len(runes) <= maxMessage {
		return message
	}
	return string(runes[:maxMessage-3]) + "..."
}

// Next is what the controller does after a problem: an error is tried again with back-off, a terminal one is not.
func Next(p *problem.Problem) (reconcile.Result, error) {
	switch p.Action {
	case problem.Wait:
		after := p.After
		if after <= 0 {
			after = defaultWait
		}
		return reconcile.Result{RequeueAfter: after}, nil
	case problem.UserMustAct:
		return reconcile.Result{}, reconcile.TerminalError(p)
	default:
		return reconcile.Result{}, p
	}
}

// PatchStatus writes the status of an object with one merge patch from its stored copy, if anything changed.
func PatchStatus(ctx context.Context, c client.Client, stored, changed client.Object) error {
	if equality.Semantic.DeepEqual(stored, changed) {
		return nil
	}
	if err := c.Status().Patch(ctx, changed, client.MergeFrom(stored)); err != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	return nil
}
