package reach

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// misdirected is the obstacle of a Service that sends a port to a number which none of its Pods declares or probes, though all of them
// declare or probe others. A container may listen on a port that it does not declare, so that it is no obstacle where nothing was seen to
// fail.
func (x *Index) misdirected(service *facts.ServiceNode, port int32) (Obstacle, bool) {
	if port == 0 || service.Headless || len(service.Selector) == 0 || !x.g.Complete(facts.Pod, service.Namespace) {
		return Obstacle{}, false
	}
	i := slices.IndexFunc(service.Ports, func(p facts.ServicePort) bool { return p.Port == port })
	if i < 0 || service.Ports[i].TargetName != "" || facts.ProtocolOf(service.Ports[i].Protocol) != "TCP" {
		return Obstacle{}, false
	}
	target := service.Ports[i].TargetPort
	var served []int32
	for _, pod := range x.g.Selected(service.Namespace, facts.SelectorFromSet(service.Selector)) {
		if !pod.IsActive() {
			continue
		}
		ports := listeners(pod)
		if len(ports) == 0 || slices.Contains(ports, target) {
			return Obstacle{}, false
		}
		served = append(served, ports...)
	}
	if len(served) == 0 {
		return Obstacle{}, false
	}
	slices.Sort(served)
	served = slices.Compact(served)
	text := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(served[:min(len(served), 5)])), ", "), "[]")
	right := "<port>"
	if len(served) == 1 {
		right = text
	}
	return Obstacle{
		Key: service.Namespace + "/" + service.Name, Culprits: []facts.Ref{service.Ref},
		Why: fmt.Sprintf("Service %s sends port %d to port %d of its Pods, which declare or probe %s", service.Name, port, target, text),
		Fix: remedy.Sprintf("Set targetPort to the port that the containers listen on: `kubectl -n %s patch service %s --type=json -p "+
			"'[{\"op\":\"replace\",\"path\":\"/spec/ports/%d/targetPort\",\"value\":%s}]'`.", service.Namespace, service.Name, i, right),
		Evidence: []check.Evidence{check.FromSpec("Service %s: port %d, targetPort %d", service.Name, port, target)},
	}, true
}

// listeners are the TCP ports that the containers of a Pod, sidecars included, declare or probe. They are none if a container does neither,
// or only has ports for monitoring: it may listen on any port.
func listeners(pod *facts.PodNode) []int32 {
	if pod.Spec == nil || pod.Spec.Lean == nil {
		return nil
	}
	var ports []int32
	for _, c := range facts.Running(pod.Spec.Lean) {
		serves := false
		for _, declared := range c.Ports {
			if declared.Protocol == "" || declared.Protocol == corev1.ProtocolTCP {
				ports = append(ports, declared.ContainerPort)
				serves = serves || !isMonitoring(declared.Name)
			}
		}
		for _, probe := range []*corev1.Probe{c.ReadinessProbe, c.LivenessProbe, c.StartupProbe} {
			if port := probed(probe); port > 0 {
				ports = append(ports, port)
				serves = serves || !slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.ContainerPort == port })
			}
		}
		if !serves {
			return nil
		}
	}
	return ports
}

// isMonitoring reports whether the name of a port says that it is one beside those that a container serves.
func isMonitoring(name string) bool {
	return slices.ContainsFunc([]string{"metric", "prom", "health", "probe", "admin", "debug", "pprof", "status"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}

// probed is the number of the port that a probe connects to; 0 for a name, which is one of a declared port.
func probed(probe *corev1.Probe) int32 {
	switch {
	case probe == nil:
		return 0
	case probe.HTTPGet != nil && probe.HTTPGet.Port.Type == intstr.Int:
		return probe.HTTPGet.Port.IntVal
	case probe.TCPSocket != nil && probe.TCPSocket.Port.Type == intstr.Int:
		return probe.TCPSocket.Port.IntVal
	case probe.GRPC != nil:
		return probe.GRPC.Port
	default:
		return 0
	}
}
