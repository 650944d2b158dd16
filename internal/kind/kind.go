// Package kind is the skeleton of every controller of KubeOps. It reads the object, adds and runs its finalizer, honours
// spec.suspend and the annotation kubeops.io/requested-at, sets the conditions, writes the status once, records an event
// where Ready changed, and decides when to reconcile next. A kind brings a Logic, which holds only what is its own.
package kind

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/fairqueue"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/tracing"
)

// Object is a resource of KubeOps that a controller reconciles.
type Object interface {
	client.Object
	Lifecycle() v1alpha1.Lifecycle
}

// Logic is what a kind adds to the skeleton.
type Logic[T Object] interface {
	// Reconcile brings the object one step further and changes the status of scope.Object to say so. An error that is a
	// *problem.Problem becomes the conditions of the object; any other error changes nothing and is retried.
	Reconcile(ctx context.Context, scope *Scope[T]) (Result, error)
}

// Suspender is a Logic that has something to do when an object is not reconciled because spec.suspend is set, or because a quota
// leaves it out, beside the conditions.
type Suspender[T Object] interface {
	Suspend(scope *Scope[T])
}

// Forgetter is a Logic that keeps something in memory about an object, which is dropped when the object is gone.
type Forgetter interface {
	Forget(key client.ObjectKey)
}

// Finalizer is a Logic that removes something outside of the object before the object goes.
type Finalizer[T Object] interface {
	// FinalizerName is what stands in metadata.finalizers.
	FinalizerName() string
	// NeedsFinalizer reports whether there is, or will be, something to remove for the object as it is now.
	NeedsFinalizer(object T) bool
	// Finalize removes what is left. It is called until it returns no error.
	Finalize(ctx context.Context, scope *Scope[T]) error
}

// Result is the end of a reconcile without a problem.
type Result struct {
	// RequeueAfter is when to reconcile next; zero waits for a change.
	RequeueAfter time.Duration
	// Unchanged leaves the status as it is stored: nothing in it is worth a write.
	Unchanged bool
	// Told is set if what Scope.AfterWrite does records an event, which stands for that about a change of Ready.
	Told bool
}

// Scope is one object within one reconcile.
type Scope[T Object] struct {
	// Object carries the changes; only its status may be changed.
	Object T
	// Stored is the object as it was read, or as it was written last within this reconcile.
	Stored T
	// Now is when the reconcile began.
	Now time.Time
	// Referents are the states of the Secrets and ServiceAccounts that the object refers to, as they were when the reconcile began.
	// Equal states mean that none has changed. Nil where not all of them are watched: then nothing is known.
	Referents []string
	// Exclusive are the fields of the status that only this controller writes, and that another process must not have changed since the
	// object was read: see outcome.PatchStatus.
	Exclusive []string
	// complete is the message of Ready that this reconcile set, before it was shortened.
	complete string
	// written is called once the status is written.
	written []func()
}

// AfterWrite adds what to do once the status of this reconcile is written, such as to count it: a write that is refused is repeated by
// another reconcile, which would count it again. A status that is written within the reconcile, by Write, does not call it.
func (s *Scope[T]) AfterWrite(do func()) { s.written = append(s.written, do) }

// Key of the object.
func (s *Scope[T]) Key() client.ObjectKey { return client.ObjectKeyFromObject(s.Object) }

// Conditions of the object.
func (s *Scope[T]) Conditions() outcome.Conditions {
	l := s.Object.Lifecycle()
	return outcome.Conditions{
		List: l.Conditions, Observed: l.ObservedGeneration, Generation: s.Object.GetGeneration(), Now: s.Now, Complete: &s.complete,
	}
}

// Condition of the object, or nil.
func (s *Scope[T]) Condition(conditionType string) *metav1.Condition {
	return meta.FindStatusCondition(*s.Object.Lifecycle().Conditions, conditionType)
}

// Requested reports whether the annotation kubeops.io/requested-at has a value that was not handled yet.
func (s *Scope[T]) Requested() bool {
	return Request(s.Object) != *s.Stored.Lifecycle().LastHandledRequest
}

// HandleRequest records the value of the annotation as handled.
func (s *Scope[T]) HandleRequest() { *s.Object.Lifecycle().LastHandledRequest = Request(s.Object) }

// ReadyChanged reports whether Ready has another status or reason than it had when the object was read.
func (s *Scope[T]) ReadyChanged() bool {
	before := meta.FindStatusCondition(*s.Stored.Lifecycle().Conditions, v1alpha1.ConditionReady)
	after := s.Condition(v1alpha1.ConditionReady)
	if before == nil || after == nil {
		return before != after
	}
	return before.Status != after.Status || before.Reason != after.Reason
}

// newlyShortened reports whether Ready has a new message of which only an event has the complete text.
func (s *Scope[T]) newlyShortened() bool {
	before := meta.FindStatusCondition(*s.Stored.Lifecycle().Conditions, v1alpha1.ConditionReady)
	after := s.Condition(v1alpha1.ConditionReady)
	return before != nil && after != nil && before.Message != after.Message && s.complete != "" && s.complete != after.Message
}

// Reconciler reconciles the objects of one kind. All fields but References, Kind and Tracing are required.
type Reconciler[T Object] struct {
	// Client writes; Reader reads without a cache, so that a status that was just written is seen.
	Client client.Client
	Reader client.Reader
	Clock  clock.PassiveClock
	Events events.EventRecorder
	// Action of the events, for example Probe.
	Action string
	// New is an empty object of the kind.
	New   func() T
	Logic Logic[T]
	// References watches what an object refers to outside of KubeOps' own kinds; nil watches nothing.
	References *References[T]
	// Kind of the objects, and what records their reconciles; nil records nothing.
	Kind    string
	Tracing trace.TracerProvider

	quota      *quota
	interrupts *fairqueue.Interrupts[reconcile.Request]
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler[T]) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	return traced(ctx, r.Tracing, r.Kind, request, r.reconcileObject)
}

// reconcileObject reads the object and brings it one step further.
func (r *Reconciler[T]) reconcileObject(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := r.New()
	if err := r.Reader.Get(ctx, request.NamespacedName, object); err != nil {
		if apierrors.IsNotFound(err) {
			r.forget(request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	Slim(object)
	if object.GetDeletionTimestamp().IsZero() {
		// Neither the generation nor the request changes with a finalizer, so that the update wakes no one: the reconcile goes on.
		if err := r.ensureFinalizer(ctx, object); err != nil {
			return ctrl.Result{}, err
		}
	}
	scope := &Scope[T]{Object: object, Stored: object.DeepCopyObject().(T), Now: r.Clock.Now()}
	if !object.GetDeletionTimestamp().IsZero() {
		return ctrl.Result{}, r.finalize(ctx, scope)
	}
	if object.Lifecycle().Suspend {
		return ctrl.Result{}, r.suspend(ctx, scope)
	}
	if err := r.quota.check(ctx, object); err != nil {
		if problem.As(err) != nil {
			r.pause(scope)
		}
		return r.failed(ctx, scope, err)
	}
	scope.Referents = r.References.watch(ctx, object)
	result, err := r.reconcile(ctx, scope)
	if err != nil {
		return r.failed(ctx, scope, err)
	}
	if result.Unchanged {
		return ctrl.Result{RequeueAfter: result.RequeueAfter}, nil
	}
	write := r.write
	if result.Told {
		write = r.patch
	}
	if err := write(ctx, scope); err != nil {
		return scope.overtakenFirst(ctx, err)
	}
	return ctrl.Result{RequeueAfter: result.RequeueAfter}, nil
}

// reconcile calls the Logic, which may be interrupted for another namespace. It is then repeated when there is a slot for it.
func (r *Reconciler[T]) reconcile(ctx context.Context, scope *Scope[T]) (Result, error) {
	interruptible, done := r.interrupts.Begin(ctx, reconcile.Request{NamespacedName: scope.Key()})
	defer done()
	result, err := r.Logic.Reconcile(interruptible, scope)
	if err != nil && fairqueue.Interrupted(interruptible) {
		log.FromContext(ctx).Info("Interrupted, because another namespace waits; it is repeated")
		return Result{RequeueAfter: time.Millisecond, Unchanged: true}, nil
	}
	return result, err
}

// failed records a problem. What fails because the manager stops is no problem of the object.
func (r *Reconciler[T]) failed(ctx context.Context, scope *Scope[T], err error) (ctrl.Result, error) {
	p := problem.As(err)
	if p == nil || ctx.Err() != nil {
		return ctrl.Result{}, err
	}
	tracing.Failed(trace.SpanFromContext(ctx), p.Reason)
	scope.Conditions().Failed(p)
	if err := r.write(ctx, scope); err != nil {
		if next, failed := scope.overtakenFirst(ctx, err); failed == nil {
			return next, nil
		}
		return ctrl.Result{}, errors.Join(err, p) // not the terminal error, which would keep the write from being retried
	}
	if IsMissingReference(p) && r.References.Watching(scope.Key()) {
		return ctrl.Result{RequeueAfter: MissingReferenceRetry}, nil
	}
	return outcome.Next(p)
}

// patch the status, and do what waits for that.
func (r *Reconciler[T]) patch(ctx context.Context, scope *Scope[T]) error {
	if err := outcome.PatchStatus(ctx, r.Client, scope.Stored, scope.Object, scope.Exclusive...); err != nil {
		return err
	}
	for _, do := range scope.written {
		do()
	}
	return nil
}

// write patches the status and records an event where Ready changed, with its complete message.
func (r *Reconciler[T]) write(ctx context.Context, scope *Scope[T]) error {
	if err := r.patch(ctx, scope); err != nil {
		return err
	}
	ready := scope.Condition(v1alpha1.ConditionReady)
	if ready == nil || !scope.ReadyChanged() && !scope.newlyShortened() {
		return nil
	}
	eventType := corev1.EventTypeWarning
	if ready.Status == metav1.ConditionTrue || ready.Reason == v1alpha1.ReasonSuspended {
		eventType = corev1.EventTypeNormal
	}
	Event(ctx, r.Events, scope.Object, eventType, ready.Reason, r.Action, cmp.Or(scope.complete, ready.Message))
	return nil
}

func (r *Reconciler[T]) suspend(ctx context.Context, scope *Scope[T]) error {
	scope.Conditions().Suspended("spec.suspend is set; remove it to resume")
	r.quota.forget(scope.Key())
	r.pause(scope)
	return r.write(ctx, scope)
}

// pause releases what only a reconciled object needs.
func (r *Reconciler[T]) pause(scope *Scope[T]) {
	if s, ok := r.Logic.(Suspender[T]); ok {
		s.Suspend(scope)
	}
	r.References.release(scope.Key())
}

func (r *Reconciler[T]) forget(key client.ObjectKey) {
	if f, ok := r.Logic.(Forgetter); ok {
		f.Forget(key)
	}
	r.quota.forget(key)
	r.References.release(key)
}

// ensureFinalizer adds the finalizer that the object needs, before anything is created that the finalizer removes.
func (r *Reconciler[T]) ensureFinalizer(ctx context.Context, object T) error {
	f, ok := r.Logic.(Finalizer[T])
	if !ok {
		return nil
	}
	name := f.FinalizerName()
	if !f.NeedsFinalizer(object) || controllerutil.ContainsFinalizer(object, name) {
		return nil
	}
	before := object.DeepCopyObject().(T)
	controllerutil.AddFinalizer(object, name)
	if err := r.Client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return err
	}
	Slim(object)
	return nil
}

// finalize removes what is left of an object that is being deleted, then its finalizer.
func (r *Reconciler[T]) finalize(ctx context.Context, scope *Scope[T]) error {
	r.forget(scope.Key())
	f, ok := r.Logic.(Finalizer[T])
	if !ok {
		return nil
	}
	name := f.FinalizerName()
	if !controllerutil.ContainsFinalizer(scope.Object, name) {
		return nil
	}
	if err := f.Finalize(ctx, scope); err != nil {
		log.FromContext(ctx).Error(err, "Not finalized", "finalizer", name)
		return err
	}
	before := scope.Object.DeepCopyObject().(T)
	controllerutil.RemoveFinalizer(scope.Object, name)
	return client.IgnoreNotFound(
		r.Client.Patch(ctx, scope.Object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})),
	)
}
