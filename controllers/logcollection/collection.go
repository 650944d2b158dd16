package logcollection

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/problem"
)

// Collection brings the routes of all LogBackends into the cluster. Both exported fields are required. It is not safe for concurrent
// use.
type Collection struct {
	// Backends resolves their references, each with the permissions of its ServiceAccount.
	Backends *backends.Resolver
	Router   *logroute.Router

	// last is what each LogBackend was resolved to, for a moment in which it cannot be resolved.
	last map[types.NamespacedName]lastResolved
}

// lastResolved is the result for one generation of one object.
type lastResolved struct {
	uid        types.UID
	generation int64
	backend    logroute.Backend
}

// Sync makes the collectors collect what the LogBackends together ask for, and returns the state of each one's route. A LogBackend
// that cannot be resolved loses its own route and no other. While the API server fails for it, it keeps the route of the same
// generation; reason Retrying says that there is none. Where that holds for all, the collectors stay as they are.
func (c *Collection) Sync(ctx context.Context, list *v1alpha1.LogBackendList) (map[types.NamespacedName]logroute.State, error) {
	out := map[types.NamespacedName]logroute.State{}
	last := map[types.NamespacedName]lastResolved{}
	var collecting []logroute.Backend
	for i := range list.Items {
		b := &list.Items[i]
		if !collects(b) {
			continue
		}
		name := client.ObjectKeyFromObject(b)
		resolved, p := c.resolve(ctx, b)
		if p != nil {
			out[name] = logroute.State{Reason: p.Reason, Message: p.Message}
			continue
		}
		last[name] = resolved
		collecting = append(collecting, resolved.backend)
	}
	c.last = last
	if len(collecting) == 0 && retries(out) {
		return out, nil
	}
	states, err := c.Router.Sync(ctx, collecting)
	for name, s := range states {
		out[name] = s
	}
	return out, err
}

// retries reports whether the API server failed for some LogBackend.
func retries(states map[types.NamespacedName]logroute.State) bool {
	for _, s := range states {
		if s.Reason == v1alpha1.ReasonRetrying {
			return true
		}
	}
	return false
}

// resolve the references of a LogBackend.
func (c *Collection) resolve(ctx context.Context, b *v1alpha1.LogBackend) (lastResolved, *problem.Problem) {
	backend, err := c.resolved(ctx, b)
	if err == nil {
		return lastResolved{uid: b.UID, generation: b.Generation, backend: backend}, nil
	}
	p := problem.As(err)
	if p == nil {
		p = problem.Retrying(v1alpha1.ReasonRetrying, err, "unexpected error while reading the Secrets of the spec; see the manager's log")
		log.FromContext(ctx).Error(err, "LogBackend not resolved", "namespace", b.Namespace, "name", b.Name)
	}
	known, found := c.last[client.ObjectKeyFromObject(b)]
	if found && p.Reason == v1alpha1.ReasonRetrying && known.uid == b.UID && known.generation == b.Generation {
		return known, nil
	}
	return lastResolved{}, p
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
		Name: client.ObjectKeyFromObject(b), UID: b.UID, Created: b.CreationTimestamp.Time, Type: b.Spec.Type, Endpoint: endpoint,
		Target: target, Collect: *b.Spec.Collect, Counted: counted(b),
	}, nil
}

// counted are the lines of this generation that the status reports. After a change of the spec, they may be those of another server.
func counted(b *v1alpha1.LogBackend) *v1alpha1.CollectionCounts {
	c := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionCollectionReady)
	if c == nil || c.ObservedGeneration != b.Generation {
		return nil
	}
	return b.Status.Collection
}

// collects reports whether a LogBackend takes part.
func collects(b *v1alpha1.LogBackend) bool {
	return b.Spec.Collect != nil && b.DeletionTimestamp.IsZero()
}
