package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// EarlierFinding is what a report repeats of a finding of an earlier one.
type EarlierFinding struct {
	// id of the finding.
	// +kubebuilder:validation:MaxLength=32
	ID string `json:"id"`
	// check that reported the finding.
	// +kubebuilder:validation:MaxLength=63
	Check string `json:"check"`
	// category of the check.
	// +optional
	Category Category `json:"category,omitempty"`
	// class in the earlier report.
	// +optional
	Class FindingClass `json:"class,omitempty"`
	// causedBy is the id of the finding that caused it. Empty for a root cause.
	// +kubebuilder:validation:MaxLength=32
	// +optional
	CausedBy string `json:"causedBy,omitempty"`
	// severity in the earlier report.
	Severity Severity `json:"severity"`
	// cluster of the object, if the report is about several clusters.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Cluster string `json:"cluster,omitempty"`
	// object that had the problem.
	Object ObjectReference `json:"object"`
	// message of the finding, shortened.
	// +kubebuilder:validation:MaxLength=512
	Message string `json:"message"`
	// returns is how often the finding had returned before.
	// +optional
	Returns int32 `json:"returns,omitempty"`
}

// IsProblem reports whether the class of the finding was Problem.
func (f *EarlierFinding) IsProblem() bool {
	return (&Finding{Class: f.Class, Category: f.Category}).IsProblem()
}

// FixedFinding is a finding of an earlier report that this one does not have.
type FixedFinding struct {
	EarlierFinding `json:",inline"`
	// fixedAt is the time of the first report without the finding.
	FixedAt metav1.Time `json:"fixedAt"`
}

// UnverifiedFinding is a finding of an earlier report whose check could not read what it needs.
type UnverifiedFinding struct {
	EarlierFinding `json:",inline"`
	// firstSeen is the start of the first run that reported the finding.
	// +optional
	FirstSeen *metav1.Time `json:"firstSeen,omitempty"`
}
