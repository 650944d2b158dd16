package cluster

import (
	"context"
	"fmt"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/build"
	"kubeops.io/kubeops/hack/cluster/internal/node"
	"kubeops.io/kubeops/hack/cluster/internal/report"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

// Options are what can be asked of a new cluster.
type Options struct {
	Node state.NodeKind
	// Nodes is the number of simulated nodes.
	Nodes int
	// Module is the folder of the sources of the components.
	Module string
}

// Up makes sure that the cluster runs, and gives the path of its kubeconfig.
func (c *Cluster) Up(ctx context.Context, options Options) (string, error) {
	lock, err := c.lock(ctx)
	if err != nil {
		return "", err
	}
	defer c.unlock(lock)
	start := time.Now()
	running, err := c.keep(ctx, options)
	if err != nil || running {
		return c.place.Kubeconfig(), err
	}
	if options.Node, err = c.kind(ctx, options.Node); err != nil {
		return "", err
	}
	components, err := build.Build(ctx, c.log, c.place.Root, options.Module)
	if err != nil {
		return "", err
	}
	if options.Node == state.Real {
		if missing := node.MissingPackages(); len(missing) > 0 {
			if err := node.InstallPackages(ctx, c.log, missing); err != nil {
				return "", err
			}
		}
	}
	c.log.Say("Starting the cluster %s (Kubernetes %s, node: %s)", c.place.Name, components.Version, options.Node)
	if err := newStart(c, options, components).run(ctx); err != nil {
		c.stop(context.WithoutCancel(ctx)) // half a cluster is of no use, but its logs are
		return "", fmt.Errorf("%w\nThe logs are in %s; `cluster down` removes them", err, c.place.Path("logs"))
	}
	c.log.Say("The cluster %s is ready after %s.", c.place.Name, report.Seconds(time.Since(start)))
	c.invite(components.Folder)
	return c.place.Kubeconfig(), nil
}

// keep tells whether the cluster runs already and is to be left alone. It removes what is left of one that does not.
func (c *Cluster) keep(ctx context.Context, options Options) (bool, error) {
	found, err := state.Load(c.place.State())
	if err != nil {
		return false, err
	}
	if found != nil {
		wrong := c.health(ctx, found)
		if wrong == nil {
			if options.Node != state.Auto && options.Node != found.Node {
				return false, fmt.Errorf("the cluster %s runs already, with node: %s; `cluster down` first to change that", c.place.Name, found.Node)
			}
			c.log.Say("The cluster %s runs already (Kubernetes %s, node: %s).", c.place.Name, found.Version, found.Node)
			c.invite(found.Binaries)
			return true, nil
		}
		c.log.Say("The cluster %s is broken: %v. Starting a new one.", c.place.Name, wrong)
	}
	return false, c.clean(ctx, found)
}

// kind decides what kind of node the cluster gets, and says why if it is not the best.
func (c *Cluster) kind(ctx context.Context, wanted state.NodeKind) (state.NodeKind, error) {
	switch wanted {
	case state.Real:
		if why := node.Impossible(ctx); why != "" {
			return "", fmt.Errorf("a real node cannot run here: %s", why)
		}
	case state.Auto:
		if why := node.Impossible(ctx); why != "" {
			c.log.Say("The node will be simulated (Pods are Running at once, but nothing runs in them), since a real one cannot run here: %s.", why)
			return state.Simulated, nil
		}
		return state.Real, nil
	case state.Simulated, state.None:
	default:
		return "", fmt.Errorf("unknown kind of node %q: auto, real, simulated or none", wanted)
	}
	return wanted, nil
}

// invite says how to use the cluster.
func (c *Cluster) invite(binaries string) {
	c.log.Say("Kubeconfig: %s", c.place.Kubeconfig())
	c.log.Say("Try:")
	c.log.Say("  export KUBECONFIG=%s PATH=%s:$PATH", c.place.Kubeconfig(), binaries)
	c.log.Say("  kubectl get pods --all-namespaces")
}

// stop ends all processes after a failed start.
func (c *Cluster) stop(ctx context.Context) {
	found, _ := state.Load(c.place.State())
	if err := c.kill(ctx, found); err != nil {
		c.log.Say("%v", err)
	}
}
