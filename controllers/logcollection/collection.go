package logcollection

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/problem"
)

// Collection brings the routes of all LogBackends into the cluster. Both fields are required.
type Collection struct {
	// Backends resolves their references, each with the permissions of its ServiceAccount.
	Backends *backends.Resolver
	Router   *logroute.Router
}

// Sync makes the collectors collect what the LogBackends together ask for, and returns the state of each one's route. A
// LogBackend whose Secret is missing loses its route; where the API server cannot be reached, all routes stay as they are.
func (c *Collection) Sync(ctx context.Context, list *v1alpha1.LogBackendList) (map[types.NamespacedName]logroute.State, error) {
	out := map[types.NamespacedName]logroute.State{}
	var collecting []logroute.Backend
	for i := range list.Items {
		b := &list.Items[i]
		if !collects(b) {
			continue
		}
		name := client.ObjectKeyFromObject(b)
		resolved, err := c.resolved(ctx, b)
		p := problem.As(err)
		switch {
		case err == nil:
			collecting = append(collecting, resolved)
		case p == nil || p.Reason == v1alpha1.ReasonRetrying:
			return nil, err
		default:
			out[name] = logroute.State{Reason: p.Reason, Message: p.Message}
		}
	}
	states, err := c.Router.Sync(ctx, collecting)
	for name, s := range states {
		out[name] = s
	}
	return out, err
}

func (c *Collection) resolved(ctx context.Context, b *v1alpha1.LogBackend) (logroute.Backend, error) {
	endpoint, err := c.Backends.LogEndpoint(ctx, b)
	if err != nil {
		return logroute.Backend{}, err
	}
	target, err := c.Backends.RouteTarget(b, endpoint)
	if err != nil {
		return logroute.Backend{}, err
	}
	return logroute.Backend{
		Name: client.ObjectKeyFromObject(b), Created: b.CreationTimestamp.Time, Type: b.Spec.Type, Endpoint: endpoint, Target: target,
		Collect: *b.Spec.Collect,
	}, nil
}

// collects reports whether a LogBackend takes part.
func collects(b *v1alpha1.LogBackend) bool {
	return b.Spec.Collect != nil && b.DeletionTimestamp.IsZero()
}
