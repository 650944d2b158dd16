package notificationchannel

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
)

// SetupWithManager starts the controller with the manager. A report that is to be told wakes the channels of its namespace.
func (r *Reconciler) SetupWithManager(manager ctrl.Manager) error {
	reports := &metav1.PartialObjectMetadata{}
	reports.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("InspectionReport"))
	undelivered := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelUndelivered] == "true" })
	return backend.Builder(manager, "notificationchannel", &v1alpha1.NotificationChannel{}).
		WatchesMetadata(reports, handler.EnqueueRequestsFromMapFunc(r.ofNamespace(manager.GetClient())), builder.WithPredicates(undelivered)).
		Complete(r)
}

// ofNamespace are the channels of the namespace of an object.
func (r *Reconciler) ofNamespace(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) (requests []reconcile.Request) {
		list := &v1alpha1.NotificationChannelList{}
		if err := reader.List(ctx, list, client.InNamespace(o.GetNamespace())); err != nil {
			log.FromContext(ctx).Error(err, "NotificationChannels not listed", "namespace", o.GetNamespace())
			return nil
		}
		for _, c := range list.Items {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&c)})
		}
		return requests
	}
}
