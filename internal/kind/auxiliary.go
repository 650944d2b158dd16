package kind

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/internal/outcome"
)

// Auxiliary reconciles an auxiliary condition of a kind, and the status fields that belong to it, beside the controller that
// owns Ready. It writes what it changes and nothing else. All fields but Name and References are required.
type Auxiliary[T Object] struct {
	Environment
	// Name of what is reconciled, for traces: the kind and a word, such as Inspection export.
	Name string
	// New is an empty object of the kind.
	New func() T
	// Logic changes the status of scope.Object, and returns when to reconcile next; zero waits for a change.
	Logic func(ctx context.Context, scope *Scope[T]) (time.Duration, error)
	// References are watched. Its source wakes the controller when one of them changes.
	References *References[T]
}

// Reconcile implements reconcile.Reconciler.
func (a *Auxiliary[T]) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	return traced(ctx, a.Tracing, a.Name, request, a.reconcileObject)
}

func (a *Auxiliary[T]) reconcileObject(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	object := a.New()
	if err := a.Reader.Get(ctx, request.NamespacedName, object); err != nil {
		if apierrors.IsNotFound(err) {
			a.References.release(request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !object.GetDeletionTimestamp().IsZero() {
		a.References.release(request.NamespacedName)
		return ctrl.Result{}, nil
	}
	Slim(object)
	a.References.watch(ctx, object)
	scope := &Scope[T]{Object: object, Stored: object.DeepCopyObject().(T), Now: a.Clock.Now()}
	after, err := a.Logic(ctx, scope)
	if err != nil {
		return ctrl.Result{}, err
	}
	if err := scope.Write(ctx, a.Client); err != nil {
		return scope.overtaken(ctx, err)
	}
	return ctrl.Result{RequeueAfter: after}, nil
}

// staleRetry is when to reconcile again an object whose status another controller has written in the meantime.
const staleRetry = time.Second

// overtaken is what follows from a write of a status that failed. Controllers that share a status write it at the same time, such as the
// first conditions of a new object: that is no error, and the next reconcile reads what the other has written. Exclusive fields have one
// writer, so that another one is worth an error.
func (s *Scope[T]) overtaken(ctx context.Context, err error) (ctrl.Result, error) {
	if len(s.Exclusive) > 0 || !outcome.IsOvertaken(err) {
		return ctrl.Result{}, err
	}
	log.FromContext(ctx).V(1).Info("Another controller has written the status; it is reconciled again")
	return ctrl.Result{RequeueAfter: staleRetry}, nil
}

// overtakenFirst is overtaken for the controller that owns Ready: what it decides later has one writer, and two of them are worth an error.
func (s *Scope[T]) overtakenFirst(ctx context.Context, err error) (ctrl.Result, error) {
	if len(*s.Stored.Lifecycle().Conditions) > 0 {
		return ctrl.Result{}, err
	}
	return s.overtaken(ctx, err)
}

// Write patches what changed since the object was read, or written last, before slow work. A conflict with another writer of
// the status is an error that is retried.
func (s *Scope[T]) Write(ctx context.Context, c client.Client) error {
	if err := outcome.PatchStatus(ctx, c, s.Stored, s.Object, s.Exclusive...); err != nil {
		return err
	}
	s.Stored = s.Object.DeepCopyObject().(T)
	return nil
}
