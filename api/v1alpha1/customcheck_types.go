package v1alpha1

// Constants of custom checks.
const (
	// ReasonInvalidCustomCheck: a check in spec.customChecks does not compile; the message contains the position.
	ReasonInvalidCustomCheck = "InvalidCustomCheck"
	// CustomCheckPrefix precedes the id of a custom check in findings, gaps, spec.checks and spec.ignore. No built-in check
	// has this prefix.
	CustomCheckPrefix = "custom-"
	// MaxCustomChecks is the maximum number of custom checks of an Inspection.
	MaxCustomChecks = 32
)

// CustomResource selects the resource that a custom check evaluates, in the terms of RBAC.
// +kubebuilder:validation:XValidation:rule="self.resource != 'secrets' || (has(self.group) && size(self.group) > 0)",message="custom checks cannot read Secrets, because their values could appear in a report"
type CustomResource struct {
	// group of the API. Empty for the core group, which has Pods and Namespaces.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$`
	// +optional
	Group string `json:"group,omitempty"`
	// version of the API, for example v1. Defaults to the version that the cluster prefers.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`
	// +optional
	Version string `json:"version,omitempty"`
	// resource is the lowercase plural name, for example deployments. `kubectl api-resources` lists them.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Resource string `json:"resource"`
}

// CustomCheck is a user-defined check: a CEL expression that is true for every compliant object.
//
// Expressions can use the variables object (the whole object), facts (what KubeOps knows about its surroundings, such as
// facts.namespaceLabels, facts.owner and facts.pods) and now (the start time of the inspection), and the CEL functions of
// Kubernetes. The cost of each expression is limited.
// +kubebuilder:validation:XValidation:rule="has(self.message) || has(self.messageExpression)",message="set at least one of message and messageExpression"
type CustomCheck struct {
	// id in kebab-case, unique in the list. Findings, spec.checks and spec.ignore use custom-<id>.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=53
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+(-[a-z0-9]+)*$`
	ID string `json:"id"`
	// resource that the check evaluates. The ServiceAccount of the Inspection needs list on it.
	Resource CustomResource `json:"resource"`
	// match is a CEL expression that selects the objects to evaluate: those for which it is true. Defaults to all objects.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	Match string `json:"match,omitempty"`
	// expression is a CEL expression. True means that the object is compliant, as in a ValidatingAdmissionPolicy; false is
	// a finding.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	Expression string `json:"expression"`
	// message describes the problem of an object for which expression is false.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Message string `json:"message,omitempty"`
	// messageExpression is a CEL expression that returns the message. message is used if it returns no text. Do not include
	// values that change from run to run, such as times and counts. Limited to 512 characters.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	MessageExpression string `json:"messageExpression,omitempty"`
	// severity of the findings: critical, high, medium, low or info. Defaults to medium.
	// +kubebuilder:default=medium
	// +optional
	Severity Severity `json:"severity,omitempty"`
	// category of the findings: reliability, security, configuration, capacity or cost. Defaults to configuration.
	// +kubebuilder:default=configuration
	// +optional
	Category Category `json:"category,omitempty"`
	// class of the findings: Problem or Recommendation. Defaults to Problem for category reliability, and to Recommendation
	// for others.
	// +optional
	Class FindingClass `json:"class,omitempty"`
	// remediation describes how to fix a finding.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Remediation string `json:"remediation,omitempty"`
	// link to a page with more information, https only. It is appended to the remediation.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^https://[^\s]+$`
	// +optional
	Link string `json:"link,omitempty"`
}

// CheckID returns the id of the check in findings, gaps and selections.
func (c *CustomCheck) CheckID() string { return CustomCheckPrefix + c.ID }
