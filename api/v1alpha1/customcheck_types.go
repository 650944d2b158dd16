package v1alpha1

// What clients know of custom checks.
const (
	// ReasonInvalidCustomCheck: spec.customChecks has a check that cannot be understood; the message says where.
	ReasonInvalidCustomCheck = "InvalidCustomCheck"
	// CustomCheckPrefix stands before the id of a custom check wherever checks are named: in findings, gaps, spec.checks and
	// spec.ignore. No built-in check begins with it.
	CustomCheckPrefix = "custom-"
	// MaxCustomChecks is how many custom checks an Inspection may have.
	MaxCustomChecks = 32
)

// CustomResource names what a custom check judges, as RBAC does.
// +kubebuilder:validation:XValidation:rule="self.resource != 'secrets' || (has(self.group) && size(self.group) > 0)",message="custom checks do not read Secrets, since their values could end in a report"
type CustomResource struct {
	// group of the API; empty for the core group, that of Pods and Namespaces.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$`
	// +optional
	Group string `json:"group,omitempty"`
	// version to read the objects at, for example v1. Default: the one that the cluster prefers.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`
	// +optional
	Version string `json:"version,omitempty"`
	// resource is the plural in lower case, for example deployments; `kubectl api-resources` lists them.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Resource string `json:"resource"`
}

// CustomCheck is a check of one's own: a CEL expression that is true for every object that is in order.
//
// Expressions have the variables object (the whole object), facts (what KubeOps knows of its surroundings, such as
// facts.namespaceLabels, facts.owner and facts.pods) and now (the time of the inspection), and the functions that
// Kubernetes has in its own CEL. The cost of each is limited.
// +kubebuilder:validation:XValidation:rule="has(self.message) || has(self.messageExpression)",message="set message or messageExpression, so that a finding says what is wrong"
type CustomCheck struct {
	// id in kebab-case, unique in the list. Findings, spec.checks and spec.ignore name the check custom-<id>.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=53
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+(-[a-z0-9]+)*$`
	ID string `json:"id"`
	// resource that is judged. The inspection's ServiceAccount must be allowed to list it.
	Resource CustomResource `json:"resource"`
	// match is a CEL expression that says which objects the check is about: only where it is true is the object judged.
	// Default: all.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	Match string `json:"match,omitempty"`
	// expression in CEL. True means that the object is in order, as in a ValidatingAdmissionPolicy; false is a finding.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Expression string `json:"expression"`
	// message says what is wrong with an object for which the expression is false.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Message string `json:"message,omitempty"`
	// messageExpression is a CEL expression that makes the message, from the same variables; message is used where it gives
	// no text. Keep what changes from run to run, such as times and counts, out of it. At most 512 characters are kept.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	MessageExpression string `json:"messageExpression,omitempty"`
	// severity of the findings: critical, high, medium, low or info. Default medium.
	// +kubebuilder:default=medium
	// +optional
	Severity Severity `json:"severity,omitempty"`
	// category of the findings: reliability, security, configuration, capacity or cost. Default configuration.
	// +kubebuilder:default=configuration
	// +optional
	Category Category `json:"category,omitempty"`
	// remediation says what to do about a finding.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Remediation string `json:"remediation,omitempty"`
	// link to a page that says more; https only. It stands behind the remediation.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^https://[^\s]+$`
	// +optional
	Link string `json:"link,omitempty"`
}

// CheckID is the id under which findings, gaps and selections name the check.
func (c *CustomCheck) CheckID() string { return CustomCheckPrefix + c.ID }
