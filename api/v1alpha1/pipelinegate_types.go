package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NotifyStage sends a message to a NotificationChannel, at least once: if it is not known whether the receiver accepted the message, it is
// sent again after 30 s, with the same key. The filter, mode and template of the channel do not apply to it.
type NotifyStage struct {
	// channelRef is the NotificationChannel, in this namespace. It cannot be an Alertmanager, which holds findings only.
	ChannelRef LocalReference `json:"channelRef"`
	// title of the message, one line.
	Title StageText `json:"title"`
	// text of the message. The run and the stage are added to it.
	// +optional
	Text *StageText `json:"text,omitempty"`
}

// NoDataPolicy says what a gate without data means for its stage.
// +kubebuilder:validation:Enum=Fail;Wait;Approve
type NoDataPolicy string

// Policies of missing data.
const (
	// NoDataFail fails the stage.
	NoDataFail NoDataPolicy = "Fail"
	// NoDataWait waits for data until the timeout of the stage.
	NoDataWait NoDataPolicy = "Wait"
	// NoDataApprove waits for an Approval, as a stage of type approval, or for data, until the timeout of the stage.
	NoDataApprove NoDataPolicy = "Approve"
)

// MetricsStage queries a MetricsBackend several times, and compares the values with a limit. The stage fails as soon as more measurements
// than maxFailures are outside of it.
type MetricsStage struct {
	// backendRef is the MetricsBackend, in this namespace.
	BackendRef LocalReference `json:"backendRef"`
	// query in PromQL. Each series of its answer must meet the condition.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Query string `json:"query"`
	// condition that each value meets: an operator and a number, such as < 0.05. Operators are <, <=, >, >=, == and !=.
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(<|<=|>|>=|==|!=) ?-?[0-9]{1,15}(\.[0-9]{1,15})?$`
	Condition string `json:"condition"`
	// interval between two measurements. Defaults to 30s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
	// count of measurements. Defaults to 5.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	Count int32 `json:"count,omitempty"`
	// maxFailures is the number of measurements that may not meet the condition. Defaults to 0.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=99
	// +optional
	MaxFailures int32 `json:"maxFailures,omitempty"`
	// noData says what a measurement without a value means: Fail (default) fails the stage, Wait measures again until the timeout, and
	// Approve does so until a person approves the stage.
	// +optional
	NoData NoDataPolicy `json:"noData,omitempty"`
}

// WorkloadReference names a workload.
type WorkloadReference struct {
	// kind of the workload.
	// +kubebuilder:validation:Enum=Deployment;StatefulSet;DaemonSet;Job;CronJob;Rollout
	Kind string `json:"kind"`
	// namespace of the workload.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace"`
	// name of the workload.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// InspectStage requests a run of an Inspection, and waits for a report whose run began after the stage. It fails on problems that no report
// from before the PipelineRun has. If there is no such report, every problem counts as new.
type InspectStage struct {
	// inspectionRef is the Inspection, in this namespace. Its spec says what is inspected.
	InspectionRef LocalReference `json:"inspectionRef"`
	// severity from which a new problem fails the stage. Defaults to high.
	// +optional
	Severity Severity `json:"severity,omitempty"`
	// namespaces whose problems count. Without namespaces and workloads, all count.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// workloads whose problems count, in addition to those of namespaces.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Workloads []WorkloadReference `json:"workloads,omitempty"`
	// noData says what a report without new problems, but with gaps, means: Fail (default) fails the stage, Wait waits for a later report
	// until the timeout, and Approve waits for a person who approves the stage.
	// +optional
	NoData NoDataPolicy `json:"noData,omitempty"`
}

// Defaults of stages.
const (
	DefaultNotifyTimeout      = 5 * time.Minute
	DefaultMeasurementPeriod  = 30 * time.Second
	DefaultMeasurements       = 5
	defaultInspectionSeverity = SeverityHigh
)

// Period between two measurements.
func (s *MetricsStage) Period() time.Duration {
	return durationOr(s.Interval, DefaultMeasurementPeriod)
}

// Measurements in all.
func (s *MetricsStage) Measurements() int {
	if s.Count > 0 {
		return int(s.Count)
	}
	return DefaultMeasurements
}

// FailsOn is the severity from which a new problem fails the stage.
func (s *InspectStage) FailsOn() Severity {
	if s.Severity == "" {
		return defaultInspectionSeverity
	}
	return s.Severity
}

// Values of a notify stage.
const (
	ValueTitle = "title"
	ValueText  = "text"
)

const (
	// OutputValue is the value of the last measurement of a metrics stage; of several series, the one that is nearest to the limit or
	// furthest beyond it.
	OutputValue = "value"
	// OutputReport is the name of the InspectionReport that an inspect stage judged.
	OutputReport = "report"
)
