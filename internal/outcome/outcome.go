// Package outcome turns how the carrying out of a resource ended into its conditions, one status patch, and what the
// controller does next: the same for every kind, so that `kubectl wait`, Argo CD and Flux can read them all.
//
//	Ready=True                       done                           look again when due
//	Ready=False, Reconciling=True    something outside may recover  back-off, or wait a known time
//	Ready=False, Stalled=True        only the user can help         nothing until the resource changes
//	Ready=False, reason Suspended    nothing is asked for           nothing until the resource changes
package outcome

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
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

// Conditions are the conditions of an object and what they speak of. Each of the methods also records the generation as
// observed, so that no way out can forget it.
type Conditions struct {
	// List to change.
	List *[]metav1.Condition
	// Observed is the object's status.observedGeneration.
	Observed *int64
	// Generation that was read.
	Generation int64
	// Now is the time of the transition, if there is one.
	Now time.Time
}

// Succeeded says that the generation was carried out.
func (c Conditions) Succeeded(message string) { c.Ready(v1alpha1.ReasonSucceeded, message) }

// Ready says that nothing of the generation is left to do now, for a reason of the kind's own.
func (c Conditions) Ready(reason, message string) {
	c.set(v1alpha1.ConditionReady, metav1.ConditionTrue, reason, message)
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

// Suspended says that nothing is done. A success stays, since what was carried out still holds; all else is Ready=False.
// No problem is named any more, because nobody looks whether it is still there.
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
	*c.Observed = c.Generation
	meta.SetStatusCondition(c.List, metav1.Condition{
		Type: conditionType, Status: status, Reason: reason, Message: Clip(message, maxMessage), ObservedGeneration: c.Generation,
		LastTransitionTime: metav1.NewTime(c.Now.Truncate(time.Second)),
	})
}

// Clip shortens a text to a number of runes; what was cut off is shown by three dots.
func Clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-3]) + "..."
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

// Finish ends a turn with a problem: it places the problem in the conditions of the changed object, writes the status,
// and says what happens next. A status that could not be written is an error that is tried again, whatever the problem.
func Finish(ctx context.Context, c client.Client, stored, changed client.Object, conditions Conditions, p *problem.Problem) (reconcile.Result, error) {
	conditions.Failed(p)
	if err := PatchStatus(ctx, c, stored, changed); err != nil {
		return reconcile.Result{}, errors.Join(err, p) // not Next's error: a terminal one would keep the patch from being tried again
	}
	return Next(p)
}

// PatchStatus writes the status of an object with one patch, if it differs from that of its stored copy. The changed object
// keeps the spec and generation that were judged, although the server may know newer ones by then. An object that is gone
// needs no status. One that was replaced by another of its name is an error: the patch tests the UID, which a merge patch of
// a status cannot, since the server leaves its metadata aside.
func PatchStatus(ctx context.Context, c client.Client, stored, changed client.Object) error {
	if equality.Semantic.DeepEqual(stored, changed) {
		return nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(changed)
	if err != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	patch, err := json.Marshal([]operation{
		{Op: "test", Path: "/metadata/uid", Value: changed.GetUID()},
		{Op: "add", Path: "/status", Value: content["status"]}, // adds or replaces
	})
	if err != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	answer := changed.DeepCopyObject().(client.Object) // the server's answer goes here
	err = c.Status().Patch(ctx, answer, client.RawPatch(types.JSONPatchType, patch))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	return nil
}

// operation of a JSON patch, RFC 6902.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}
