package logbackend

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// routingDeadline of one turn of the router.
const routingDeadline = 30 * time.Second

// Routes brings the lines of Pods to LogBackends.
type Routes interface {
	// Sync makes the collectors of the cluster collect what all LogBackends together ask for, and says how each one's routes are.
	Sync(ctx context.Context) (map[types.NamespacedName]RouteState, error)
}

// RouteState is how the routes of one LogBackend are, in the words of its condition CollectionReady.
type RouteState struct {
	Ready           bool
	Reason, Message string
}

// routes runs the router once.
func (r *Reconciler) routes(ctx context.Context) (map[types.NamespacedName]RouteState, error) {
	if r.Routes == nil {
		return nil, nil
	}
	r.routing.Lock()
	defer r.routing.Unlock()
	limited, cancel := context.WithTimeout(ctx, routingDeadline)
	defer cancel()
	return r.Routes.Sync(limited)
}

// routed sets the condition. A router that failed is asked again with the next round trip.
func (r *Reconciler) routed(b *v1alpha1.LogBackend, state RouteState, err error) {
	if b.Spec.Collect == nil {
		return
	}
	conditions := r.ConditionsOf(subject(b))
	if r.Routes == nil {
		conditions.Aside(v1alpha1.ConditionCollectionReady, metav1.ConditionFalse, v1alpha1.ReasonNotAvailable, "this manager runs no log collectors, so that no line is routed here; install them with config/components/log-collection, or remove spec.collect")
		return
	}
	switch p := problem.As(err); {
	case p != nil:
		conditions.Aside(v1alpha1.ConditionCollectionReady, metav1.ConditionFalse, p.Reason, p.Message)
	case err != nil:
		conditions.Aside(v1alpha1.ConditionCollectionReady, metav1.ConditionFalse, v1alpha1.ReasonRetrying, "the collectors could not be brought up to date; the manager's log names the error")
	case state.Reason == "":
		conditions.Aside(v1alpha1.ConditionCollectionReady, metav1.ConditionUnknown, v1alpha1.ReasonProgressing, "the routes of this resource are not made yet")
	case state.Ready:
		conditions.Aside(v1alpha1.ConditionCollectionReady, metav1.ConditionTrue, state.Reason, state.Message)
	default:
		conditions.Aside(v1alpha1.ConditionCollectionReady, metav1.ConditionFalse, state.Reason, state.Message)
	}
}
