package v1alpha1

// Condition types that every KubeOps kind uses, with the meaning that kstatus gives them, so that `kubectl wait`,
// Argo CD and Flux read the health of a resource without a plugin.
const (
	// ConditionReady is True once the observed generation was carried out, False when it could not be.
	ConditionReady = "Ready"
	// ConditionReconciling is True while work goes on or will be tried again; it is removed when there is none.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when only a change by the user can help; it is removed otherwise.
	ConditionStalled = "Stalled"
)

// Reasons that any kind may give.
const (
	// ReasonSucceeded says that the resource was carried out.
	ReasonSucceeded = "Succeeded"
	// ReasonSuspended says that spec.suspend is set, and nothing is done.
	ReasonSuspended = "Suspended"
	// ReasonProgressing says that work for this generation or request is under way.
	ReasonProgressing = "Progressing"
	// ReasonRetrying says that something outside failed and is tried again by itself.
	ReasonRetrying = "Retrying"
	// ReasonInvalidSpec says that the spec asks for something impossible; the message names the field.
	ReasonInvalidSpec = "InvalidSpec"
)

// Annotations and labels that KubeOps reads or sets.
const (
	// AnnotationRequestedAt asks for a run now: any value that was not handled before starts one.
	AnnotationRequestedAt = "kubeops.io/requested-at"
	// LabelInspection on an InspectionReport names the Inspection that made it. A name over 63 characters is cut there
	// and ends in a hash.
	LabelInspection = "kubeops.io/inspection"
	// LabelUndelivered is "true" on an InspectionReport that a NotificationChannel has still to tell of. Such a report is kept
	// for UndeliveredFor at least, whatever spec.keepReports says.
	LabelUndelivered = "kubeops.io/undelivered"
)
