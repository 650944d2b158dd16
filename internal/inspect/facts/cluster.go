package facts

import "time"

// NodeNode is a Node.
type NodeNode struct {
	Meta
	Unschedulable bool
	// Taints as key=value:effect.
	Taints []Taint
	// KubeletVersion, for example v1.37.2.
	KubeletVersion string
	// AllocatableCPU in millicores, AllocatableMemory in bytes, AllocatablePods as a count.
	AllocatableCPU, AllocatableMemory, AllocatablePods int64
	// Extended are the allocatable extended resources, such as nvidia.com/gpu; nil without any.
	Extended map[string]int64
	// NodeLabels that a plain node selector may match.
	NodeLabels map[string]string
	// Addresses and host names, as its status lists them.
	Addresses []string
}

// Taint of a Node.
type Taint struct {
	Key, Value, Effect string
	// Added is when the taint was added; zero when unknown.
	Added time.Time
}

// NamespaceNode is a Namespace.
type NamespaceNode struct {
	Meta
	Phase string
	// SpecFinalizers are those of spec.finalizers, kubernetes among them.
	SpecFinalizers []string
}

// QuotaNode is a ResourceQuota.
type QuotaNode struct {
	Meta
	// Items by resource name, sorted.
	Items []QuotaItem
}

// QuotaItem is one limit of a ResourceQuota. Hard and Used are in thousandths of the base unit, to compare fractions of a core exactly;
// HardText and UsedText are as written.
type QuotaItem struct {
	Resource           string
	Hard, Used         int64
	HardText, UsedText string
}

// ConfigNode is a ConfigMap, a Secret (Keys is nil if it was read as metadata), or a ServiceAccount (Keys is nil).
type ConfigNode struct {
	Meta
	// Keys of a ConfigMap, or of a Secret in a manifest, sorted; of their values only Hosts are kept.
	Keys []string
	// Leaks are keys of a ConfigMap whose values look like secrets.
	Leaks []Leak
	// Hosts in the values of a ConfigMap that may be Services, by key; at most maxConfigHosts.
	Hosts []ConfigHost
	// Bytes is the size of a ConfigMap's data.
	Bytes int
	// Immutable ConfigMaps and Secrets.
	Immutable bool
	// Automount is a ServiceAccount's automountServiceAccountToken; true when it is not set.
	Automount bool
	// Writer is the client that last wrote the data, or the object for a ServiceAccount; empty when unknown.
	Writer string
	// Sought is true where a label says that a program reads it through the API, as sidecars of Grafana do for dashboards.
	Sought bool
	// PullSecrets and TokenSecrets are the names of the Secrets that a ServiceAccount lists.
	PullSecrets, TokenSecrets []string
	// TokenOf is the ServiceAccount of a long-lived token in a Secret; empty for other Secrets and for invalidated tokens.
	TokenOf string
}

// EventNode is the newest of similar Events: same object, reason, field and first words of the message.
type EventNode struct {
	// About is the involved object.
	About Ref
	// AboutUID distinguishes an object from an earlier one of the same name; may be empty.
	AboutUID string
	// FieldPath within the object, for example spec.containers{api}.
	FieldPath string
	Reason    string
	Message   string
	Component string
	Count     int32
	First     time.Time
	Last      time.Time
}
