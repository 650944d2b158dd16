package cluster

import (
	"context"
	"fmt"
	"net"

	"kubeops.io/kubeops/hack/cluster/internal/network"
	"kubeops.io/kubeops/hack/cluster/internal/node"
	"kubeops.io/kubeops/hack/cluster/internal/render"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

// startContainerd starts the first program of the node, whose mount namespace is that of the node.
func (s *start) startContainerd(ctx context.Context) error {
	s.prefix = node.NewNode(network.NamespacePath(s.place), s.place.NodeMounts())
	err := s.launch(ctx, "containerd", "containerd", "--config", s.place.Config("containerd.toml"))
	s.prefix = node.EnterNetwork(network.NamespacePath(s.place))
	return err
}

func (s *start) startAPIServer(ctx context.Context) error {
	if err := s.component(ctx, "etcd", render.Etcd(s.place, s.endpoints)); err != nil {
		return err
	}
	if err := s.component(ctx, "kube-apiserver", render.APIServer(s.place, s.endpoints)); err != nil {
		return err
	}
	return s.wait(ctx, "kube-apiserver", s.client.Ready)
}

// startControllers does not wait: the default namespace is ready only after they are.
func (s *start) startControllers(ctx context.Context) error {
	real := s.options.Node == state.Real
	if err := s.component(ctx, "kube-controller-manager", render.ControllerManager(s.place, s.endpoints, real)); err != nil {
		return err
	}
	return s.component(ctx, "kube-scheduler", render.Scheduler(s.place, s.endpoints))
}

// loadFirstImages loads the pause image, which every Pod needs, and busybox.
func (s *start) loadFirstImages(ctx context.Context) error {
	err := s.wait(ctx, "containerd", func(ctx context.Context) error {
		connection, err := (&net.Dialer{}).DialContext(ctx, "unix", s.place.Socket())
		if err != nil {
			return err
		}
		return connection.Close()
	})
	if err != nil {
		return err
	}
	return s.Cluster.loadFirstImages(ctx, s.state)
}

// startNode starts the kubelet in containerd's mount namespace, where the volumes of Pods are mounted.
func (s *start) startNode(ctx context.Context) error {
	containerd, err := find(s.state, "containerd")
	if err != nil {
		return err
	}
	s.prefix = node.Enter(containerd.PID)
	if err := s.component(ctx, "kubelet", render.KubeletArgs(s.place, s.link.Node.String())); err != nil {
		return err
	}
	if err := s.component(ctx, "kube-proxy", []string{"--config=" + s.place.Config("kube-proxy.yaml")}); err != nil {
		return err
	}
	return s.waitForNodes(ctx, "kubelet")
}

func (s *start) startSimulation(ctx context.Context) error {
	if err := s.component(ctx, "kwok", render.Kwok(s.place, s.endpoints)); err != nil {
		return err
	}
	for _, name := range s.state.NodeNames {
		object, err := render.SimulatedNode(name, s.components.Version)
		if err != nil {
			return err
		}
		if err := s.client.CreateNode(ctx, object); err != nil {
			return err
		}
	}
	return s.waitForNodes(ctx, "kwok")
}

func (s *start) waitForNodes(ctx context.Context, component string) error {
	for _, name := range s.state.NodeNames {
		ready := func(ctx context.Context) error { return s.client.NodeReady(ctx, name) }
		if err := s.wait(ctx, component, ready); err != nil {
			return fmt.Errorf("node %s: %w", name, err)
		}
	}
	return nil
}

func (s *start) waitForNamespace(ctx context.Context) error {
	return s.wait(ctx, "kube-controller-manager", s.client.NamespaceReady)
}
