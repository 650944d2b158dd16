package reach

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// dnsPort is the port of DNS.
const dnsPort = 53

// direction is what a policy restricts.
type direction int

const (
	egress direction = iota
	ingress
)

// Lookup reports whether policies keep a Pod from looking up names: they restrict its egress, and no rule can allow DNS.
func (x *Index) Lookup(pod *facts.PodNode) (Obstacle, bool) {
	policies, ok := x.restricting(pod, egress)
	if !ok || pod.Spec == nil || pod.Spec.Lean == nil || pod.Spec.Lean.DNSPolicy == corev1.DNSNone ||
		pod.Spec.Lean.DNSPolicy == corev1.DNSDefault {
		return Obstacle{}, false
	}
	servers := x.dnsPods()
	for _, policy := range policies {
		for _, rule := range policy.EgressRules {
			if !allowsPort(rule, "UDP", dnsPort, nil) && !allowsPort(rule, "TCP", dnsPort, nil) {
				continue
			}
			if len(servers) == 0 || x.allowsAny(policy, rule, servers) {
				return Obstacle{}, false
			}
		}
	}
	names := namesOf(policies)
	return Obstacle{
		Key: "dns", Culprits: refsOf(policies),
		Why: fmt.Sprintf("NetworkPolicy %s does not allow egress to DNS (port 53), so that no name can be looked up", names),
		Fix: allowDNS(policies[0]),
		Evidence: []check.Evidence{check.FromSpec("NetworkPolicy %s selects the Pods and restricts their egress to %s", names,
			rulesText(policies, egress))},
	}, true
}

// allowDNS is the command that adds a rule for DNS to a policy.
func allowDNS(policy *facts.NetworkPolicyNode) remedy.Text {
	if len(policy.EgressRules) == 0 {
		return remedy.Sprintf("Allow egress to the cluster's DNS: `kubectl -n %s patch networkpolicy %s --type=merge -p "+
			"'{\"spec\":{\"egress\":[{\"to\":[{\"namespaceSelector\":{},\"podSelector\":{\"matchLabels\":{\"k8s-app\":\"kube-dns\"}}}],"+
			"\"ports\":[{\"port\":53,\"protocol\":\"UDP\"},{\"port\":53,\"protocol\":\"TCP\"}]}]}}'`.", policy.Namespace, policy.Name)
	}
	return remedy.Sprintf("Allow egress to the cluster's DNS: `kubectl -n %s patch networkpolicy %s --type=json -p "+
		"'[{\"op\":\"add\",\"path\":\"/spec/egress/-\",\"value\":{\"to\":[{\"namespaceSelector\":{},\"podSelector\":{\"matchLabels\":"+
		"{\"k8s-app\":\"kube-dns\"}}}],\"ports\":[{\"port\":53,\"protocol\":\"UDP\"},{\"port\":53,\"protocol\":\"TCP\"}]}}]'`.",
		policy.Namespace, policy.Name)
}

// blocked reports whether policies keep a Pod from a port of the Pods of a Service.
func (x *Index) blocked(pod *facts.PodNode, service *facts.ServiceNode, port int32) (Obstacle, bool) {
	if len(service.Selector) == 0 || !x.g.Complete(facts.Pod, service.Namespace) {
		return Obstacle{}, false
	}
	targets := x.g.Selected(service.Namespace, facts.SelectorFromSet(service.Selector))
	if len(targets) == 0 || slices.ContainsFunc(targets, hostNetwork) {
		return Obstacle{}, false
	}
	ports := servicePorts(service, port)
	if policies, ok := x.restricting(pod, egress); ok && !x.allowed(policies, egress, targets, targets, ports) {
		return policyObstacle(policies, egress, service, ports), true
	}
	// Pods of one Service are alike, so that one of them stands for all.
	if policies, ok := x.restricting(targets[0], ingress); ok && !x.allowed(policies, ingress, []*facts.PodNode{pod}, targets, ports) {
		return policyObstacle(policies, ingress, service, ports), true
	}
	return Obstacle{}, false
}

func hostNetwork(pod *facts.PodNode) bool { return pod.Spec == nil || pod.Spec.HostNetwork }

// servicePorts are the ports of a Service with a number, or all of them for 0 and for numbers that are not the Service's: a headless
// Service is reached at the ports of its Pods.
func servicePorts(service *facts.ServiceNode, port int32) []facts.ServicePort {
	for _, p := range service.Ports {
		if p.Port == port {
			return []facts.ServicePort{p}
		}
	}
	if port > 0 {
		return []facts.ServicePort{{Port: port, TargetPort: port}}
	}
	return service.Ports
}

// restricting are the policies that restrict a direction of a Pod; false if there are none, or if not all were read.
func (x *Index) restricting(pod *facts.PodNode, d direction) ([]*facts.NetworkPolicyNode, bool) {
	if hostNetwork(pod) || !x.g.Complete(facts.NetworkPolicy, pod.Namespace) {
		return nil, false
	}
	var found []*facts.NetworkPolicyNode
	for _, policy := range x.policies[pod.Namespace] {
		applies := policy.Egress && d == egress || policy.Ingress && d == ingress
		if !applies || !policy.Selector.Matches(pod.Labels) {
			continue
		}
		if policy.Truncated {
			return nil, false
		}
		found = append(found, policy)
	}
	return found, len(found) > 0
}

// allowed reports whether a rule may allow traffic between peers and one of the ports of the targets.
func (x *Index) allowed(
	policies []*facts.NetworkPolicyNode, d direction, peers, targets []*facts.PodNode, ports []facts.ServicePort,
) bool {
	for _, policy := range policies {
		rules := policy.EgressRules
		if d == ingress {
			rules = policy.IngressRules
		}
		for _, rule := range rules {
			for _, port := range ports {
				if allowsServicePort(rule, port, targets) && x.allowsAny(policy, rule, peers) {
					return true
				}
			}
		}
	}
	return false
}

// allowsServicePort compares a rule with the port of the Pods that a port of a Service stands for.
func allowsServicePort(rule facts.PolicyRule, port facts.ServicePort, targets []*facts.PodNode) bool {
	protocol := facts.ProtocolOf(port.Protocol)
	if port.TargetName == "" {
		return allowsPort(rule, protocol, port.TargetPort, targets)
	}
	for _, pod := range targets {
		for _, declared := range pod.Spec.Ports {
			if declared.Name == port.TargetName && facts.ProtocolOf(declared.Protocol) == protocol &&
				allowsPort(rule, protocol, declared.Port, targets) {
				return true
			}
		}
	}
	return false
}

// allowsPort reports whether a rule allows a port, which may be named after a port of the targets.
func allowsPort(rule facts.PolicyRule, protocol string, port int32, targets []*facts.PodNode) bool {
	if len(rule.Ports) == 0 {
		return true
	}
	return slices.ContainsFunc(rule.Ports, func(p facts.PolicyPort) bool {
		switch {
		case p.Protocol != protocol:
			return false
		case p.Name != "":
			return len(targets) == 0 || slices.ContainsFunc(targets, func(pod *facts.PodNode) bool {
				return slices.ContainsFunc(pod.Spec.Ports, func(d facts.ContainerPort) bool { return d.Name == p.Name && d.Port == port })
			})
		default:
			return p.Port == 0 || p.Port == port || p.End > 0 && p.Port <= port && port <= p.End
		}
	})
}

// allowsAny reports whether the peers of a rule may include one of the Pods. A range of addresses may contain any.
func (x *Index) allowsAny(policy *facts.NetworkPolicyNode, rule facts.PolicyRule, pods []*facts.PodNode) bool {
	if len(rule.Peers) == 0 {
		return true
	}
	return slices.ContainsFunc(rule.Peers, func(peer facts.PolicyPeer) bool {
		return peer.Addresses != "" || slices.ContainsFunc(pods, func(pod *facts.PodNode) bool {
			return (peer.AllPods || peer.Pods.Matches(pod.Labels)) && x.inNamespaces(policy, peer, pod.Namespace)
		})
	})
}

func (x *Index) inNamespaces(policy *facts.NetworkPolicyNode, peer facts.PolicyPeer, namespace string) bool {
	if peer.OwnNamespace {
		return namespace == policy.Namespace
	}
	node, ok := facts.Lookup[*facts.NamespaceNode](x.g, facts.Ref{Kind: facts.Namespace, Name: namespace})
	if !ok {
		return true // its labels are unknown
	}
	return peer.Namespaces.Matches(node.Labels)
}

// dnsPods are the Pods behind the cluster's DNS Service; none if they were not read.
func (x *Index) dnsPods() []*facts.PodNode {
	return x.g.Selected("kube-system", facts.SelectorFromSet(map[string]string{"k8s-app": "kube-dns"}))
}

func policyObstacle(policies []*facts.NetworkPolicyNode, d direction, service *facts.ServiceNode, ports []facts.ServicePort) Obstacle {
	names := namesOf(policies)
	o := Obstacle{
		Key: service.Namespace + "/" + service.Name, Culprits: refsOf(policies),
		Why: fmt.Sprintf("NetworkPolicy %s does not allow egress to the Pods of Service %s", names, service.Name),
	}
	side := "egress"
	if d == ingress {
		o.Why = fmt.Sprintf("NetworkPolicy %s in namespace %s does not allow ingress to the Pods of Service %s from these Pods", names,
			service.Namespace, service.Name)
		side = "ingress"
	}
	o.Evidence = []check.Evidence{check.FromSpec("NetworkPolicy %s restricts %s to %s", names, side, rulesText(policies, d))}
	var targets []string
	for _, p := range ports[:min(len(ports), 3)] {
		if p.TargetName != "" {
			targets = append(targets, p.TargetName)
			continue
		}
		targets = append(targets, fmt.Sprint(p.TargetPort))
	}
	o.Fix = remedy.Sprintf("If the connection is wanted, add a rule for %s with the labels of the other Pods and port %s (the port of the "+
		"containers): `kubectl -n %s edit networkpolicy %s`.", side, strings.Join(targets, ", "), policies[0].Namespace, policies[0].Name)
	return o
}

func namesOf(policies []*facts.NetworkPolicyNode) string {
	names := make([]string, 0, len(policies))
	for _, policy := range policies[:min(len(policies), 3)] {
		names = append(names, policy.Name)
	}
	if len(policies) > 3 {
		return strings.Join(names, ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

func refsOf(policies []*facts.NetworkPolicyNode) []facts.Ref {
	refs := make([]facts.Ref, 0, len(policies))
	for _, policy := range policies {
		refs = append(refs, policy.Ref)
	}
	return refs
}

// rulesText says in a few words what the rules allow.
func rulesText(policies []*facts.NetworkPolicyNode, d direction) string {
	var parts []string
	for _, policy := range policies {
		rules := policy.EgressRules
		if d == ingress {
			rules = policy.IngressRules
		}
		for _, rule := range rules {
			parts = append(parts, ruleText(rule))
		}
	}
	if len(parts) == 0 {
		return "nothing"
	}
	const maxParts = 3
	if len(parts) > maxParts {
		return strings.Join(parts[:maxParts], "; ") + "; ..."
	}
	return strings.Join(parts, "; ")
}

func ruleText(rule facts.PolicyRule) string {
	var peers, ports []string
	for _, peer := range rule.Peers {
		switch {
		case peer.Addresses != "":
			peers = append(peers, peer.Addresses)
		case peer.AllPods:
			peers = append(peers, "namespaces "+peer.Namespaces.String())
		default:
			peers = append(peers, "Pods "+peer.Pods.String())
		}
	}
	for _, port := range rule.Ports {
		text := port.Name
		if text == "" {
			text = fmt.Sprint(port.Port)
		}
		ports = append(ports, text+"/"+port.Protocol)
	}
	text := "all"
	if len(peers) > 0 {
		text = strings.Join(peers, ", ")
	}
	if len(ports) > 0 {
		text += " on " + strings.Join(ports, ", ")
	}
	return text
}
