package facts

// RoleNode is a Role or a ClusterRole.
type RoleNode struct {
	Meta
	Rules []AccessRule
	// Aggregated ClusterRoles get their rules from others by labels.
	Aggregated bool
	// Bootstrap is true where the API server itself made the role, and restores it when it starts.
	Bootstrap bool
}

// AccessRule is one rule of a role, as written.
type AccessRule struct {
	Verbs, Groups, Resources, Names, URLs []string
}

// BindingNode is a RoleBinding or a ClusterRoleBinding.
type BindingNode struct {
	Meta
	// Role that it gives; a Role has the binding's namespace.
	Role     Ref
	Subjects []Subject
	// Bootstrap is true where the API server itself made the binding, and restores it when it starts.
	Bootstrap bool
}

// Subject is who a binding gives a role to.
type Subject struct {
	// Kind is User, Group or ServiceAccount.
	Kind string
	// Namespace of a ServiceAccount, that of the binding where none is written; empty for the others.
	Namespace, Name string
}

// NetworkPolicyNode is a NetworkPolicy.
type NetworkPolicyNode struct {
	Meta
	// Selector of the Pods that it is about; an empty one means all of the namespace.
	Selector Selector
	// Ingress and Egress say for which directions it isolates those Pods.
	Ingress, Egress bool
	// AllowsAllIngress and AllowsAllEgress: a rule without any restriction, as if the direction were not isolated.
	AllowsAllIngress, AllowsAllEgress bool
	// AllowsAnyAddress: a rule lets in traffic from 0.0.0.0/0 or ::/0.
	AllowsAnyAddress bool
	// Peers are the label selectors of its rules for Pods of its own namespace.
	Peers []Selector
}

// LimitRangeNode is a LimitRange. It says what containers without requests or limits are given at creation.
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
