package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels and annotations of PipelineRuns.
const (
	// LabelPipeline on a PipelineRun and a Job is the name of its Pipeline. A name over 63 characters is shortened and ends in a hash.
	LabelPipeline = "kubeops.io/pipeline"
	// LabelPipelineRun on a Job is the name of its PipelineRun, shortened as LabelPipeline.
	LabelPipelineRun = "kubeops.io/pipeline-run"
	// LabelStage on a Job is the name of its stage.
	LabelStage = "kubeops.io/stage"
	// AnnotationRunUID on a PipelineRun is its own UID, from before its first stage. A run with the UID of another object was restored from
	// a backup, and never starts.
	AnnotationRunUID = "kubeops.io/run-uid"
	// AnnotationCommitTime on a PipelineRun is when the commit was made that it is about, in RFC 3339. Triggers set it.
	AnnotationCommitTime = "kubeops.io/commit-time"
)

// Defaults of a Pipeline.
const (
	// DefaultPipelineTimeout is the default of spec.timeout.
	DefaultPipelineTimeout = 72 * time.Hour
	// DefaultFinallyTimeout is the default of spec.finallyTimeout.
	DefaultFinallyTimeout = 10 * time.Minute
	// DefaultStageTimeout is the default of the timeout of a stage.
	DefaultStageTimeout = time.Hour
	// DefaultApprovalTimeout is the default of the timeout of an approval stage.
	DefaultApprovalTimeout = 24 * time.Hour
	// MaxStageTimeout is the longest timeout of a stage, and the default of one that waits until a time.
	MaxStageTimeout = 720 * time.Hour
	// DefaultKeepRuns is the default of spec.keepRuns.
	DefaultKeepRuns = 10
	// DefaultStartingDeadline is the default of spec.startingDeadline of a PipelineRun.
	DefaultStartingDeadline = 24 * time.Hour
)

// ConcurrencyPolicy says what happens if a run of a Pipeline is created before the earlier ones ended.
// +kubebuilder:validation:Enum=Allow;Queue;CancelPrevious;ReplaceQueued
type ConcurrencyPolicy string

// Policies of concurrency.
const (
	// ConcurrencyAllow runs them at the same time.
	ConcurrencyAllow ConcurrencyPolicy = "Allow"
	// ConcurrencyQueue runs one after the other, by creation time, then name.
	ConcurrencyQueue ConcurrencyPolicy = "Queue"
	// ConcurrencyCancelPrevious cancels earlier runs, also those in progress.
	ConcurrencyCancelPrevious ConcurrencyPolicy = "CancelPrevious"
	// ConcurrencyReplaceQueued cancels earlier runs that have not started. One in progress ends first.
	ConcurrencyReplaceQueued ConcurrencyPolicy = "ReplaceQueued"
)

// ParameterType is the type of a parameter in expressions.
// +kubebuilder:validation:Enum=string;integer;boolean
type ParameterType string

// Types of parameters.
const (
	ParameterString  ParameterType = "string"
	ParameterInteger ParameterType = "integer"
	ParameterBoolean ParameterType = "boolean"
)

// PipelineParameter declares a parameter of a Pipeline.
type PipelineParameter struct {
	// name of the parameter. Expressions use it as params.NAME.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	Name string `json:"name"`
	// type of the parameter: string, integer or boolean. Defaults to string.
	// +kubebuilder:default=string
	// +optional
	Type ParameterType `json:"type,omitempty"`
	// default value, as text: "3" or "true" for the other types. A parameter without a default is required.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Default *string `json:"default,omitempty"`
	// description of the parameter.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Description string `json:"description,omitempty"`
}

// PipelineSpec defines stages and how to run them.
// +kubebuilder:validation:XValidation:rule="!has(self.finally) || self.finally.all(f, !self.stages.exists(s, s.name == f.name))",message="names of stages must be unique, also between stages and finally"
// +kubebuilder:validation:XValidation:rule="!has(self.finally) || self.finally.all(f, !has(f.after) && !has(f.onFailure))",message="stages of finally run at the same time: they have neither after nor onFailure"
type PipelineSpec struct {
	// suspend keeps new runs from starting. Runs in progress end.
	// +kubebuilder:default=false
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// serviceAccountName is the ServiceAccount, in this namespace, that Jobs are created and read with. Defaults to kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// parameters that a run can set.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=name
	// +optional
	Parameters []PipelineParameter `json:"parameters,omitempty"`
	// stages of the pipeline. A stage starts when the stages of its after have ended.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	// +listType=map
	// +listMapKey=name
	Stages []PipelineStage `json:"stages"`
	// finally are stages that run after all others, also after a failure or a cancellation. They run at the same time. They can make a
	// run fail, but not succeed.
	// +kubebuilder:validation:MaxItems=10
	// +listType=map
	// +listMapKey=name
	// +optional
	Finally []PipelineStage `json:"finally,omitempty"`
	// triggers create runs.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Triggers []PipelineTrigger `json:"triggers,omitempty"`
	// windows are the times in which stages may start. A stage that began in a window is never interrupted. Stages of finally, and
	// rollbacks, start at any time. A window of type deny wins. Default: at any time.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Windows []PipelineWindow `json:"windows,omitempty"`
	// windowOverride lets people with the verb approve on the Pipeline start a stage outside of its windows, by an Approval with a comment.
	// A run starts outside of its windows then, and its stages wait. Defaults to false.
	// +optional
	WindowOverride bool `json:"windowOverride,omitempty"`
	// timeout of all stages of a run together, without finally. Defaults to 72h.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('720h')",message="timeout must be between 1s and 720h"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// finallyTimeout of all stages of finally together. Defaults to 10m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="finallyTimeout must be between 1s and 24h"
	// +optional
	FinallyTimeout *metav1.Duration `json:"finallyTimeout,omitempty"`
	// concurrency says what happens if a run is created before the earlier ones ended. Allow runs them at the same time; Queue runs one
	// after the other; CancelPrevious cancels earlier runs; ReplaceQueued cancels earlier runs that have not started. Defaults to Queue.
	// +kubebuilder:default=Queue
	// +optional
	Concurrency ConcurrencyPolicy `json:"concurrency,omitempty"`
	// keepRuns is the number of ended PipelineRuns to keep. The oldest are deleted first, with their Jobs, except for the newest that
	// succeeded. Defaults to 10.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=10
	// +optional
	KeepRuns int32 `json:"keepRuns,omitempty"`
}

// PipelineStatus is the observed state of a Pipeline.
type PipelineStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastHandledRequest is the last handled value of the annotation kubeops.io/requested-at.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// lastRun is the PipelineRun that was created last.
	// +optional
	LastRun string `json:"lastRun,omitempty"`
	// lastRunPhase is the phase of that run.
	// +optional
	LastRunPhase RunPhase `json:"lastRunPhase,omitempty"`
	// lastSuccessTime is when a run ended last that succeeded.
	// +optional
	LastSuccessTime *metav1.Time `json:"lastSuccessTime,omitempty"`
	// activeRuns is the number of runs in progress.
	// +optional
	ActiveRuns int32 `json:"activeRuns,omitempty"`
	// queuedRuns is the number of runs that wait to start.
	// +optional
	QueuedRuns int32 `json:"queuedRuns,omitempty"`
	// schedules are the triggers of type schedule.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Schedules []ScheduleStatus `json:"schedules,omitempty"`
	// repositories are the triggers of type git.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Repositories []GitTriggerStatus `json:"repositories,omitempty"`
	// triggers of the Pipeline that had deliveries.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Triggers []TriggerStatus `json:"triggers,omitempty"`
}

// Pipeline defines stages that PipelineRuns execute. It is Ready if its stages can be run.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pl,categories=kubeops
// +kubebuilder:printcolumn:name="Last run",type=string,JSONPath=`.status.lastRun`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.lastRunPhase`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Active",type=integer,priority=1,JSONPath=`.status.activeRuns`
// +kubebuilder:printcolumn:name="Queued",type=integer,priority=1,JSONPath=`.status.queuedRuns`
// +kubebuilder:printcolumn:name="Last success",type=date,priority=1,JSONPath=`.status.lastSuccessTime`
type Pipeline struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the stages.
	Spec PipelineSpec `json:"spec"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status PipelineStatus `json:"status,omitempty"`
}

// Account returns serviceAccountName or its default.
func (s *PipelineSpec) Account() string {
	if s.ServiceAccountName != "" {
		return s.ServiceAccountName
	}
	return DefaultServiceAccountName
}

// Trigger returns a trigger, or nil.
func (s *PipelineSpec) Trigger(name string) *PipelineTrigger {
	for i := range s.Triggers {
		if s.Triggers[i].Name == name {
			return &s.Triggers[i]
		}
	}
	return nil
}

// RunTimeout returns timeout or its default.
func (s *PipelineSpec) RunTimeout() time.Duration {
	return durationOr(s.Timeout, DefaultPipelineTimeout)
}

// FinallyPeriod returns finallyTimeout or its default.
func (s *PipelineSpec) FinallyPeriod() time.Duration {
	return durationOr(s.FinallyTimeout, DefaultFinallyTimeout)
}

func durationOr(d *metav1.Duration, otherwise time.Duration) time.Duration {
	if d != nil {
		return d.Duration
	}
	return otherwise
}

// PipelineList is a list of Pipelines.
//
// +kubebuilder:object:root=true
type PipelineList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Pipeline `json:"items"`
}
