package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ReportSummary has the key figures of a report.
type ReportSummary struct {
	// inspection that created the report.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Inspection string `json:"inspection,omitempty"`
	// trigger of the run: schedule, request, generation (a change of the spec), change (of findings, in mode Continuous) or cli.
	// +kubebuilder:validation:Enum=schedule;request;generation;change;cli
	// +optional
	Trigger string `json:"trigger,omitempty"`
	// scheduledTime of the run, if the schedule triggered it.
	// +optional
	ScheduledTime *metav1.Time `json:"scheduledTime,omitempty"`
	// startTime of the run.
	StartTime metav1.Time `json:"startTime"`
	// duration of the run.
	Duration metav1.Duration `json:"duration"`
	// score from 0 to 100 of the problems. 100 means that no problem was found; recommendations do not affect it. Absent if the
	// run was incomplete: a score of what was read would say nothing about the rest. Of several clusters, it is the lowest score.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	Score *int32 `json:"score,omitempty"`
	// problems is the number of root causes of what does not work, without their symptoms.
	Problems RootCauseCounts `json:"problems"`
	// recommendations is the number of recommendations, without those that are part of the tree of another finding.
	Recommendations RootCauseCounts `json:"recommendations"`
	// counts of all findings by severity, including symptoms.
	Counts SeverityCounts `json:"counts"`
	// changes of all findings since the previous report.
	Changes ChangeCounts `json:"changes"`
	// ignored is the number of findings excluded by ignore rules, including the symptoms of ignored causes.
	// +optional
	Ignored int32 `json:"ignored,omitempty"`
	// starting counts workloads that are not ready and not judged yet, since that has not lasted longer than startupGrace. Absent if
	// there are none.
	// +optional
	Starting *StartingWorkloads `json:"starting,omitempty"`
	// objects is the number of objects read.
	Objects int32 `json:"objects"`
	// checksRun is the number of checks that ran.
	ChecksRun int32 `json:"checksRun"`
	// gaps is the number of gaps.
	Gaps int32 `json:"gaps"`
	// requiredGaps is the number of gaps that are not optional. The run was complete if there are none.
	// +optional
	RequiredGaps int32 `json:"requiredGaps,omitempty"`
	// truncated is true if findings were omitted to limit the size of the report. counts includes them; omitted lists them
	// by check.
	// +optional
	Truncated bool `json:"truncated,omitempty"`
}

// Complete reports whether everything that the run was to inspect was read.
func (s ReportSummary) Complete() bool { return s.Score != nil }

// MaxInspectedClusters is the maximum number of clusters in a report.
const MaxInspectedClusters = 1000

// InspectedCluster is the result of one cluster of a report about several.
type InspectedCluster struct {
	// name of the cluster.
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// version of its API server. Empty if it is unknown.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Version string `json:"version,omitempty"`
	// notInspected is the reason why nothing of the cluster was inspected. Absent if anything was.
	// +optional
	NotInspected GapReason `json:"notInspected,omitempty"`
	// score from 0 to 100 of its problems. Absent if its inspection was incomplete.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +optional
	Score *int32 `json:"score,omitempty"`
	// problems is the number of root causes of what does not work in the cluster.
	Problems RootCauseCounts `json:"problems"`
	// recommendations is the number of recommendations.
	Recommendations int32 `json:"recommendations"`
	// findings is the number of findings, including symptoms.
	Findings int32 `json:"findings"`
	// omitted is the number of findings that did not fit into the report.
	// +optional
	Omitted int32 `json:"omitted,omitempty"`
	// gaps is the number of gaps.
	Gaps int32 `json:"gaps"`
	// requiredGaps is the number of gaps that are not optional.
	// +optional
	RequiredGaps int32 `json:"requiredGaps,omitempty"`
	// objects is the number of objects read.
	Objects int32 `json:"objects"`
	// duration from connecting to the last evidence, without the time in which it waited for a free slot.
	Duration metav1.Duration `json:"duration"`
}

// InspectionReport is the result of one run of an Inspection. It is immutable, except that explanations are added and the
// state of deliveries is updated.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=inspr,categories=kubeops
// +kubebuilder:printcolumn:name="Score",type=integer,JSONPath=`.summary.score`
// +kubebuilder:printcolumn:name="Problems",type=integer,JSONPath=`.summary.problems.total`
// +kubebuilder:printcolumn:name="Recommendations",type=integer,JSONPath=`.summary.recommendations.total`
// +kubebuilder:printcolumn:name="New",type=integer,JSONPath=`.summary.changes.newRootCauses`
// +kubebuilder:printcolumn:name="Fixed",type=integer,JSONPath=`.summary.changes.fixedRootCauses`
// +kubebuilder:printcolumn:name="Gaps",type=integer,JSONPath=`.summary.gaps`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.summary == oldSelf.summary",message="a report is immutable: summary cannot be changed"
// +kubebuilder:validation:XValidation:rule="has(self.findings) == has(oldSelf.findings) && has(self.gaps) == has(oldSelf.gaps) && has(self.omitted) == has(oldSelf.omitted) && has(self.fixed) == has(oldSelf.fixed) && has(self.clusters) == has(oldSelf.clusters) && has(self.deliveries) == has(oldSelf.deliveries)",message="a report is immutable: findings, gaps, omitted, fixed, clusters and deliveries cannot be added or removed"
type InspectionReport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// summary of the report.
	Summary ReportSummary `json:"summary"`
	// findings of the run. Problems come first, then recommendations; in both, root causes are sorted by severity, each
	// followed by the findings that it causes.
	// +kubebuilder:validation:MaxItems=500
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is immutable: findings cannot be changed"
	// +listType=map
	// +listMapKey=id
	// +optional
	Findings []Finding `json:"findings,omitempty"`
	// omitted lists the number of omitted findings by check. A report keeps at most 500 findings with 512 KiB in total, the
	// root causes of problems first, most severe first.
	// +kubebuilder:validation:MaxItems=512
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is immutable: omitted cannot be changed"
	// +listType=map
	// +listMapKey=check
	// +optional
	Omitted []OmittedFindings `json:"omitted,omitempty"`
	// fixed lists findings of earlier reports that this one does not have, for one day, latest first, at most 100.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is immutable: fixed cannot be changed"
	// +listType=map
	// +listMapKey=id
	// +optional
	Fixed []FixedFinding `json:"fixed,omitempty"`
	// unverified lists findings of earlier reports that may persist: the run could not read what their checks need. The next run that can
	// reports them as persisting or fixed. At most 500, worst first.
	// +kubebuilder:validation:MaxItems=500
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is immutable: unverified cannot be changed"
	// +listType=map
	// +listMapKey=id
	// +optional
	Unverified []UnverifiedFinding `json:"unverified,omitempty"`
	// ignored lists the findings that ignore rules exclude, causes before their symptoms. At most 200, worst first; summary.ignored counts
	// all.
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is immutable: ignored cannot be changed"
	// +listType=map
	// +listMapKey=id
	// +optional
	Ignored []IgnoredFinding `json:"ignored,omitempty"`
	// gaps lists what could not be inspected, with the next step.
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is immutable: gaps cannot be changed"
	// +listType=atomic
	// +optional
	Gaps []Gap `json:"gaps,omitempty"`
	// clusters lists the inspected clusters of a report about several, by name.
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a report is immutable: clusters cannot be changed"
	// +listType=map
	// +listMapKey=name
	// +optional
	Clusters []InspectedCluster `json:"clusters,omitempty"`
	// explanations of root causes and of the whole report by the model in spec.ai. They are added after the report was
	// saved.
	// +kubebuilder:validation:MaxItems=51
	// +kubebuilder:validation:XValidation:rule="oldSelf.all(o, self.exists(e, e.id == o.id))",message="explanations cannot be removed"
	// +listType=map
	// +listMapKey=id
	// +optional
	Explanations []Explanation `json:"explanations,omitempty"`
	// deliveries to the NotificationChannels that the Inspection referenced when the report was saved.
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

// NotRead returns the gaps that are not optional. A run with any is incomplete.
func (r *InspectionReport) NotRead() []Gap {
	var required []Gap
	for _, gap := range r.Gaps {
		if !gap.Optional {
			required = append(required, gap)
		}
	}
	return required
}
