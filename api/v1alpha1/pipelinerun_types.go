package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MaxOutputs is the size of all outputs of a stage, names and values, in bytes.
const MaxOutputs = 4096

// RunPhase is the state of a PipelineRun.
// +kubebuilder:validation:Enum=Pending;Waiting;Running;Finishing;Succeeded;Failed;Canceled
type RunPhase string

// Phases of a PipelineRun.
const (
	// RunPending was not looked at.
	RunPending RunPhase = "Pending"
	// RunWaiting waits for earlier runs, for a window, or for its Pipeline, which is suspended.
	RunWaiting RunPhase = "Waiting"
	// RunRunning executes stages.
	RunRunning RunPhase = "Running"
	// RunFinishing executes the stages of finally.
	RunFinishing RunPhase = "Finishing"
	// RunSucceeded is the end: all stages succeeded or were skipped.
	RunSucceeded RunPhase = "Succeeded"
	// RunFailed is the end: a stage did not succeed, or the run could not start.
	RunFailed RunPhase = "Failed"
	// RunCanceled is the end of a run that was canceled or replaced.
	RunCanceled RunPhase = "Canceled"
)

// Ended reports whether a run has ended.
func (p RunPhase) Ended() bool { return p == RunSucceeded || p == RunFailed || p == RunCanceled }

// StagePhase is the state of a stage.
// +kubebuilder:validation:Enum=Waiting;Skipped;Claimed;Submitted;Observing;Verifying;Succeeded;Failed;Canceled;Lost;TimedOut
type StagePhase string

// Phases of a stage.
const (
	// StageWaiting waits for earlier stages, or for its next attempt.
	StageWaiting StagePhase = "Waiting"
	// StageSkipped is the end of a stage that does not run.
	StageSkipped StagePhase = "Skipped"
	// StageClaimed has a key. Whether its work was started is unknown until it is found.
	StageClaimed StagePhase = "Claimed"
	// StageSubmitted has a handle: its work was started.
	StageSubmitted StagePhase = "Submitted"
	// StageObserving was seen in progress.
	StageObserving StagePhase = "Observing"
	// StageVerifying ended its work, whose result is being checked.
	StageVerifying StagePhase = "Verifying"
	// StageSucceeded is the end of a successful stage.
	StageSucceeded StagePhase = "Succeeded"
	// StageFailed is the end of a stage that failed.
	StageFailed StagePhase = "Failed"
	// StageCanceled is the end of a stage that was stopped because the run was canceled.
	StageCanceled StagePhase = "Canceled"
	// StageLost is the end of a stage whose work no longer exists.
	StageLost StagePhase = "Lost"
	// StageTimedOut is the end of a stage that was stopped at its timeout.
	StageTimedOut StagePhase = "TimedOut"
)

// Ended reports whether a stage has ended.
func (p StagePhase) Ended() bool {
	switch p {
	case StageSkipped, StageSucceeded, StageFailed, StageCanceled, StageLost, StageTimedOut:
		return true
	}
	return false
}

// Failed reports whether a stage ended without success, and was not skipped.
func (p StagePhase) Failed() bool { return p.Ended() && p != StageSkipped && p != StageSucceeded }

// ParameterValue is the value of a parameter.
type ParameterValue struct {
	// name of the parameter.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	Name string `json:"name"`
	// value as text, such as "3" or "true".
	// +kubebuilder:validation:MaxLength=1024
	Value string `json:"value"`
}

// StageAttempt requests another attempt of a stage.
type StageAttempt struct {
	// stage to repeat.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Stage string `json:"stage"`
	// attempt is one more than status.stages[].attempt. A lower number has been handled.
	// +kubebuilder:validation:Minimum=1
	Attempt int32 `json:"attempt"`
}

// PipelineRunSpec defines a run. Only cancel and retries can be changed.
// +kubebuilder:validation:XValidation:rule="self.pipelineRef == oldSelf.pipelineRef",message="pipelineRef cannot be changed; create another PipelineRun"
// +kubebuilder:validation:XValidation:rule="has(self.parameters) == has(oldSelf.parameters) && (!has(self.parameters) || self.parameters == oldSelf.parameters)",message="parameters cannot be changed; create another PipelineRun"
// +kubebuilder:validation:XValidation:rule="has(self.requestedBy) == has(oldSelf.requestedBy) && (!has(self.requestedBy) || self.requestedBy == oldSelf.requestedBy)",message="requestedBy cannot be changed"
// +kubebuilder:validation:XValidation:rule="has(self.requestedAt) == has(oldSelf.requestedAt) && (!has(self.requestedAt) || self.requestedAt == oldSelf.requestedAt)",message="requestedAt cannot be changed; create another PipelineRun"
// +kubebuilder:validation:XValidation:rule="has(self.startingDeadline) == has(oldSelf.startingDeadline) && (!has(self.startingDeadline) || self.startingDeadline == oldSelf.startingDeadline)",message="startingDeadline cannot be changed"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.cancel) || !oldSelf.cancel || (has(self.cancel) && self.cancel)",message="cancel cannot be undone; create another PipelineRun"
type PipelineRunSpec struct {
	// pipelineRef is the Pipeline, in this namespace. The run uses its spec as it is when the run starts.
	PipelineRef LocalReference `json:"pipelineRef"`
	// parameters of the run. Those that are missing have their defaults.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=name
	// +optional
	Parameters []ParameterValue `json:"parameters,omitempty"`
	// requestedBy is the user who requested the run, as the API server authenticated them. The ValidatingAdmissionPolicy
	// kubeops-requesters rejects another name. A run without it, such as
	// one of a trigger, needs one more approval at each stage without allowSelf.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	RequestedBy string `json:"requestedBy,omitempty"`
	// requestedAt is when the run was requested. Defaults to its creation time. A run that is restored from a backup keeps it, and expires.
	// +optional
	RequestedAt *metav1.Time `json:"requestedAt,omitempty"`
	// startingDeadline is how long after requestedAt the run can start. It is Failed with reason Expired then, also
	// if it waits for earlier runs. Defaults to 24h.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('720h')",message="startingDeadline must be between 1s and 720h"
	// +optional
	StartingDeadline *metav1.Duration `json:"startingDeadline,omitempty"`
	// cancel ends the run: stages in progress are stopped, no other starts, and those of finally run. It cannot be undone.
	// +optional
	Cancel bool `json:"cancel,omitempty"`
	// retries request another attempt of stages of a run that is Failed. The stages that were skipped because of the failure run, too, and
	// so do those of finally.
	// +kubebuilder:validation:MaxItems=60
	// +listType=map
	// +listMapKey=stage
	// +optional
	Retries []StageAttempt `json:"retries,omitempty"`
}

// StageStatus is the observed state of a stage.
type StageStatus struct {
	// name of the stage.
	Name string `json:"name"`
	// type of the stage.
	Type StageType `json:"type"`
	// after are the stages that end before this one starts.
	// +listType=atomic
	// +optional
	After []string `json:"after,omitempty"`
	// finally is true for a stage of finally.
	// +optional
	Finally bool `json:"finally,omitempty"`
	// phase of the stage.
	Phase StagePhase `json:"phase"`
	// reason of the phase, in CamelCase.
	// +optional
	Reason string `json:"reason,omitempty"`
	// message for people.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
	// attempt that is in progress, or was last, from 1.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`
	// key of the attempt, which its work carries: the name of its Job, for example.
	// +optional
	Key string `json:"key,omitempty"`
	// triggers is the number of times that the work of the attempt may have been requested. A second time follows only after it was
	// proven that the work is not there. 0 of a Claimed stage means that nothing was requested, since it waits for something.
	// +optional
	Triggers int32 `json:"triggers,omitempty"`
	// startTime of the attempt.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// firstStartTime is the startTime of the first attempt.
	// +optional
	FirstStartTime *metav1.Time `json:"firstStartTime,omitempty"`
	// completionTime of the attempt.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// nextOpening is when a stage that waits for a window of its Pipeline can start.
	// +optional
	NextOpening *metav1.Time `json:"nextOpening,omitempty"`
	// handle of the work at the system that does it.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Handle string `json:"handle,omitempty"`
	// externalURL of the work for people.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	ExternalURL string `json:"externalURL,omitempty"`
	// digest of what the attempt was given: the spec of the run, its parameters, and the outputs of earlier stages. Approvals must have it.
	// +optional
	Digest string `json:"digest,omitempty"`
	// outputs of the stage, at most 4 KiB.
	// +optional
	Outputs map[string]string `json:"outputs,omitempty"`
	// diagnosis of a failed stage, such as its last log lines. Secrets are redacted.
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=atomic
	// +optional
	Diagnosis []string `json:"diagnosis,omitempty"`
	// absentSince is when the work was first looked for and not found.
	// +optional
	AbsentSince *metav1.Time `json:"absentSince,omitempty"`
	// retryTime is when the next attempt can start, or when a Claimed stage that waits for something is tried again.
	// +optional
	RetryTime *metav1.Time `json:"retryTime,omitempty"`
	// stopping is the phase that the stage will have when its work has been stopped.
	// +optional
	Stopping StagePhase `json:"stopping,omitempty"`
	// stopTime is when the work was first asked to stop.
	// +optional
	StopTime *metav1.Time `json:"stopTime,omitempty"`
	// previous is the state that the work of the stage replaces, such as the revision of a branch. It is recorded before the change.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Previous string `json:"previous,omitempty"`
	// override is who let the attempt start outside of the windows of the Pipeline, and why.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Override string `json:"override,omitempty"`
	// previousAttempt is the attempt that recorded previous.
	// +optional
	PreviousAttempt int32 `json:"previousAttempt,omitempty"`
	// rollback of the stage, if the run was rolled back.
	// +optional
	Rollback *RollbackStatus `json:"rollback,omitempty"`
}

// RollbackStatus is the observed state of the rollback of a stage.
type RollbackStatus struct {
	// phase of the rollback. Failed means that the work of the stage was not undone.
	Phase StagePhase `json:"phase"`
	// reason of the phase, in CamelCase.
	// +optional
	Reason string `json:"reason,omitempty"`
	// message for people.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
	// revision that the rollback resulted in, such as its commit.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Revision string `json:"revision,omitempty"`
	// key of the rollback, which its work carries.
	// +optional
	Key string `json:"key,omitempty"`
	// triggers is the number of times that the rollback may have been requested, as that of a stage.
	// +optional
	Triggers int32 `json:"triggers,omitempty"`
	// startTime of the rollback.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// completionTime of the rollback.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// handle of the rollback at the system that does it.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Handle string `json:"handle,omitempty"`
	// absentSince is when the rollback was first looked for and not found.
	// +optional
	AbsentSince *metav1.Time `json:"absentSince,omitempty"`
	// stopping is the phase that the rollback will have when it has been stopped.
	// +optional
	Stopping StagePhase `json:"stopping,omitempty"`
	// stopTime is when the rollback was first asked to stop.
	// +optional
	StopTime *metav1.Time `json:"stopTime,omitempty"`
}

// PipelineRunStatus is the observed state of a PipelineRun.
type PipelineRunStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled. Ready is True if the run succeeded.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastHandledRequest is the last handled value of the annotation kubeops.io/requested-at.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// phase of the run.
	// +optional
	Phase RunPhase `json:"phase,omitempty"`
	// result of the stages, without finally. It is set when finally starts.
	// +optional
	Result RunPhase `json:"result,omitempty"`
	// nextOpening is when a run that waits for a window of its Pipeline can start.
	// +optional
	NextOpening *metav1.Time `json:"nextOpening,omitempty"`
	// startTime is when the first stage could start.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`
	// deadline of all stages, without finally.
	// +optional
	Deadline *metav1.Time `json:"deadline,omitempty"`
	// finallyDeadline of the stages of finally.
	// +optional
	FinallyDeadline *metav1.Time `json:"finallyDeadline,omitempty"`
	// completionTime is when the run ended.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
	// commitTime is when the commit was made that the run was triggered by, as the repository or the webhook has it.
	// +optional
	CommitTime *metav1.Time `json:"commitTime,omitempty"`
	// delivery is what the run deployed, for the metrics of its Pipeline. It is set when the run ends.
	// +optional
	Delivery *DeliveryStatus `json:"delivery,omitempty"`
	// revision is the ControllerRevision with the spec of the Pipeline that the run uses.
	// +optional
	Revision string `json:"revision,omitempty"`
	// specDigest of that spec.
	// +optional
	SpecDigest string `json:"specDigest,omitempty"`
	// parameters with their defaults.
	// +listType=map
	// +listMapKey=name
	// +optional
	Parameters []ParameterValue `json:"parameters,omitempty"`
	// progress is the number of stages that ended, and of all, for example 2/5.
	// +optional
	Progress string `json:"progress,omitempty"`
	// stages in the order of the Pipeline, those of finally last.
	// +kubebuilder:validation:MaxItems=60
	// +listType=map
	// +listMapKey=name
	// +optional
	Stages []StageStatus `json:"stages,omitempty"`
}

// PipelineRun executes the stages of a Pipeline once. It is Ready when it succeeded. It never starts twice: a run that is restored from a
// backup expires.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=plr,categories=kubeops
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Stages",type=string,JSONPath=`.status.progress`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Pipeline",type=string,priority=1,JSONPath=`.spec.pipelineRef.name`
// +kubebuilder:printcolumn:name="Requested by",type=string,priority=1,JSONPath=`.spec.requestedBy`
// +kubebuilder:printcolumn:name="Ended",type=date,priority=1,JSONPath=`.status.completionTime`
type PipelineRun struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the run.
	Spec PipelineRunSpec `json:"spec"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status PipelineRunStatus `json:"status,omitempty"`
}

// StartBefore is the time after which the run does not start.
func (r *PipelineRun) StartBefore() time.Time {
	requested := r.CreationTimestamp.Time
	if r.Spec.RequestedAt != nil && r.Spec.RequestedAt.Time.Before(requested) {
		requested = r.Spec.RequestedAt.Time
	}
	return requested.Add(durationOr(r.Spec.StartingDeadline, DefaultStartingDeadline))
}

// Stage returns the status of a stage, or nil.
func (s *PipelineRunStatus) Stage(name string) *StageStatus {
	for i := range s.Stages {
		if s.Stages[i].Name == name {
			return &s.Stages[i]
		}
	}
	return nil
}

// PipelineRunList is a list of PipelineRuns.
//
// +kubebuilder:object:root=true
type PipelineRunList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PipelineRun `json:"items"`
}
