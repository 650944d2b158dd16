package facts

// RoleNode is a Role or a ClusterRole.
type RoleNode struct {
	Meta
	Rules []AccessRule
	// Aggregated ClusterRoles get their rules from others by labels.
	Aggregated bool
	// Aggregates select those others; at most maxAggregates.
	Aggregates []Selector
	// Bootstrap roles are created by the API server, which restores them when it starts.
	Bootstrap bool
}

// AccessRule is one rule of a role, as written.
type AccessRule struct {
	Verbs, Groups, Resources, Names, URLs []string
}

// BindingNode is a RoleBinding or a ClusterRoleBinding.
type BindingNode struct {
	Meta
	// Role that it grants; a Role has the binding's namespace.
	Role     Ref
	Subjects []Subject
	// Bootstrap bindings are created by the API server, which restores them when it starts.
	Bootstrap bool
}

// Subject of a binding.
type Subject struct {
	// Kind is User, Group or ServiceAccount.
	Kind string
	// Namespace of a ServiceAccount, by default that of the binding; empty for the others.
	Namespace, Name string
}

// NetworkPolicyNode is a NetworkPolicy.
type NetworkPolicyNode struct {
	Meta
	// Selector of the Pods that it applies to; an empty one selects all Pods of the namespace.
	Selector Selector
	// Ingress and Egress are the directions in which it isolates those Pods.
	Ingress, Egress bool
	// AllowsAllIngress and AllowsAllEgress: a rule without restrictions, as if the direction were not isolated.
	AllowsAllIngress, AllowsAllEgress bool
	// AllowsAnyAddress: a rule allows ingress from 0.0.0.0/0 or ::/0.
	AllowsAnyAddress bool
	// Peers are the Pod selectors of its rules for its own namespace.
	Peers []Selector
	// IngressRules and EgressRules are what it allows; at most maxPolicyRules each, and Truncated with more.
	IngressRules, EgressRules []PolicyRule
	Truncated                 bool
}

// PolicyRule is one rule of a NetworkPolicy: it allows its ports from or to its peers. Without any, it allows all.
type PolicyRule struct {
	Peers []PolicyPeer
	Ports []PolicyPort
}

// PolicyPeer selects Pods of the policy's namespace, or of those that Namespaces selects, or is a range of addresses.
type PolicyPeer struct {
	// Pods that it selects; all of the namespaces with AllPods.
	Pods    Selector
	AllPods bool
	// Namespaces that it selects; the policy's own with OwnNamespace.
	Namespaces   Selector
	OwnNamespace bool
	// Addresses is a CIDR; empty for a peer that selects Pods.
	Addresses string
}

// PolicyPort is a port of a rule: Name or Port, or the range from Port to End. Zero stands for all ports of the protocol.
type PolicyPort struct {
	Protocol  string
	Name      string
	Port, End int32
}

// LimitRangeNode is a LimitRange, which sets requests and limits of containers without them.
type LimitRangeNode struct {
	Meta
	// Which defaults it sets for containers.
	DefaultsCPURequest, DefaultsMemoryRequest, DefaultsCPULimit, DefaultsMemoryLimit bool
}

// PriorityClassNode is a PriorityClass.
type PriorityClassNode struct {
	Meta
	Value   int32
	Default bool
}
