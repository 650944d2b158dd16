package walls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// replicas are processes of the manager that elect a leader.
type replicas struct {
	*cluster
	running []*manager
}

// startReplicas of the manager, which are ready.
func (c *cluster) startReplicas(count int) *replicas {
	c.t.Helper()
	r := &replicas{cluster: c}
	for range count {
		r.running = append(r.running, c.launch())
	}
	r.allReady()
	return r
}

// allReady waits until every replica is ready, as a Deployment is available.
func (r *replicas) allReady() {
	r.t.Helper()
	r.eventually("the replicas are ready", time.Minute, func(ctx context.Context) error {
		for _, m := range r.running {
			if m.hasEnded() {
				return fmt.Errorf("a replica ended: %w\n%s", m.err, m.tail())
			}
			if _, err := get(ctx, "http://"+m.health+"/readyz"); err != nil {
				return err
			}
		}
		return nil
	})
}

// leader is the replica that has the Lease, and says so.
func (r *replicas) leader() *manager {
	r.t.Helper()
	var found *manager
	r.eventually("a replica leads", time.Minute, func(ctx context.Context) error {
		var leading []*manager
		for _, m := range r.running {
			if m.hasEnded() {
				continue
			}
			body, err := get(ctx, "http://"+m.metrics+"/metrics")
			if err != nil {
				return err
			}
			if strings.Contains(body, `leader_election_master_status{name="`+v1alpha1.LeaderElectionLease+`"} 1`) {
				leading = append(leading, m)
			}
		}
		if len(leading) > 1 {
			r.t.Errorf("%d replicas lead at the same time", len(leading))
		}
		if len(leading) == 0 {
			return errors.New("none leads")
		}
		found = leading[0]
		return nil
	})
	return found
}

// holder of the Lease; empty if it was released.
func (r *replicas) holder(ctx context.Context) (string, error) {
	lease := &coordinationv1.Lease{}
	key := client.ObjectKey{Namespace: managerNamespace, Name: v1alpha1.LeaderElectionLease}
	if err := r.client.Get(ctx, key, lease); err != nil {
		return "", err
	}
	if lease.Spec.HolderIdentity == nil {
		return "", nil
	}
	return *lease.Spec.HolderIdentity, nil
}

// takeover waits until another replica than the previous holder has the Lease, and returns the time since the end of that one.
func (r *replicas) takeover(previous string, ended time.Time) time.Duration {
	r.t.Helper()
	r.eventually("another replica has the Lease", time.Minute, func(ctx context.Context) error {
		now, err := r.holder(ctx)
		if err == nil && (now == previous || now == "") {
			err = fmt.Errorf("the holder is %q", now)
		}
		return err
	})
	return time.Since(ended)
}

// remove a replica that has ended.
func (r *replicas) remove(m *manager) {
	r.running = slices.DeleteFunc(r.running, func(other *manager) bool { return other == m })
}

// request a run of an Inspection.
func (c *cluster) request(key client.ObjectKey, value string) {
	c.t.Helper()
	c.eventually("the Inspection is requested", time.Minute, func(ctx context.Context) error {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRequestedAt, value)
		inspection := &v1alpha1.Inspection{}
		inspection.Namespace = key.Namespace
		inspection.Name = key.Name
		return c.client.Patch(ctx, inspection, client.RawPatch("application/merge-patch+json", []byte(patch)))
	})
}

// handled waits until a request is answered.
func (c *cluster) handled(key client.ObjectKey, value string, within time.Duration) {
	c.t.Helper()
	c.eventually("the requested run ends", within, func(ctx context.Context) error {
		inspection := &v1alpha1.Inspection{}
		if err := c.client.Get(ctx, key, inspection); err != nil {
			return err
		}
		if inspection.Status.LastHandledRequest != value || inspection.Status.ActiveRun != nil {
			return fmt.Errorf("the last request is %q, the run %+v", inspection.Status.LastHandledRequest, inspection.Status.ActiveRun)
		}
		return nil
	})
}
