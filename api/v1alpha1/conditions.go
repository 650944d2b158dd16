package v1alpha1

// Condition types that every KubeOps kind uses. Their meaning follows kstatus, so `kubectl wait`, Argo CD and Flux can read
// the health of a resource without a plugin.
const (
	// ConditionReady is True when the observed generation was reconciled successfully, and False when it was not.
	ConditionReady = "Ready"
	// ConditionReconciling is True while a reconciliation is in progress or will be retried. It is removed otherwise.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True if a retry cannot help without a change by the user. It is removed otherwise.
	ConditionStalled = "Stalled"
)

// Reasons that all kinds use.
const (
	// ReasonSucceeded: the resource was reconciled.
	ReasonSucceeded = "Succeeded"
	// ReasonSuspended: spec.suspend is true, so the resource is not reconciled.
	ReasonSuspended = "Suspended"
	// ReasonProgressing: work for this generation or request is in progress.
	ReasonProgressing = "Progressing"
	// ReasonRetrying: a dependency failed; KubeOps retries automatically.
	ReasonRetrying = "Retrying"
	// ReasonInvalidSpec: the spec cannot be reconciled; the message contains the field.
	ReasonInvalidSpec = "InvalidSpec"
	// ReasonLimitExceeded: a field of the spec exceeds a limit of the manager's configuration, which the message contains.
	ReasonLimitExceeded = "LimitExceeded"
	// ReasonQuotaExceeded: the namespace exceeds a quota of the manager's configuration, which the message contains.
	ReasonQuotaExceeded = "QuotaExceeded"
)

// Annotations and labels that KubeOps reads or sets.
const (
	// AnnotationTraceID is the ID of the trace of a reconcile on the events that it records, if traces are on.
	AnnotationTraceID = "kubeops.io/trace-id"
	// AnnotationRequestedAt requests a run now. Every value that differs from the last handled one starts a run.
	AnnotationRequestedAt = "kubeops.io/requested-at"
	// LabelInspection on an InspectionReport is the name of its Inspection. A name over 63 characters is shortened and ends
	// in a hash.
	LabelInspection = "kubeops.io/inspection"
	// LabelUndelivered is "true" on an InspectionReport with pending deliveries to a NotificationChannel. Such a report is
	// kept for UndeliveredFor, regardless of spec.keepReports, up to MaxUndelivered of an Inspection.
	LabelUndelivered = "kubeops.io/undelivered"
)

// LeaderElectionLease is the name of the Lease that the working manager holds, in its namespace.
const LeaderElectionLease = "kubeops-manager.kubeops.io"
