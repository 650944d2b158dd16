package v1alpha1

// Reasons of the conditions of back ends that take no part in Ready.
const (
	// ReasonNoReceivers: the Alertmanager answers and has no receiver, so nobody is told of an alert.
	ReasonNoReceivers = "NoReceivers"
	// ReasonRetentionMatches: the back end keeps logs as long as spec.retention asks for.
	ReasonRetentionMatches = "RetentionMatches"
	// ReasonRetentionTooShort: the back end deletes logs before spec.retention is over.
	ReasonRetentionTooShort = "RetentionTooShort"
	// ReasonRetentionTooLong: the back end keeps logs for longer than spec.retention asks for.
	ReasonRetentionTooLong = "RetentionTooLong"
	// ReasonRetentionUnknown: the back end does not tell how long it keeps logs.
	ReasonRetentionUnknown = "RetentionUnknown"
	// ReasonFieldConflict: an object that KubeOps would write has fields that somebody else owns.
	ReasonFieldConflict = "FieldConflict"
	// ReasonNotAvailable: the manager does not have what the spec asks for.
	ReasonNotAvailable = "NotAvailable"
)
