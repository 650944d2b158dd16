package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/build"
	"kubeops.io/kubeops/hack/cluster/internal/kubeapi"
	"kubeops.io/kubeops/hack/cluster/internal/network"
	"kubeops.io/kubeops/hack/cluster/internal/node"
	"kubeops.io/kubeops/hack/cluster/internal/process"
	"kubeops.io/kubeops/hack/cluster/internal/render"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

// deadline of each wait. A loaded CI machine can take a minute for what usually takes seconds.
const deadline = 3 * time.Minute

// start is the start of one cluster.
type start struct {
	*Cluster
	options    Options
	components build.Result
	endpoints  render.Endpoints
	link       network.Link
	state      *state.State
	client     *kubeapi.Client
	// prefix enters the namespaces of the next process.
	prefix []string
	ended  map[string]<-chan error
}

func newStart(c *Cluster, options Options, components build.Result) *start {
	return &start{Cluster: c, options: options, components: components, ended: map[string]<-chan error{}}
}

// run starts everything, in an order that overlaps slow steps.
func (s *start) run(ctx context.Context) error {
	steps := []step{
		{"network", s.network},
		{"certificates and configuration", s.configure},
	}
	if s.options.Node == state.Real {
		steps = append(steps, step{"start containerd", s.startContainerd})
	}
	steps = append(steps, step{"etcd, API server", s.startAPIServer})
	if !s.options.Bare {
		steps = append(steps, step{"controller manager, scheduler", s.startControllers})
	}
	switch s.options.Node {
	case state.Real:
		steps = append(steps, step{"images of the node", s.loadFirstImages}, step{"kubelet, kube-proxy: node ready", s.startNode})
	case state.Simulated:
		steps = append(steps, step{"simulated nodes ready", s.startSimulation})
	}
	if !s.options.Bare {
		steps = append(steps, step{"default namespace ready", s.waitForNamespace})
	}
	steps = append(steps, step{"record", s.finish})
	for _, step := range steps {
		if err := s.log.Step(step.what, func() error { return step.do(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// step is one step of a start.
type step struct {
	what string
	do   func(context.Context) error
}

// network assigns the addresses: well-known ports in the cluster's network namespace with a real node, otherwise free ports
// on loopback.
func (s *start) network(ctx context.Context) error {
	if s.options.Node == state.Real {
		link, err := network.CreateNamespace(ctx, s.place, render.ServiceNetwork)
		s.link = link
		s.prefix = node.EnterNetwork(network.NamespacePath(s.place))
		s.endpoints = render.Endpoints{
			Address: link.Node.String(), Reachable: true,
			APIServer: 6443, EtcdClient: 2379, EtcdPeer: 2380, ControllerManager: 10257, Scheduler: 10259,
		}
		return err
	}
	ports, err := network.FreePorts(ctx, 6)
	if err != nil {
		return err
	}
	s.endpoints = render.Endpoints{
		Address: "127.0.0.1", APIServer: ports[0],
		EtcdClient: ports[1], EtcdPeer: ports[2], ControllerManager: ports[3], Scheduler: ports[4], Kwok: ports[5],
	}
	return nil
}

// describe records what is known before the first process starts.
func (s *start) describe() *state.State {
	described := &state.State{
		Name: s.place.Name, ID: s.place.ID(), Phase: state.Starting, Node: s.options.Node,
		Version: s.components.Version, Directory: s.place.Dir(), Server: s.endpoints.Server(), Etcd: s.endpoints.Etcd(),
		Kubeconfig: s.place.Kubeconfig(), Binaries: s.components.Folder, Processes: []process.Process{},
	}
	switch s.options.Node {
	case state.Real:
		described.NodeNames = []string{s.place.NodeName(1)}
		described.Network = &state.Network{
			Namespace: s.place.Namespace(), Interface: s.place.Interface(), Subnet: s.link.Subnet.String(),
			HostIP: s.link.Host.String(), NodeIP: s.link.Node.String(),
		}
		described.Containerd = &state.Containerd{Socket: s.place.Socket(), RegistryHosts: s.place.RegistryHosts()}
	case state.Simulated:
		for i := range s.options.Nodes {
			described.NodeNames = append(described.NodeNames, s.place.NodeName(i+1))
		}
	}
	return described
}

// launch starts a component and records it.
func (s *start) launch(ctx context.Context, name, path string, args ...string) error {
	p, ended, err := process.Start(ctx, process.Spec{
		Name: name, Prefix: s.prefix, Path: path, Args: args, Log: s.place.Log(name), Owner: s.place.Dir(),
	})
	if err != nil {
		return err
	}
	s.ended[name] = ended
	s.state.Processes = append(s.state.Processes, p)
	return s.state.Save(s.place.State())
}

// component starts one of the built components.
func (s *start) component(ctx context.Context, name string, args []string) error {
	return s.launch(ctx, name, filepath.Join(s.components.Folder, name), args...)
}

// wait retries until ready succeeds. It stops early if a component has ended. Its error includes the last log lines of the
// component that failed.
func (s *start) wait(ctx context.Context, component string, ready func(context.Context) error) error {
	until := time.Now().Add(deadline)
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		for name, ended := range s.ended {
			select {
			case exit := <-ended:
				return fmt.Errorf("%s ended: %w\n%s", name, exit, s.logTail(name))
			default:
			}
		}
		if time.Now().After(until) {
			return fmt.Errorf("not ready within %s: %w\n%s", deadline, err, s.logTail(component))
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// logTail returns the last log lines of a component.
func (s *start) logTail(component string) string {
	const count = 20
	data, _ := os.ReadFile(s.place.Log(component))
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	last := lines[max(0, len(lines)-count):]
	return fmt.Sprintf("Last lines of %s:\n  %s", s.place.Log(component), strings.Join(last, "\n  "))
}

// finish records that the cluster is running.
func (s *start) finish(context.Context) error {
	s.client.Close()
	s.state.Phase = state.Running
	return s.state.Save(s.place.State())
}
