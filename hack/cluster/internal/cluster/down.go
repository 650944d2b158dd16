package cluster

import (
	"context"
	"errors"
	"os"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/network"
	"kubeops.io/kubeops/hack/cluster/internal/node"
	"kubeops.io/kubeops/hack/cluster/internal/process"
	"kubeops.io/kubeops/hack/cluster/internal/report"
	"kubeops.io/kubeops/hack/cluster/internal/retry"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

// patience is how long killed processes may take to end. Containers with much memory take longer.
const patience = 20 * time.Second

// Down removes the cluster completely. It is not an error if it does not exist.
func (c *Cluster) Down(ctx context.Context) error {
	lock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer c.unlock(lock)
	start := time.Now()
	found, err := state.Load(c.place.State())
	if err != nil {
		return err
	}
	_, err = os.Stat(c.place.Dir())
	existed := err == nil || len(c.processes(found)) > 0
	if err := c.clean(ctx, found); err != nil {
		return err
	}
	if existed {
		c.log.Say("Removed cluster %s (%s).", c.place.Name, report.Seconds(time.Since(start)))
	} else {
		c.log.Say("Cluster %s does not exist.", c.place.Name)
	}
	return nil
}

// clean removes everything of the cluster, in any state. It continues after a failure and returns all errors.
func (c *Cluster) clean(ctx context.Context, found *state.State) error {
	if err := c.kill(ctx, found); err != nil {
		return err // what it still uses cannot be removed
	}
	errs := []error{node.Unmount(ctx, c.place.Dir())}
	if os.Geteuid() == 0 {
		errs = append(errs,
			node.RemoveCgroup(ctx, c.place.Cgroup()),
			network.DeleteNamespace(ctx, c.place),
		)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	// A process that is ending can still write to the folder.
	return retry.For(ctx, 2*time.Second, func() error { return os.RemoveAll(c.place.Dir()) })
}

// kill ends all processes of the cluster without a grace period: the cluster is disposable, and Pods that need one can be
// deleted first.
func (c *Cluster) kill(ctx context.Context, found *state.State) error {
	return process.KillAll(ctx, func() []process.Process { return c.processes(found) }, patience)
}
