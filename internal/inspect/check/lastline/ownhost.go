package lastline

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/hostname"
	"kubeops.io/kubeops/internal/remedy"
)

// ownHost explains a connection to localhost: in a container, that is the Pod itself. It claims nothing where a container declares no
// ports, or is the one that connects.
func ownHost(l line) (Saying, bool) {
	if !l.has(failedConnections()...) || l.pod.Spec == nil || l.pod.Spec.HostNetwork {
		return Saying{}, false
	}
	host, port, ok := l.loopback()
	if !ok {
		return Saying{}, false
	}
	for _, declared := range l.pod.Spec.Ports {
		if declared.Port == port {
			return Saying{}, false
		}
	}
	if l.silentNeighbour() {
		return Saying{}, false
	}
	s := Saying{
		Why: fmt.Sprintf("it connects to %s:%d, which is its own Pod, and no container of the Pod declares that port", host, port),
		Fix: remedy.Sprintf("Configure the host of the server instead of %s, or run the server in a container of the Pod.", host),
	}
	for _, service := range l.g.ServicesIn(l.pod.Namespace) {
		if slices.ContainsFunc(service.Ports, func(p facts.ServicePort) bool { return p.Port == port }) {
			s.Evidence = append(s.Evidence, check.FromSpec("Service %s of the namespace has port %d", service.Name, port))
			s.Fix = remedy.Sprintf("Configure host %s instead of %s, if the program means that Service.", service.Name, host)
			break
		}
	}
	return s, true
}

// loopback is the first address of the loopback interface in the line, with its port.
func (l line) loopback() (host string, port int32, found bool) {
	for _, use := range hostname.In(strings.ReplaceAll(l.text, "[::1]", "127.0.0.1")) {
		address, err := netip.ParseAddr(use.Host)
		if use.Host != "localhost" && (err != nil || !address.IsLoopback()) {
			continue
		}
		if use.Port > 0 {
			return use.Host, use.Port, true
		}
	}
	if !l.has(`"localhost"`, `"127.0.0.1"`) {
		return "", 0, false
	}
	// libpq: connection to server at "localhost" (::1), port 5432 failed.
	number, err := strconv.ParseUint(l.after("port "), 10, 16)
	return "localhost", int32(number), err == nil && number > 0 //nolint:gosec // at most 65535
}

// silentNeighbour reports whether another container of the Pod declares no ports, so that it may have any.
func (l line) silentNeighbour() bool {
	if l.pod.Spec.Lean == nil {
		return true
	}
	sidecars := slices.DeleteFunc(slices.Clone(l.pod.Spec.Lean.InitContainers), func(c corev1.Container) bool {
		return c.RestartPolicy == nil || *c.RestartPolicy != corev1.ContainerRestartPolicyAlways
	})
	for _, c := range slices.Concat(sidecars, l.pod.Spec.Lean.Containers) {
		if c.Name != l.container.Name && len(c.Ports) == 0 {
			return true
		}
	}
	return false
}
