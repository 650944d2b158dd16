package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// StageType is what a stage does.
// +kubebuilder:validation:Enum=wait;approval;job;deploy;commit;build;notify;metrics;inspect;image;logs;bundle;quality
type StageType string

// Types of stages.
const (
	// StageWait waits for a time.
	StageWait StageType = "wait"
	// StageApproval waits for people.
	StageApproval StageType = "approval"
	// StageJob runs a Kubernetes Job.
	StageJob StageType = "job"
	// StageDeploy deploys an application.
	StageDeploy StageType = "deploy"
	// StageCommit commits to a Git repository.
	StageCommit StageType = "commit"
	// StageBuild runs a job of a build server.
	StageBuild StageType = "build"
	// StageNotify sends a message to a NotificationChannel.
	StageNotify StageType = "notify"
	// StageMetrics compares values of a MetricsBackend with a limit.
	StageMetrics StageType = "metrics"
	// StageInspect runs an Inspection and looks for new problems.
	StageInspect StageType = "inspect"
	// StageImage looks up the digest of a tag of an image.
	StageImage StageType = "image"
	// StageLogs looks for errors in logs that were not there before the deployment.
	StageLogs StageType = "logs"
	// StageBundle sets the revision of a ResourceBundle.
	StageBundle StageType = "bundle"
	// StageQuality reads the quality gate of an analysis, or a report of a build.
	StageQuality StageType = "quality"
)

// FailurePolicy says what a failed stage means for those that follow.
// +kubebuilder:validation:Enum=stop;continue;rollback
type FailurePolicy string

// Policies of failures.
const (
	// FailureStop starts no further stage.
	FailureStop FailurePolicy = "stop"
	// FailureContinue starts the stages that follow. The run is Failed at its end.
	FailureContinue FailurePolicy = "continue"
	// FailureRollback starts no further stage, and undoes what the run changed, the last change first, before finally.
	FailureRollback FailurePolicy = "rollback"
)

// PipelineStage is a step of a Pipeline.
// +kubebuilder:validation:XValidation:rule="has(self.wait) == (self.type == 'wait')",message="wait must be set if and only if type is wait"
// +kubebuilder:validation:XValidation:rule="has(self.approval) == (self.type == 'approval')",message="approval must be set if and only if type is approval"
// +kubebuilder:validation:XValidation:rule="has(self.job) == (self.type == 'job')",message="job must be set if and only if type is job"
// +kubebuilder:validation:XValidation:rule="has(self.deploy) == (self.type == 'deploy')",message="deploy must be set if and only if type is deploy"
// +kubebuilder:validation:XValidation:rule="has(self.commit) == (self.type == 'commit')",message="commit must be set if and only if type is commit"
// +kubebuilder:validation:XValidation:rule="has(self.build) == (self.type == 'build')",message="build must be set if and only if type is build"
// +kubebuilder:validation:XValidation:rule="has(self.notify) == (self.type == 'notify')",message="notify must be set if and only if type is notify"
// +kubebuilder:validation:XValidation:rule="has(self.metrics) == (self.type == 'metrics')",message="metrics must be set if and only if type is metrics"
// +kubebuilder:validation:XValidation:rule="has(self.inspect) == (self.type == 'inspect')",message="inspect must be set if and only if type is inspect"
// +kubebuilder:validation:XValidation:rule="has(self.image) == (self.type == 'image')",message="image must be set if and only if type is image"
// +kubebuilder:validation:XValidation:rule="has(self.logs) == (self.type == 'logs')",message="logs must be set if and only if type is logs"
// +kubebuilder:validation:XValidation:rule="has(self.bundle) == (self.type == 'bundle')",message="bundle must be set if and only if type is bundle"
// +kubebuilder:validation:XValidation:rule="has(self.quality) == (self.type == 'quality')",message="quality must be set if and only if type is quality"
type PipelineStage struct {
	// name of the stage. Expressions of later stages use it as stages.NAME, with _ in place of -.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// type of the stage: wait, approval, job, deploy, commit, build, notify, metrics, inspect, image, logs, bundle or quality. The
	// field of the same name is required.
	Type StageType `json:"type"`
	// after are the stages that must end first. Stages that do not depend on each other run at the same time. A skipped stage counts as
	// ended.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=40
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	After []string `json:"after,omitempty"`
	// when is a CEL expression of type bool. If it is false, the stage is skipped. It can use params.NAME, stages.NAME.phase and
	// stages.NAME.outputs.KEY of the stages that must end first, and run.failed in finally. Types are checked before the first stage
	// starts.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	When string `json:"when,omitempty"`
	// timeout of each attempt. Defaults to 1h, to 24h for an approval, to 5m for notify, and to 1h more than it takes for wait, metrics and
	// logs. The work of a stage is stopped at its timeout.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('720h')",message="timeout must be between 1s and 720h"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// retry repeats failed attempts. By default there is one attempt.
	// +optional
	Retry *StageRetry `json:"retry,omitempty"`
	// onFailure says what follows if the stage fails: stop starts no further stage; continue starts those that follow; rollback starts no
	// further stage, and once those in progress have ended, undoes the work of the stages of type commit, deploy and bundle in reverse
	// order, before finally. The run is Failed at its end in all cases. A run that is canceled is not rolled back. Defaults to stop.
	// +optional
	OnFailure FailurePolicy `json:"onFailure,omitempty"`

	// wait waits for a time.
	// +optional
	Wait *WaitStage `json:"wait,omitempty"`
	// approval waits for people.
	// +optional
	Approval *ApprovalStage `json:"approval,omitempty"`
	// job runs a Kubernetes Job.
	// +optional
	Job *JobStage `json:"job,omitempty"`
	// deploy deploys an application.
	// +optional
	Deploy *DeployStage `json:"deploy,omitempty"`
	// commit commits to a Git repository.
	// +optional
	Commit *CommitStage `json:"commit,omitempty"`
	// build runs a job of a build server.
	// +optional
	Build *BuildStage `json:"build,omitempty"`
	// notify sends a message.
	// +optional
	Notify *NotifyStage `json:"notify,omitempty"`
	// metrics compares values of a MetricsBackend with a limit.
	// +optional
	Metrics *MetricsStage `json:"metrics,omitempty"`
	// inspect runs an Inspection and fails on new problems.
	// +optional
	Inspect *InspectStage `json:"inspect,omitempty"`
	// image looks up the digest of a tag.
	// +optional
	Image *ImageStage `json:"image,omitempty"`
	// logs looks for new errors.
	// +optional
	Logs *LogsStage `json:"logs,omitempty"`
	// bundle sets the revision of a ResourceBundle.
	// +optional
	Bundle *BundleStage `json:"bundle,omitempty"`
	// quality reads the quality gate of an analysis, or a report of a build.
	// +optional
	Quality *QualityStage `json:"quality,omitempty"`
}

// StageRetry repeats failed attempts of a stage. What only a person can fix is not repeated, and neither is an attempt with reason
// TriggerUnknown.
type StageRetry struct {
	// attempts in all, including the first.
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=10
	Attempts int32 `json:"attempts"`
	// on are the results that are repeated: Failed, TimedOut or Lost. Defaults to Failed.
	// +kubebuilder:validation:MaxItems=3
	// +kubebuilder:validation:XValidation:rule="self.all(r, r in ['Failed', 'TimedOut', 'Lost'])",message="on has Failed, TimedOut or Lost"
	// +listType=set
	// +optional
	On []StagePhase `json:"on,omitempty"`
	// delay before the second attempt, which doubles with each one, up to 10m. Defaults to 10s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('10m')",message="delay must be between 0s and 10m"
	// +optional
	Delay *metav1.Duration `json:"delay,omitempty"`
}

// WaitStage waits for a time.
// +kubebuilder:validation:XValidation:rule="has(self.duration) != has(self.until)",message="set either duration or until"
type WaitStage struct {
	// duration from the start of the stage.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('720h')",message="duration must be between 0s and 720h"
	// +optional
	Duration *metav1.Duration `json:"duration,omitempty"`
	// until a point in time. A time in the past does not wait.
	// +optional
	Until *metav1.Time `json:"until,omitempty"`
}

// ApprovalStage waits for Approvals. A person can approve with the verb approve on the Pipeline (RBAC). A stage that is not approved within
// its timeout is Failed.
type ApprovalStage struct {
	// required is the number of different people who must approve. Defaults to 1.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10
	// +kubebuilder:default=1
	// +optional
	Required int32 `json:"required,omitempty"`
	// allowSelf lets the person who requested the run approve it. If it is false, a run whose requester is unknown, such as one of a
	// trigger, needs one approval more than required: one of them could be that person's. Defaults to false.
	// +optional
	AllowSelf bool `json:"allowSelf,omitempty"`
	// message says what is approved.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Message string `json:"message,omitempty"`
}

// StageValue is a named value that a stage passes on.
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.expression)",message="set either value or expression"
type StageValue struct {
	// name of the value.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	Name string `json:"name"`
	// value as text.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Value *string `json:"value,omitempty"`
	// expression is a CEL expression of type string. It can use the same variables as when.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Expression string `json:"expression,omitempty"`
}

// JobStage runs a Kubernetes Job with the ServiceAccount of the Pipeline. Its name is the key of the stage's attempt, so that there is
// never a second Job of an attempt.
type JobStage struct {
	// template of the Job: metadata with labels and annotations, and spec as in batch/v1. Defaults differ from those of a Job:
	// backoffLimit is 0, since the stage has retry, and restartPolicy is Never. Pods run with serviceAccountName of the Pipeline.
	// +kubebuilder:pruning:PreserveUnknownFields
	Template runtime.RawExtension `json:"template"`
	// env are environment variables of all containers of the Job, in addition to those of the template.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=name
	// +optional
	Env []StageValue `json:"env,omitempty"`
	// outputs are the keys that the Job sets, by lines KEY=VALUE in the termination message of its first container
	// (/dev/termination-log). A stage whose Job ends without one of them is Failed.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	// +listType=set
	// +optional
	Outputs []string `json:"outputs,omitempty"`
}

// StageText is text, or an expression for it.
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.expression)",message="set either value or expression"
type StageText struct {
	// value as text.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Value *string `json:"value,omitempty"`
	// expression is a CEL expression of type string. It can use the same variables as when.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Expression string `json:"expression,omitempty"`
}

// AttemptTimeout returns timeout or its default.
func (s *PipelineStage) AttemptTimeout() time.Duration {
	switch {
	case s.Wait != nil && s.Wait.Duration != nil:
		return durationOr(s.Timeout, s.Wait.Duration.Duration+DefaultStageTimeout)
	case s.Wait != nil:
		return durationOr(s.Timeout, MaxStageTimeout)
	case s.Approval != nil:
		return durationOr(s.Timeout, DefaultApprovalTimeout)
	case s.Notify != nil:
		return durationOr(s.Timeout, DefaultNotifyTimeout)
	case s.Metrics != nil:
		return durationOr(s.Timeout, time.Duration(s.Metrics.Measurements())*s.Metrics.Period()+DefaultStageTimeout)
	case s.Logs != nil:
		return durationOr(s.Timeout, s.Logs.Period()+DefaultStageTimeout)
	}
	return durationOr(s.Timeout, DefaultStageTimeout)
}

// Values that the stage passes on.
func (s *PipelineStage) Values() []StageValue {
	switch {
	case s.Job != nil:
		return s.Job.Env
	case s.Deploy != nil && s.Deploy.Revision != nil:
		return []StageValue{{Name: OutputRevision, Value: s.Deploy.Revision.Value, Expression: s.Deploy.Revision.Expression}}
	case s.Commit != nil:
		return s.Commit.values()
	case s.Build != nil:
		return s.Build.Parameters
	case s.Notify != nil:
		values := []StageValue{{Name: ValueTitle, Value: s.Notify.Title.Value, Expression: s.Notify.Title.Expression}}
		if text := s.Notify.Text; text != nil {
			values = append(values, StageValue{Name: ValueText, Value: text.Value, Expression: text.Expression})
		}
		return values
	case s.Image != nil:
		return []StageValue{{Name: ValueTag, Value: s.Image.Tag.Value, Expression: s.Image.Tag.Expression}}
	case s.Bundle != nil:
		return []StageValue{{Name: OutputRevision, Value: s.Bundle.Revision.Value, Expression: s.Bundle.Revision.Expression}}
	case s.Quality != nil && s.Quality.SonarQube != nil:
		revision := s.Quality.SonarQube.Revision
		return []StageValue{{Name: OutputRevision, Value: revision.Value, Expression: revision.Expression}}
	}
	return nil
}

// Outputs are the keys of the outputs that the stage has when it succeeded.
func (s *PipelineStage) Outputs() []string {
	switch {
	case s.Approval != nil:
		return []string{OutputApprovers}
	case s.Job != nil:
		return s.Job.Outputs
	case s.Deploy != nil, s.Bundle != nil:
		return []string{OutputRevision, OutputPreviousRevision}
	case s.Commit != nil:
		return []string{OutputRevision, OutputPreviousRevision, OutputChanged}
	case s.Build != nil:
		return append([]string{OutputNumber, OutputURL, OutputResult}, s.Build.Outputs...)
	case s.Metrics != nil:
		return []string{OutputValue}
	case s.Inspect != nil:
		return []string{OutputReport}
	case s.Image != nil:
		return []string{OutputDigest, OutputImage}
	case s.Logs != nil:
		return []string{OutputNewErrors}
	case s.Quality != nil && s.Quality.SARIF != nil:
		return s.Quality.SARIF.Levels()
	case s.Quality != nil:
		return []string{OutputGate, OutputAnalysis}
	}
	return nil
}

// Source is the stage of type build whose build the stage reads; empty for others.
func (s *PipelineStage) Source() string {
	if s.Quality != nil && s.Quality.SARIF != nil {
		return s.Quality.SARIF.Stage
	}
	return ""
}

// MissingData is what missing data of a gate means; NoDataFail for other types.
func (s *PipelineStage) MissingData() NoDataPolicy {
	policy := NoDataFail
	switch {
	case s.Metrics != nil && s.Metrics.NoData != "":
		policy = s.Metrics.NoData
	case s.Inspect != nil && s.Inspect.NoData != "":
		policy = s.Inspect.NoData
	case s.Logs != nil && s.Logs.NoData != "":
		policy = s.Logs.NoData
	case s.Quality != nil && s.Quality.NoData != "":
		policy = s.Quality.NoData
	}
	return policy
}

// Outputs of deploy, bundle and commit stages.
const (
	// OutputRevision is the revision that was deployed, or the commit that has the changes.
	OutputRevision = "revision"
	// OutputPreviousRevision is the one before it. It is empty for a first deployment, and the same for a commit without a change.
	OutputPreviousRevision = "previousRevision"
)

// OutputApprovers is the output of an approval stage: the names of the people who approved, separated by commas.
const OutputApprovers = "approvers"
