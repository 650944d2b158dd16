package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// VerbApprove is the verb on pipelines (RBAC) that permits a person to approve or reject stages of their runs.
const VerbApprove = "approve"

// ApprovalDecision is what a person decided.
// +kubebuilder:validation:Enum=Approve;Reject
type ApprovalDecision string

// Decisions.
const (
	// DecisionApprove lets the stage succeed.
	DecisionApprove ApprovalDecision = "Approve"
	// DecisionReject lets the stage fail.
	DecisionReject ApprovalDecision = "Reject"
)

// ApprovalSpec is a decision of a person about an attempt of a stage. It cannot be changed.
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="an Approval cannot be changed; create another one"
type ApprovalSpec struct {
	// pipeline of the run.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Pipeline string `json:"pipeline"`
	// run is the PipelineRun.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Run string `json:"run"`
	// stage of the run.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Stage string `json:"stage"`
	// attempt of the stage.
	// +kubebuilder:validation:Minimum=1
	Attempt int32 `json:"attempt"`
	// digest of what is approved: status.stages[].digest of the run.
	// +kubebuilder:validation:Pattern=`^sha256:[0-9a-f]{64}$`
	Digest string `json:"digest"`
	// approver is the user who decides. The ValidatingAdmissionPolicy kubeops-approvals rejects any other name than that of the user who
	// creates the Approval.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Approver string `json:"approver"`
	// groups of the approver, for permissions that a group has. The policy rejects groups that the user is not in.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=set
	// +optional
	Groups []string `json:"groups,omitempty"`
	// decision: Approve or Reject. Defaults to Approve.
	// +kubebuilder:default=Approve
	// +optional
	Decision ApprovalDecision `json:"decision,omitempty"`
	// comment of the approver. Secrets in it are redacted where it is shown.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Comment string `json:"comment,omitempty"`
}

// Approval is a decision of a person about a stage of a PipelineRun, created with that person's own credentials.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=appr,categories=kubeops
// +kubebuilder:printcolumn:name="Run",type=string,JSONPath=`.spec.run`
// +kubebuilder:printcolumn:name="Stage",type=string,JSONPath=`.spec.stage`
// +kubebuilder:printcolumn:name="Decision",type=string,JSONPath=`.spec.decision`
// +kubebuilder:printcolumn:name="Approver",type=string,JSONPath=`.spec.approver`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Comment",type=string,priority=1,JSONPath=`.spec.comment`
type Approval struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the decision.
	Spec ApprovalSpec `json:"spec"`
}

// ApprovalList is a list of Approvals.
//
// +kubebuilder:object:root=true
type ApprovalList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Approval `json:"items"`
}
