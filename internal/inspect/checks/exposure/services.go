package exposure

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// sensitivePort is what usually listens on a port that should not be public; empty for other ports.
func sensitivePort(port int32) string {
	switch port {
	case 22:
		return "remote login (SSH)"
	case 3389, 5900:
		return "a remote desktop"
	case 2375, 2376:
		return "Docker"
	case 2379, 2380:
		return "etcd"
	case 6443, 10250, 10257, 10259:
		return "Kubernetes itself"
	case 1433, 1521, 3306, 5432, 5984, 7687, 8086, 9042, 27017, 28015, 26257:
		return "a database"
	case 6379, 11211:
		return "a cache"
	case 9200, 9300:
		return "Elasticsearch"
	case 4222, 5672, 15672, 9092, 2181:
		return "a message queue or its coordinator"
	case 111, 445, 2049:
		return "file sharing"
	default:
		return ""
	}
}

func exposedToInternet(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, service := range g.Services {
		if service.Type != "LoadBalancer" || !service.Deleting.IsZero() || service.Internal || service.PrivateAddresses ||
			!admitsAll(service.SourceRanges) {
			continue
		}
		finding := check.Finding{
			Object:  service.Ref,
			Message: fmt.Sprintf("Service %s has a load balancer that accepts connections from any address.", service.Name),
			Evidence: []check.Evidence{
				check.FromSpec("type LoadBalancer; %s", rangesText(service.SourceRanges)),
				check.FromSpec("ports: %s", portsText(service)),
			},
			Remediation: remedy.Sprintf(
				"Restrict the source addresses: `kubectl -n %s patch service %s -p "+
					"'{\"spec\":{\"loadBalancerSourceRanges\":[\"203.0.113.0/24\"]}}'` with your own ranges. If public access is "+
					"intended, accept this with an ignore rule.",
				service.Namespace,
				service.Name,
			),
		}
		for _, port := range service.Ports {
			if what := sensitivePort(port.Port); what != "" {
				finding.Severity = v1alpha1.SeverityMedium
				finding.Message = fmt.Sprintf(
					"Service %s has a load balancer that accepts connections from any address on port %d, usually %s.",
					service.Name,
					port.Port,
					what,
				)
				break
			}
		}
		findings = append(findings, finding)
	}
	return findings
}

// admitsAll reports whether source ranges do not restrict access.
func admitsAll(ranges []string) bool {
	return len(ranges) == 0 || slices.Contains(ranges, "0.0.0.0/0") || slices.Contains(ranges, "::/0")
}

func rangesText(ranges []string) string {
	if len(ranges) == 0 {
		return "no source ranges"
	}
	return "source ranges " + phrase.List(ranges)
}

func portsText(service *facts.ServiceNode) string {
	var ports []string
	for _, p := range service.Ports {
		ports = append(ports, fmt.Sprintf("%d/%s", p.Port, facts.ProtocolOf(p.Protocol)))
	}
	return phrase.List(ports)
}

func externalIPs(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, service := range g.Services {
		if service.ExternalIPs == 0 || service.Type == "ExternalName" || !service.Deleting.IsZero() {
			continue
		}
		findings = append(findings, check.Finding{
			Object: service.Ref,
			Message: fmt.Sprintf("Service %s claims addresses with spec.externalIPs: every node routes traffic for them to it.",
				service.Name),
			Evidence: []check.Evidence{
				check.FromSpec("spec.externalIPs: %d %s", service.ExternalIPs,
					phrase.Plural(service.ExternalIPs, "address", "addresses")), check.FromSpec("ports: %s", portsText(service)),
			},
			Remediation: remedy.Sprintf(
				"Use type LoadBalancer, with MetalLB or similar on bare metal, then remove the field: `kubectl -n %s patch service %s "+
					"--type=merge -p '{\"spec\":{\"externalIPs\":null}}'`.",
				service.Namespace,
				service.Name,
			),
		})
	}
	return findings
}

func nodePortOpen(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, service := range g.Services {
		if service.Type != "NodePort" || !service.Deleting.IsZero() {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   service.Ref,
			Message:  fmt.Sprintf("Service %s is reachable on a port of every node.", service.Name),
			Evidence: []check.Evidence{check.FromSpec("type NodePort; ports: %s", portsText(service))},
			Remediation: remedy.Sprintf(
				"If the port is not used from outside, close it: `kubectl -n %s patch service %s -p "+
					"'{\"spec\":{\"type\":\"ClusterIP\"}}'`. For external clients, use an Ingress or a load balancer.",
				service.Namespace,
				service.Name,
			),
		})
	}
	return findings
}

func externalNameBypass(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, service := range g.Services {
		if service.Type != "ExternalName" || !service.Deleting.IsZero() {
			continue
		}
		target, namespace, inside := clusterName(service.ExternalName)
		if !inside || namespace == service.Namespace {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   service.Ref,
			Message:  fmt.Sprintf("Service %s is an alias of Service %s in namespace %s.", service.Name, target, namespace),
			Evidence: []check.Evidence{check.FromSpec("type ExternalName; externalName: %s", service.ExternalName)},
			Remediation: remedy.Sprintf(
				"Use %s.%s.svc in clients, then delete this Service: `kubectl -n %s delete service %s`. Between namespaces, use "+
					"Gateway API routes with a ReferenceGrant.",
				target,
				namespace,
				service.Namespace,
				service.Name,
			),
		})
	}
	return findings
}

// clusterName parses the Service and namespace of a cluster DNS name such as api.shop.svc.cluster.local.
func clusterName(name string) (service, namespace string, ok bool) {
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(name), "."), ".")
	at := slices.Index(labels, "svc")
	if at < 2 || (at != len(labels)-1 && !slices.Equal(labels[at:], []string{"svc", "cluster", "local"})) {
		return "", "", false
	}
	return labels[at-2], labels[at-1], true // a Pod name may precede them
}
