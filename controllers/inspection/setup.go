package inspection

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
)

// How long to wait before trying again what failed: the first time, and at most.
const (
	firstRetry = time.Second
	lastRetry  = 2 * time.Minute
)

// SetupWithManager starts the controller with the manager. parallel Inspections run at the same time; each holds the
// facts of its cluster in memory. The controller wakes when a spec or the request annotation changes, and at the times
// that it asked for; its own status patches do not wake it.
func (r *Reconciler) SetupWithManager(manager ctrl.Manager, parallel int) error {
	requested := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetAnnotations()[v1alpha1.AnnotationRequestedAt] != e.ObjectNew.GetAnnotations()[v1alpha1.AnnotationRequestedAt]
	}}
	return ctrl.NewControllerManagedBy(manager).
		Named("inspection").
		For(&v1alpha1.Inspection{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, requested))).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: parallel,
			// A try may read a whole cluster, so that the first ones must not follow each other in milliseconds, as is the default;
			// and an API server that is back must not be noticed after a quarter of an hour only.
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
		}).
		Complete(r)
}
