package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// IgnoredFinding is a finding of the run that an ignore rule excludes from the findings of the report.
type IgnoredFinding struct {
	// id of the finding.
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id"`
	// check that reported the finding.
	// +kubebuilder:validation:MaxLength=63
	Check string `json:"check"`
	// causedBy is the id of the ignored finding that caused it: symptoms of an ignored cause are ignored with it. Empty if a rule matches
	// the finding itself.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	CausedBy string `json:"causedBy,omitempty"`
	// severity of the finding.
	Severity Severity `json:"severity"`
	// cluster of the object, if the report is about several clusters.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// object that has the problem.
	Object ObjectReference `json:"object"`
	// message of the finding, shortened.
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message"`
	// reason of the rule, shortened.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Reason string `json:"reason,omitempty"`
}

// StartingWorkloads are workloads with Pods that are not ready, which is not a finding until it has lasted for a grace period.
type StartingWorkloads struct {
	// workloads is the number of Deployments, StatefulSets, DaemonSets and other owners of such Pods, and of such Pods without an owner.
	// Workloads with a problem in this report do not count.
	Workloads int32 `json:"workloads"`
	// grace is the startup grace of the run.
	Grace metav1.Duration `json:"grace"`
}
