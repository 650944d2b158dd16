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

// ownHost explains a connection to localhost: in a container, that is the Pod itself. It claims nothing where a container declares
// the port, or where another container declares no ports. Other containers that declare some may listen on more, as the proxies of
// meshes do: then a Service of the namespace must have the port. A failed lookup at a resolver on localhost is none of its connections.
func ownHost(l line) (Saying, bool) {
	if !l.has(failedConnections()...) || l.has(failedLookups()...) || l.pod.Spec == nil || l.pod.Spec.HostNetwork {
		return Saying{}, false
	}
	host, port, ok := l.loopback()
	if !ok || port == dnsPort || slices.ContainsFunc(l.pod.Spec.Ports, func(p facts.ContainerPort) bool { return p.Port == port }) {
		return Saying{}, false
	}
	service := l.serviceWith(port)
	if l.silentNeighbour() || l.hasNeighbour() && service == nil {
		return Saying{}, false
	}
	s := Saying{
		Why: fmt.Sprintf("it connects to %s:%d, which is its own Pod, and no container of the Pod declares that port", host, port),
		Fix: remedy.Sprintf("Configure the host of the server instead of %s, or run the server in a container of the Pod. If this "+
			"container runs it, see in its log why the server does not listen.", host),
	}
	if service != nil {
		s.Evidence = append(s.Evidence, check.FromSpec("Service %s of the namespace has port %d", service.Name, port))
		s.Fix = remedy.Sprintf("Configure host %s instead of %s, if the program means that Service.", service.Name, host)
	}
	return s, true
}

// dnsPort is the port of DNS.
const dnsPort = 53

// serviceWith is a Service of the namespace that has a port, and is not one of the Pod itself.
func (l line) serviceWith(port int32) *facts.ServiceNode {
	for _, service := range l.g.ServicesIn(l.pod.Namespace) {
		if slices.ContainsFunc(service.Ports, func(p facts.ServicePort) bool { return p.Port == port }) &&
			!facts.SelectorFromSet(service.Selector).Matches(l.pod.Labels) {
			return service
		}
	}
	return nil
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
	return l.pod.Spec.Lean == nil || slices.ContainsFunc(l.neighbours(), func(c *corev1.Container) bool { return len(c.Ports) == 0 })
}

func (l line) hasNeighbour() bool { return len(l.neighbours()) > 0 }

// neighbours are the other containers of the Pod that run beside the container, sidecars included.
func (l line) neighbours() []*corev1.Container {
	if l.pod.Spec.Lean == nil {
		return nil
	}
	return slices.DeleteFunc(facts.Running(l.pod.Spec.Lean), func(c *corev1.Container) bool { return c.Name == l.container.Name })
}
