package facts

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func reduceRole(r *rbacv1.Role) *RoleNode {
	return &RoleNode{Meta: metaOf(Role, &r.ObjectMeta), Rules: accessRules(r.Rules), Bootstrap: bootstrap(&r.ObjectMeta)}
}

func reduceClusterRole(r *rbacv1.ClusterRole) *RoleNode {
	node := &RoleNode{
		Meta: metaOf(ClusterRole, &r.ObjectMeta), Rules: accessRules(r.Rules), Aggregated: r.AggregationRule != nil,
		Bootstrap: bootstrap(&r.ObjectMeta),
	}
	if r.AggregationRule != nil {
		selectors := r.AggregationRule.ClusterRoleSelectors
		for i := range selectors[:min(maxAggregates, len(selectors))] {
			node.Aggregates = append(node.Aggregates, NewSelector(&selectors[i]))
		}
	}
	return node
}

// maxAggregates selectors of an aggregated ClusterRole are kept.
const maxAggregates = 5

func reduceRoleBinding(b *rbacv1.RoleBinding) *BindingNode {
	return reduceBinding(metaOf(RoleBinding, &b.ObjectMeta), bootstrap(&b.ObjectMeta), b.RoleRef, b.Subjects)
}

func reduceClusterRoleBinding(b *rbacv1.ClusterRoleBinding) *BindingNode {
	return reduceBinding(metaOf(ClusterRoleBinding, &b.ObjectMeta), bootstrap(&b.ObjectMeta), b.RoleRef, b.Subjects)
}

func reducePriorityClass(c *schedulingv1.PriorityClass) *PriorityClassNode {
	return &PriorityClassNode{Meta: metaOf(PriorityClass, &c.ObjectMeta), Value: c.Value, Default: c.GlobalDefault}
}

func accessRules(rules []rbacv1.PolicyRule) []AccessRule {
	var reduced []AccessRule
	for _, r := range rules {
		reduced = append(reduced, AccessRule{r.Verbs, r.APIGroups, r.Resources, r.ResourceNames, r.NonResourceURLs})
	}
	return reduced
}

func reduceBinding(meta Meta, bootstrap bool, role rbacv1.RoleRef, subjects []rbacv1.Subject) *BindingNode {
	node := &BindingNode{Meta: meta, Role: Ref{Kind: Kind(role.Kind), Name: role.Name}, Bootstrap: bootstrap}
	if node.Role.Kind == Role {
		node.Role.Namespace = meta.Namespace
	}
	for _, s := range subjects {
		subject := Subject{Kind: s.Kind, Name: s.Name}
		if s.Kind == rbacv1.ServiceAccountKind {
			subject.Namespace = cmp.Or(s.Namespace, meta.Namespace) // as the authorizer reads it
		}
		node.Subjects = append(node.Subjects, subject)
	}
	return node
}

// bootstrap reports whether the API server created a role or binding.
func bootstrap(o *metav1.ObjectMeta) bool {
	return o.Labels["kubernetes.io/bootstrapping"] == "rbac-defaults"
}

// tokenOf is the ServiceAccount in the annotation of a token Secret. The metadata does not contain the type, but there is no reason
// for the annotation on Secrets of other types.
func tokenOf(o *metav1.ObjectMeta) string {
	if o.Labels["kubernetes.io/legacy-token-invalid-since"] != "" {
		return "" // unused for a year, and invalidated since
	}
	return o.Annotations[corev1.ServiceAccountNameKey]
}

func reduceNetworkPolicy(p *networkingv1.NetworkPolicy) *NetworkPolicyNode {
	node := &NetworkPolicyNode{Meta: metaOf(NetworkPolicy, &p.ObjectMeta), Selector: NewSelector(&p.Spec.PodSelector)}
	node.Truncated = len(p.Spec.Ingress) > maxPolicyRules || len(p.Spec.Egress) > maxPolicyRules
	// Without policyTypes, a policy applies to ingress, and to egress where it has egress rules.
	node.Ingress = len(p.Spec.PolicyTypes) == 0 || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
	node.Egress = (len(p.Spec.PolicyTypes) == 0 && len(p.Spec.Egress) > 0) ||
		slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	for _, rule := range p.Spec.Ingress {
		if len(node.IngressRules) < maxPolicyRules {
			node.IngressRules = append(node.IngressRules, policyRule(rule.From, rule.Ports))
		}
		node.AllowsAllIngress = node.AllowsAllIngress || (len(rule.From) == 0 && len(rule.Ports) == 0)
		node.addPeers(rule.From)
		for _, peer := range rule.From {
			if peer.IPBlock != nil && (peer.IPBlock.CIDR == "0.0.0.0/0" || peer.IPBlock.CIDR == "::/0") {
				node.AllowsAnyAddress = true
			}
		}
	}
	for _, rule := range p.Spec.Egress {
		if len(node.EgressRules) < maxPolicyRules {
			node.EgressRules = append(node.EgressRules, policyRule(rule.To, rule.Ports))
		}
		node.AllowsAllEgress = node.AllowsAllEgress || (len(rule.To) == 0 && len(rule.Ports) == 0)
		node.addPeers(rule.To)
	}
	return node
}

// maxPolicyRules of each direction of a NetworkPolicy are kept.
const maxPolicyRules = 100

func policyRule(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) PolicyRule {
	var rule PolicyRule
	for _, p := range peers {
		peer := PolicyPeer{AllPods: p.PodSelector == nil, OwnNamespace: p.NamespaceSelector == nil}
		if p.PodSelector != nil {
			peer.Pods = NewSelector(p.PodSelector)
		}
		if p.NamespaceSelector != nil {
			peer.Namespaces = NewSelector(p.NamespaceSelector)
		}
		if p.IPBlock != nil {
			peer = PolicyPeer{Addresses: p.IPBlock.CIDR}
		}
		rule.Peers = append(rule.Peers, peer)
	}
	for _, p := range ports {
		port := PolicyPort{Protocol: string(value(p.Protocol, corev1.ProtocolTCP)), End: value(p.EndPort, 0)}
		if p.Port != nil && p.Port.Type == intstr.String {
			port.Name = p.Port.StrVal
		} else if p.Port != nil {
			port.Port = p.Port.IntVal
		}
		rule.Ports = append(rule.Ports, port)
	}
	return rule
}

func (n *NetworkPolicyNode) addPeers(peers []networkingv1.NetworkPolicyPeer) {
	for _, peer := range peers {
		if peer.PodSelector != nil && peer.NamespaceSelector == nil && peer.IPBlock == nil {
			n.Peers = append(n.Peers, NewSelector(peer.PodSelector))
		}
	}
}

func reduceLimitRange(l *corev1.LimitRange) *LimitRangeNode {
	node := &LimitRangeNode{Meta: metaOf(LimitRange, &l.ObjectMeta)}
	for _, item := range l.Spec.Limits {
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		has := func(list corev1.ResourceList, name corev1.ResourceName) bool {
			_, ok := list[name]
			return ok
		}
		// A default limit is a default request as well, and so is a maximum.
		limitCPU := has(item.Default, corev1.ResourceCPU) || has(item.Max, corev1.ResourceCPU)
		limitMemory := has(item.Default, corev1.ResourceMemory) || has(item.Max, corev1.ResourceMemory)
		node.DefaultsCPULimit = node.DefaultsCPULimit || limitCPU
		node.DefaultsMemoryLimit = node.DefaultsMemoryLimit || limitMemory
		node.DefaultsCPURequest = node.DefaultsCPURequest || limitCPU || has(item.DefaultRequest, corev1.ResourceCPU)
		node.DefaultsMemoryRequest = node.DefaultsMemoryRequest || limitMemory || has(item.DefaultRequest, corev1.ResourceMemory)
	}
	return node
}
