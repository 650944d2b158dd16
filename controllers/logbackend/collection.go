package logbackend

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/problem"
)

// Collection is the Routes of all LogBackends of the cluster. All fields are required.
type Collection struct {
	// Reader lists LogBackends.
	Reader client.Reader
	// Backends resolves their references, with the rights of each one's ServiceAccount.
	Backends *backends.Resolver
	// Router brings the routes into the cluster.
	Router *logroute.Router

	mu sync.Mutex
	// states of the last turn, of what list of LogBackends, and when that was.
	states map[types.NamespacedName]RouteState
	of     string
	at     time.Time
}

// fresh is how long the last turn serves all LogBackends, unless one of them changed: each has its own turns, and each of those
// would read the Secrets of all.
const fresh = 10 * time.Second

// Sync implements Routes. A LogBackend whose Secret is missing loses its route; where the API server could not be asked, all
// routes stay as they are.
func (c *Collection) Sync(ctx context.Context) (map[types.NamespacedName]RouteState, error) {
	list := &v1alpha1.LogBackendList{}
	if err := c.Reader.List(ctx, list); err != nil {
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "the LogBackends of the cluster could not be listed")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	of := fingerprint(list)
	if of == c.of && c.Router.Clock.Since(c.at) < fresh {
		return maps.Clone(c.states), nil
	}
	states, err := c.sync(ctx, list)
	if err != nil {
		c.of = ""
		return states, err
	}
	c.states, c.of, c.at = maps.Clone(states), of, c.Router.Clock.Now()
	return states, nil
}

// collects says whether a LogBackend takes part.
func collects(b *v1alpha1.LogBackend) bool {
	return b.Spec.Collect != nil && b.DeletionTimestamp.IsZero()
}

// fingerprint of what routes are made of, but for Secrets.
func fingerprint(list *v1alpha1.LogBackendList) string {
	var text strings.Builder
	for i := range list.Items {
		if b := &list.Items[i]; collects(b) {
			fmt.Fprintf(&text, "%s/%s %s %d %s\n", b.Namespace, b.Name, b.UID, b.Generation, b.Status.Version)
		}
	}
	return text.String()
}

func (c *Collection) sync(ctx context.Context, list *v1alpha1.LogBackendList) (map[types.NamespacedName]RouteState, error) {
	out := map[types.NamespacedName]RouteState{}
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
			out[name] = RouteState{Reason: p.Reason, Message: p.Message}
		}
	}
	states, err := c.Router.Sync(ctx, collecting)
	for name, s := range states {
		out[name] = RouteState(s)
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
