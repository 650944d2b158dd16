package endpoints

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// PortOf returns the Service port to which a backend refers.
func PortOf(service *facts.ServiceNode, backend facts.IngressBackend) (facts.ServicePort, bool) {
	i := slices.IndexFunc(service.Ports, func(p facts.ServicePort) bool {
		if backend.PortName != "" {
			return p.Name == backend.PortName
		}
		return p.Port == backend.Port
	})
	if i < 0 {
		return facts.ServicePort{}, false
	}
	return service.Ports[i], true
}

// ServicePorts lists the ports of a Service for evidence: ports http (80/TCP), 443/TCP.
func ServicePorts(service *facts.ServiceNode) string {
	if len(service.Ports) == 0 {
		return "no ports"
	}
	names := make([]string, 0, len(service.Ports))
	for _, p := range service.Ports {
		names = append(names, PortText(facts.ContainerPort{Name: p.Name, Port: p.Port, Protocol: p.Protocol}))
	}
	return phrase.Plural(len(names), "port ", "ports ") + phrase.List(names)
}

// DeadPorts are the backends whose Service port targets a container port that no Pod declares; target is the first name.
func DeadPorts(
	g *facts.Graph, service *facts.ServiceNode, backends []facts.IngressBackend, params check.Params,
) (dead []facts.IngressBackend, target string) {
	if !service.SelectsPods() || !g.OlderThan(service.Created, params.StartupGrace) || !g.Complete(facts.Pod, service.Namespace) {
		return nil, ""
	}
	pods := g.Selected(service.Namespace, facts.SelectorFromSet(service.Selector))
	for _, backend := range backends {
		if port, ok := PortOf(service, backend); ok && Undeclared(port, pods) {
			if target == "" {
				target = port.TargetName
			}
			dead = append(dead, backend)
		}
	}
	return dead, target
}

// PortTexts lists declared ports, up to a maximum.
func PortTexts(ports []facts.ContainerPort) string {
	const maxPorts = 8
	if len(ports) == 0 {
		return "no port"
	}
	var texts []string
	for _, p := range ports[:min(len(ports), maxPorts)] {
		texts = append(texts, PortText(p))
	}
	if len(ports) > maxPorts {
		texts = append(texts, fmt.Sprintf("and %d more", len(ports)-maxPorts))
	}
	return strings.Join(texts, ", ")
}

// PortText formats a declared port: http (8080/TCP), or 8080/TCP without a name.
func PortText(p facts.ContainerPort) string {
	number := fmt.Sprintf("%d/%s", p.Port, facts.ProtocolOf(p.Protocol))
	if p.Name == "" {
		return number
	}
	return p.Name + " (" + number + ")"
}

// Undeclared reports whether a Service port targets a container port by a name that none of the Pods declares. It is false
// without Pods.
func Undeclared(port facts.ServicePort, pods []*facts.PodNode) bool {
	if port.TargetName == "" || len(pods) == 0 {
		return false
	}
	for _, pod := range pods {
		if pod.Spec == nil || slices.ContainsFunc(pod.Spec.Ports, func(p facts.ContainerPort) bool {
			return p.Name == port.TargetName && facts.ProtocolOf(p.Protocol) == facts.ProtocolOf(port.Protocol)
		}) {
			return false
		}
	}
	return true
}
