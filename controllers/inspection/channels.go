package inspection

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=notificationchannels,verbs=get

// notified says in a condition which channels of the spec do not exist: nobody else would. What a channel that exists does is in its
// own status.
func (r *Reconciler) notified(ctx context.Context, i *v1alpha1.Inspection) {
	var missing []string
	for _, c := range i.Spec.Channels {
		m := &metav1.PartialObjectMetadata{}
		m.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("NotificationChannel"))
		if err := r.Reader.Get(ctx, client.ObjectKey{Namespace: i.Namespace, Name: c.Name}, m); apierrors.IsNotFound(err) {
			missing = append(missing, i.Namespace+"/"+c.Name)
		}
	}
	if len(missing) == 0 {
		r.conditions(i).Drop(v1alpha1.ConditionNotified)
		return
	}
	r.conditions(i).Aside(v1alpha1.ConditionNotified, metav1.ConditionFalse, v1alpha1.ReasonChannelNotFound,
		"NotificationChannel "+strings.Join(missing, ", ")+", which spec.channels names, does not exist; create it, and it is told of this report, too")
}
