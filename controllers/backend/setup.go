package backend

import (
	"context"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// parallel round trips of a kind. They wait for servers, so that many cost little, and some that hang hold up no others.
	parallel = 32
	// How long to wait before trying again what the API server refused: the first time, and at most.
	firstTry = time.Second
	lastTry  = 2 * time.Minute
)

// Setup starts the controller of a kind with the manager. It wakes when a spec or the request annotation changes, and at the
// times that it asked for; its own status patches do not wake it.
func Setup(manager ctrl.Manager, name string, object client.Object, r reconcile.Reconciler) error {
	return Builder(manager, name, object).Complete(r)
}

// Builder is what Setup completes, for kinds that watch something else, too.
func Builder(manager ctrl.Manager, name string, object client.Object) *ctrl.Builder {
	requested := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetAnnotations()[v1alpha1.AnnotationRequestedAt] != e.ObjectNew.GetAnnotations()[v1alpha1.AnnotationRequestedAt]
	}}
	return ctrl.NewControllerManagedBy(manager).
		Named(name).
		For(object, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, requested))).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: parallel,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstTry, lastTry),
		})
}

// Limited bounds one round trip: some requests at their full timeout, and the patience beside them.
func Limited(ctx context.Context, access *v1alpha1.BackendAccess, patience time.Duration) (context.Context, context.CancelFunc) {
	const requests = 3
	return context.WithTimeout(ctx, requests*access.RequestTimeout()+patience)
}
