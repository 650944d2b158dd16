// Package backend is what the controllers of MetricsBackends and LogBackends have in common: when a round trip is due, and how
// its result becomes conditions, an event, a metric and one status patch.
//
// A back end is asked again whatever came of the last round trip. Its conditions say who must act, as those of every kind do;
// but what is wrong may be put right outside of the resource, in a Secret, a role, a network, so that no problem ends the looking.
package backend

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
)

// Keeper keeps the status of one kind of back ends. All fields are required.
type Keeper struct {
	// Kind that is kept, for example MetricsBackend.
	Kind string
	// Client writes; Reader reads without a cache, so that a status that was just written is seen.
	Client  client.Client
	Reader  client.Reader
	Clock   clock.PassiveClock
	Events  events.EventRecorder
	Metrics *Metrics
	Cadence *Cadence
	// DataSources writes what spec.grafana asks for.
	DataSources *DataSources
}

// Subject is what the resources of all back ends have alike.
type Subject struct {
	Object client.Object
	Access *v1alpha1.BackendAccess
	// Asides are the conditions besides Ready that the spec asks for; those of Known that it does not ask for are dropped.
	Asides, Known []string

	Conditions  *[]metav1.Condition
	Observed    *int64
	LastProbe   **metav1.Time
	LastHandled *string
}

// Verdict is how a round trip ended.
type Verdict struct {
	// Began is when.
	Began time.Time
	// Message of a success; it holds still from probe to probe.
	Message string
	// Err is why there was none.
	Err error
	// Clean takes credentials from texts; nil where the back end was not opened.
	Clean func(text string, most int) string
}

// Get reads an object. Gone says that there is nothing to do for it any more.
func (k *Keeper) Get(ctx context.Context, key client.ObjectKey, into client.Object) (gone bool, err error) {
	err = k.Reader.Get(ctx, key, into)
	if err == nil && into.GetDeletionTimestamp().IsZero() {
		return false, nil
	}
	if err == nil || apierrors.IsNotFound(err) {
		k.Metrics.forget(k.Kind, key)
		k.Cadence.forget(key)
		return true, nil
	}
	return false, err
}

// ConditionsOf are the conditions to set.
func (k *Keeper) ConditionsOf(s Subject) outcome.Conditions {
	return outcome.Conditions{List: s.Conditions, Observed: s.Observed, Generation: s.Object.GetGeneration(), Now: k.Clock.Now()}
}

// Suspended ends a turn without a round trip. What the last one found stays.
func (k *Keeper) Suspended(ctx context.Context, stored, s Subject) (ctrl.Result, error) {
	conditions := k.ConditionsOf(s)
	conditions.Suspended("spec.suspend is set: no round trips until it is taken away")
	for _, aside := range s.Asides {
		conditions.Observe(aside)
	}
	k.drop(s)
	k.Cadence.forget(client.ObjectKeyFromObject(s.Object))
	k.Metrics.forget(k.Kind, client.ObjectKeyFromObject(s.Object))
	return ctrl.Result{}, k.write(ctx, stored, s)
}

// Finish ends a turn: it places what came of the round trip, writes the status if there is news, and says when the next one is
// due. When the manager stops, what fails for that reason is no problem of the back end: its status stays as it is.
func (k *Keeper) Finish(ctx context.Context, stored, s Subject, v Verdict) (ctrl.Result, error) {
	if err := ctx.Err(); err != nil {
		return ctrl.Result{}, err
	}
	p, conditions := place(v), k.ConditionsOf(s)
	if p == nil {
		conditions.Succeeded(v.Message)
	} else {
		conditions.Failed(p)
	}
	k.drop(s)
	handled := Requested(s.Object)
	asked := handled != *s.LastHandled
	*s.LastHandled = handled
	began := metav1.NewTime(v.Began.Truncate(time.Second))
	*s.LastProbe = &began
	result := ctrl.Result{RequeueAfter: k.Cadence.next(client.ObjectKeyFromObject(s.Object), s.Object.GetGeneration(), s.Access.ProbeInterval(), p)}
	k.Metrics.show(k.Kind, client.ObjectKeyFromObject(s.Object), p == nil)
	if !asked && !k.news(stored, s, v.Began) {
		return result, nil
	}
	if p != nil && p.Cause != nil && changed(stored, s) {
		log.FromContext(ctx).Info("Not ready", "reason", p.Reason, "message", p.Message, "cause", clean(v, p.Cause.Error()))
	}
	return result, k.write(ctx, stored, s)
}

// news says whether the status is worth a write: a condition differs, or an interval went by since the last one.
func (k *Keeper) news(stored, s Subject, began time.Time) bool {
	if *stored.LastProbe == nil || !equality.Semantic.DeepEqual(*stored.Conditions, *s.Conditions) || *stored.Observed != *s.Observed {
		return true
	}
	return began.Sub((*stored.LastProbe).Time) >= s.Access.ProbeInterval()*8/10 // an interval may be a tenth shorter, and times are whole seconds
}

// write patches the status, and tells of Ready if it changed.
func (k *Keeper) write(ctx context.Context, stored, s Subject) error {
	if err := outcome.PatchStatus(ctx, k.Client, stored.Object, s.Object); err != nil {
		return err
	}
	ready := meta.FindStatusCondition(*s.Conditions, v1alpha1.ConditionReady)
	if ready == nil || !changed(stored, s) {
		return nil
	}
	eventType, text := corev1.EventTypeWarning, ready.Message
	if ready.Status == metav1.ConditionTrue || ready.Reason == v1alpha1.ReasonSuspended {
		eventType = corev1.EventTypeNormal
	}
	const most = 1024 // bytes that the API server takes
	if len(text) > most {
		text = outcome.Clip(text, most/utf8.UTFMax)
	}
	k.Events.Eventf(s.Object, nil, eventType, ready.Reason, "Probe", "%s", text)
	return nil
}

// drop takes the conditions away that the spec does not ask for.
func (k *Keeper) drop(s Subject) {
	conditions := k.ConditionsOf(s)
	for _, known := range s.Known {
		if !slices.Contains(s.Asides, known) {
			conditions.Drop(known)
		}
	}
}

// changed says whether Ready has another status or reason than before.
func changed(stored, s Subject) bool {
	before, after := meta.FindStatusCondition(*stored.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(*s.Conditions, v1alpha1.ConditionReady)
	if before == nil || after == nil {
		return before != after
	}
	return before.Status != after.Status || before.Reason != after.Reason
}

// place is the problem of a verdict in words that may be shown, or nil.
func place(v Verdict) *problem.Problem {
	if v.Err == nil {
		return nil
	}
	p := problem.As(v.Err)
	switch {
	case p != nil:
		shown := *p
		shown.Message = clean(v, p.Message)
		return &shown
	case errors.Is(v.Err, context.DeadlineExceeded):
		return problem.Retrying(v1alpha1.ReasonTimeout, v.Err, "the round trip was not over in time; check the load of the back end, network policies, and spec.timeout")
	default:
		return problem.Retrying(v1alpha1.ReasonRetrying, v.Err, "the round trip ended with an error of its own; the manager's log names it")
	}
}

func clean(v Verdict, text string) string {
	const most = 1024
	if v.Clean == nil {
		return outcome.Clip(text, most)
	}
	return v.Clean(text, most)
}

// Requested is the request of the annotation as the status records it. An annotation may be 256 KiB long; a value over 128
// bytes is known by its hash.
func Requested(object client.Object) string {
	value := object.GetAnnotations()[v1alpha1.AnnotationRequestedAt]
	if len(value) <= 128 {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])
}
