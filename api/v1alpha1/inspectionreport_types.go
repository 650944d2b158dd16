package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ReportSummary is a report in a few numbers.
type ReportSummary struct {
	// inspection that made the report.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Inspection string `json:"inspection,omitempty"`
	// trigger that started the run: schedule, request, or generation for a run after the spec changed.
	// +kubebuilder:validation:Enum=schedule;request;generation;cli
	// +optional
	Trigger string `json:"trigger,omitempty"`
	// scheduledTime that the run was for, when a schedule started it.
	// +optional
	ScheduledTime *metav1.Time `json:"scheduledTime,omitempty"`
	// startTime of the run.
	StartTime metav1.Time `json:"startTime"`
	// duration of the run.
	Duration metav1.Duration `json:"duration"`
	// score from 0 to 100; 100 means that nothing was found.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Score int32 `json:"score"`
	// counts of findings by severity.
	Counts SeverityCounts `json:"counts"`
	// rootCauses counts the findings that no other finding explains.
	RootCauses int32 `json:"rootCauses"`
	// changes since the previous report.
	Changes ChangeCounts `json:"changes"`
	// ignored counts the findings that an ignore rule left out.
	// +optional
	Ignored int32 `json:"ignored,omitempty"`
	// objects that were read.
	Objects int32 `json:"objects"`
	// checks that ran.
	ChecksRun int32 `json:"checksRun"`
	// gaps counts what could not be inspected.
	Gaps int32 `json:"gaps"`
	// truncated is set when the report was too large to keep every finding; counts still count them all, and omitted says what
	// was left out.
	// +optional
	Truncated bool `json:"truncated,omitempty"`
}

// InspectionReport is what one run of an Inspection found. It is written once and never changed; explanations are
// added to it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=inspr,categories=kubeops
// +kubebuilder:printcolumn:name="Score",type=integer,JSONPath=`.summary.score`
// +kubebuilder:printcolumn:name="Root Causes",type=integer,JSONPath=`.summary.rootCauses`
// +kubebuilder:printcolumn:name="Critical",type=integer,JSONPath=`.summary.counts.critical`
// +kubebuilder:printcolumn:name="High",type=integer,JSONPath=`.summary.counts.high`
// +kubebuilder:printcolumn:name="New",type=integer,JSONPath=`.summary.changes.new`
// +kubebuilder:printcolumn:name="Fixed",type=integer,JSONPath=`.summary.changes.fixed`
// +kubebuilder:printcolumn:name="Gaps",type=integer,JSONPath=`.summary.gaps`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.summary == oldSelf.summary",message="a report is written once: summary cannot be changed"
// +kubebuilder:validation:XValidation:rule="has(self.findings) == has(oldSelf.findings) && has(self.gaps) == has(oldSelf.gaps) && has(self.omitted) == has(oldSelf.omitted) && has(self.fixed) == has(oldSelf.fixed) && has(self.deliveries) == has(oldSelf.deliveries)",message="a report is written once: findings, gaps, omitted, fixed and deliveries cannot be added or removed"
type InspectionReport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// summary of the report.
	Summary ReportSummary `json:"summary"`
	// findings, root causes first, worst first, each followed by what it explains.
	// +kubebuilder:validation:MaxItems=500
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is written once: findings cannot be changed"
	// +listType=map
	// +listMapKey=id
	// +optional
	Findings []Finding `json:"findings,omitempty"`
	// omitted counts by check what was left out of findings: the report keeps at most 500 findings and 512 KiB of them, worst
	// causes first.
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is written once: omitted cannot be changed"
	// +listType=map
	// +listMapKey=check
	// +optional
	Omitted []OmittedFindings `json:"omitted,omitempty"`
	// fixed findings of the last day, latest first, at most 100: earlier reports had them, and this one has not.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is written once: fixed cannot be changed"
	// +listType=map
	// +listMapKey=id
	// +optional
	Fixed []FixedFinding `json:"fixed,omitempty"`
	// gaps: what could not be inspected, and what to do about it.
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is written once: gaps cannot be changed"
	// +listType=atomic
	// +optional
	Gaps []Gap `json:"gaps,omitempty"`
	// explanations of root causes and of the whole, by the model of spec.ai. They are added after the report was saved, each of
	// them once.
	// +kubebuilder:validation:MaxItems=51
	// +kubebuilder:validation:XValidation:rule="oldSelf.all(o, self.exists(e, e.id == o.id))",message="explanations are added and never taken away"
	// +listType=map
	// +listMapKey=id
	// +optional
	Explanations []Explanation `json:"explanations,omitempty"`
	// deliveries to the NotificationChannels that the Inspection named when the report was saved.
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(d, oldSelf.exists(o, o.channel == d.channel)) && self.size() == oldSelf.size()",message="the channels of a report cannot be changed"
	// +listType=map
	// +listMapKey=channel
	// +optional
	Deliveries []ReportDelivery `json:"deliveries,omitempty"`
}

// InspectionReportList is a list of InspectionReports.
//
// +kubebuilder:object:root=true
type InspectionReportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []InspectionReport `json:"items"`
}
