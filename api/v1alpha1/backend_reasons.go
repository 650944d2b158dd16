package v1alpha1

// Reasons of backend conditions that do not affect Ready.
const (
	// ReasonNoReceivers: the Alertmanager is available but has no receiver, so alerts reach no one.
	ReasonNoReceivers = "NoReceivers"
	// ReasonRetentionMatches: the retention of the backend equals spec.retention.
	ReasonRetentionMatches = "RetentionMatches"
	// ReasonRetentionTooShort: the backend deletes logs earlier than spec.retention.
	ReasonRetentionTooShort = "RetentionTooShort"
	// ReasonRetentionTooLong: the backend keeps logs longer than spec.retention.
	ReasonRetentionTooLong = "RetentionTooLong"
	// ReasonRetentionUnknown: the backend does not report its retention.
	ReasonRetentionUnknown = "RetentionUnknown"
	// ReasonFieldConflict: another field manager owns fields that KubeOps would set.
	ReasonFieldConflict = "FieldConflict"
	// ReasonNotAvailable: the manager is not configured for what the spec requests.
	ReasonNotAvailable = "NotAvailable"
	// ReasonCollectorUnsupported: the version of the log collector is not known, or it cannot run the route of this LogBackend.
	ReasonCollectorUnsupported = "CollectorUnsupported"
	// ReasonLinesRefused: the backend rejected lines that collectors sent, within the last 5 minutes.
	ReasonLinesRefused = "LinesRefused"
	// ReasonBufferFull: the buffer of a collector was full and lost lines, within the last 5 minutes.
	ReasonBufferFull = "BufferFull"
)
