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

// Options of a new cluster.
type Options struct {
	Node state.NodeKind
	// Nodes is the number of simulated nodes.
	Nodes int
	// Bare starts only etcd and the API server: nothing changes what a client writes. It needs a cluster without nodes.
	Bare bool
	// Module is the folder with the sources of the components.
	Module string
}

// Up ensures that the cluster runs, and returns the path of its kubeconfig.
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
	if options.Bare && options.Node != state.None {
		return "", fmt.Errorf("--bare needs --node none: nodes of kind %s are not ready without controllers", options.Node)
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
	c.log.Say("Starting cluster %s (Kubernetes %s, node: %s)", c.place.Name, components.Version, options.Node)
	if err := newStart(c, options, components).run(ctx); err != nil {
		c.stop(context.WithoutCancel(ctx)) // half a cluster is of no use, but its logs are
		return "", fmt.Errorf("%w\nLogs are in %s; `cluster down` removes them", err, c.place.Path("logs"))
	}
	c.log.Say("Cluster %s is ready after %s.", c.place.Name, report.Seconds(time.Since(start)))
	c.invite(components.Folder)
	return c.place.Kubeconfig(), nil
}

// keep reports whether the cluster is running and stays as it is. It removes the remains of one that is not.
func (c *Cluster) keep(ctx context.Context, options Options) (bool, error) {
	found, err := state.Load(c.place.State())
	if err != nil {
		return false, err
	}
	if found != nil {
		wrong := c.health(ctx, found)
		if wrong == nil {
			if options.Node != state.Auto && options.Node != found.Node {
				const message = "cluster %s is already running with node: %s; run `cluster down` first to change it"
				return false, fmt.Errorf(message, c.place.Name, found.Node)
			}
			c.log.Say("Cluster %s is already running (Kubernetes %s, node: %s).", c.place.Name, found.Version, found.Node)
			c.invite(found.Binaries)
			return true, nil
		}
		c.log.Say("Cluster %s is broken: %v. Replacing it.", c.place.Name, wrong)
	}
	return false, c.clean(ctx, found)
}

// kind selects the kind of nodes, and logs why a real node is not possible.
func (c *Cluster) kind(ctx context.Context, wanted state.NodeKind) (state.NodeKind, error) {
	switch wanted {
	case state.Real:
		if why := node.Impossible(ctx); why != "" {
			return "", fmt.Errorf("a real node is not possible on this machine: %s", why)
		}
	case state.Auto:
		if why := node.Impossible(ctx); why != "" {
			c.log.Say("Using a simulated node, in which Pods are Running but nothing is executed. A real node is not possible: %s.", why)
			return state.Simulated, nil
		}
		return state.Real, nil
	case state.Simulated, state.None:
	default:
		return "", fmt.Errorf("unknown node kind %q: use auto, real, simulated or none", wanted)
	}
	return wanted, nil
}

// invite logs how to use the cluster.
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
