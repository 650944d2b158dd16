package v1alpha1

// Reasons of Pipelines, PipelineRuns and their stages.
const (
	// ReasonInvalidPipeline: the stages cannot be run, such as a cycle or a reference to a stage that does not exist.
	ReasonInvalidPipeline = "InvalidPipeline"
	// ReasonInvalidExpression: a CEL expression does not compile, or uses a value that does not exist when it is evaluated.
	ReasonInvalidExpression = "InvalidExpression"
	// ReasonInvalidParameter: a parameter of a run or of a build is missing, unknown or not of its type.
	ReasonInvalidParameter = "InvalidParameter"
	// ReasonPipelineNotFound: the Pipeline of the run does not exist.
	ReasonPipelineNotFound = "PipelineNotFound"
	// ReasonQueued: an earlier run of the Pipeline has not ended.
	ReasonQueued = "Queued"
	// ReasonReplaced: a later run of the Pipeline replaced this one (spec.concurrency).
	ReasonReplaced = "Replaced"
	// ReasonExpired: the run did not start within spec.startingDeadline, or it was restored from a backup. It never starts.
	ReasonExpired = "Expired"
	// ReasonCanceled: spec.cancel of the run is set.
	ReasonCanceled = "Canceled"
	// ReasonStageFailed: a stage of the run did not succeed.
	ReasonStageFailed = "StageFailed"
	// ReasonRunTimedOut: the run did not end within spec.timeout of its Pipeline.
	ReasonRunTimedOut = "RunTimedOut"
	// ReasonRevisionNotFound: the stored spec of the run was deleted while it was in progress.
	ReasonRevisionNotFound = "RevisionNotFound"

	// ReasonConditionFalse: the expression in when is false.
	ReasonConditionFalse = "ConditionFalse"
	// ReasonEarlierStageFailed: a stage failed before this one started, and its onFailure is stop.
	ReasonEarlierStageFailed = "EarlierStageFailed"
	// ReasonOutputNotAvailable: an expression uses an output of a stage that did not succeed.
	ReasonOutputNotAvailable = "OutputNotAvailable"
	// ReasonOutputInvalid: an output that the stage declares is missing, too large, or looks like a secret.
	ReasonOutputInvalid = "OutputInvalid"
	// ReasonTriggerUnknown: it cannot be determined whether the work of the stage was started. It is not started again: look for the key of
	// the stage, and retry the stage if it is not there.
	ReasonTriggerUnknown = "TriggerUnknown"
	// ReasonStageTimedOut: the stage did not end within its timeout.
	ReasonStageTimedOut = "StageTimedOut"
	// ReasonStopping: the work of the stage was asked to end, and has not ended.
	ReasonStopping = "Stopping"
	// ReasonRetryScheduled: the attempt failed, and the next one follows.
	ReasonRetryScheduled = "RetryScheduled"
	// ReasonLost: the work of the stage no longer exists, and its result is unknown.
	ReasonLost = "Lost"

	// ReasonAwaitingApproval: the stage waits for Approvals.
	ReasonAwaitingApproval = "AwaitingApproval"
	// ReasonApprovalExpired: the stage was not approved within its timeout.
	ReasonApprovalExpired = "ApprovalExpired"
	// ReasonApprovalRejected: a person with the permission to approve rejected the stage.
	ReasonApprovalRejected = "ApprovalRejected"
	// ReasonApprovalPolicyMissing: the ValidatingAdmissionPolicy kubeops-approvals is not in effect, so Approvals prove nothing.
	ReasonApprovalPolicyMissing = "ApprovalPolicyMissing"
	// ReasonInvalidJob: the template of the stage is no valid Job.
	ReasonInvalidJob = "InvalidJob"
	// ReasonJobForbidden: the ServiceAccount of the Pipeline, or the manager on its behalf, cannot access Jobs (RBAC).
	ReasonJobForbidden = "JobForbidden"
	// ReasonJobFailed: the Job failed.
	ReasonJobFailed = "JobFailed"

	// ReasonBranchNotFound: the branch does not exist in the Git repository.
	ReasonBranchNotFound = "BranchNotFound"
	// ReasonBranchMoved: others push to the branch all the time. The commit is tried again.
	ReasonBranchMoved = "BranchMoved"
	// ReasonPushDeclined: a rule or a hook of the Git server declined the push. The message has what the server said.
	ReasonPushDeclined = "PushDeclined"
	// ReasonHostKeyUnknown: the SSH server has another host key than those of known_hosts.
	ReasonHostKeyUnknown = "HostKeyUnknown"
	// ReasonFileNotEditable: a file of the repository does not exist, or the change cannot be made without changing something else.
	ReasonFileNotEditable = "FileNotEditable"
	// ReasonValuesChanged: the rollback of a stage left values alone that someone else changed after the stage.
	ReasonValuesChanged = "ValuesChanged"
	// ReasonHistoryNotAvailable: the state from before a stage can no longer be read, so the stage was not rolled back.
	ReasonHistoryNotAvailable = "HistoryNotAvailable"
	// ReasonDeployedByOthers: the rollback of a deployment left an application alone that someone else deployed after the stage.
	ReasonDeployedByOthers = "DeployedByOthers"
	// ReasonCommitNotRolledBack: the application is synced automatically, and the commit that it deployed was not rolled back.
	ReasonCommitNotRolledBack = "CommitNotRolledBack"

	// ReasonBuildFailed: the build ended with a failure.
	ReasonBuildFailed = "BuildFailed"
	// ReasonBuildUnstable: the build ended with failed tests, and the stage does not let that pass.
	ReasonBuildUnstable = "BuildUnstable"
	// ReasonBuildAborted: the build was stopped by a person, or by a restart of its server.
	ReasonBuildAborted = "BuildAborted"
	// ReasonImageNotFound: the registry has no image with the tag, or none for the platform.
	ReasonImageNotFound = "ImageNotFound"
	// ReasonNoData: the data that the stage judges by is missing.
	ReasonNoData = "NoData"
	// ReasonConditionNotMet: values of metrics do not meet the condition of the stage.
	ReasonConditionNotMet = "ConditionNotMet"
	// ReasonNewProblems: the inspection found problems that did not exist before the run.
	ReasonNewProblems = "NewProblems"
	// ReasonNewErrors: errors are logged that were not logged before the deployment.
	ReasonNewErrors = "NewErrors"
	// ReasonLogsForbidden: the ServiceAccount of the Pipeline cannot read the logs of Pods in a namespace of the stage (RBAC).
	ReasonLogsForbidden = "LogsForbidden"
	// ReasonBackendNotFound: the MetricsBackend or LogBackend of the stage does not exist.
	ReasonBackendNotFound = "BackendNotFound"
	// ReasonInspectionNotFound: the Inspection of the stage does not exist.
	ReasonInspectionNotFound = "InspectionNotFound"
	// ReasonInspectionForbidden: the ServiceAccount of the Pipeline cannot get or patch the Inspection of the stage (RBAC).
	ReasonInspectionForbidden = "InspectionForbidden"
)
