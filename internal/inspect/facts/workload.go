package facts

import "time"

// WorkloadNode is a Deployment, ReplicaSet, StatefulSet, DaemonSet or ReplicationController.
type WorkloadNode struct {
	Meta
	// OwnerAPIVersion is that of the custom resource which controls a ReplicaSet; empty for others.
	OwnerAPIVersion string
	// Selector of its Pods.
	Selector Selector
	// Desired replicas; the number of eligible nodes for a DaemonSet.
	Desired int32
	// Current, Updated, Ready and Available replicas of the status.
	Current, Updated, Ready, Available int32
	// Misscheduled is for DaemonSets: Pods on nodes that should not run it.
	Misscheduled int32
	// Paused rollouts of Deployments.
	Paused bool
	// ProgressDeadline of a Deployment; zero without one.
	ProgressDeadline time.Duration
	// CurrentRevision and UpdateRevision of a StatefulSet differ during an update.
	CurrentRevision, UpdateRevision string
	// OnDelete is the update strategy of StatefulSets and DaemonSets that updates Pods only when they are deleted.
	OnDelete bool
	// Partition of a StatefulSet's rolling update: Pods with lower ordinals are not updated.
	Partition int32
	// Changed is the last write outside the status.
	Changed time.Time
	// ServiceName that governs a StatefulSet.
	ServiceName string
	// VolumeClaims are the names of the claim templates of a StatefulSet, and of their storage classes ("" = default).
	VolumeClaims []string
	// Strategy of a Deployment: RollingUpdate or Recreate. MaxUnavailable and MaxSurge as written; empty when not set.
	Strategy, MaxUnavailable, MaxSurge string
	// RevisionHistory is revisionHistoryLimit of a Deployment; -1 for other kinds.
	RevisionHistory int32
	// ReplicasWriter is the client whose manifest sets spec.replicas and resets it with each apply; empty when unknown.
	ReplicasWriter string
	// MinReadySeconds of the spec.
	MinReadySeconds int32
	// Template is the spec of its Pods, TemplateLabels their labels.
	Template       *PodSpec
	TemplateLabels map[string]string
}

// JobNode is a Job.
type JobNode struct {
	Meta
	Suspended                 bool
	Active, Succeeded, Failed int32
	Completions, BackoffLimit int32
	ActiveDeadline            time.Duration
	Started, Completed        time.Time
	// TTL after which a finished Job is deleted; -1 without one.
	TTL      time.Duration
	Template *PodSpec
	// TemplateLabels are the labels of its Pods.
	TemplateLabels map[string]string
}

// CronJobNode is a CronJob.
type CronJobNode struct {
	Meta
	Schedule, TimeZone         string
	Suspended                  bool
	ConcurrencyPolicy          string
	LastScheduled, LastSuccess time.Time
	// Changed is the last write outside the status.
	Changed          time.Time
	Active           int32
	StartingDeadline time.Duration
	// ActiveDeadline of its Jobs; zero without one.
	ActiveDeadline time.Duration
	// SuccessfulHistory and FailedHistory are how many finished Jobs are kept; 3 and 1 unless set.
	SuccessfulHistory, FailedHistory int32
	Template                         *PodSpec
	// TemplateLabels are the labels of the Pods of its Jobs.
	TemplateLabels map[string]string
}

// HPANode is a HorizontalPodAutoscaler.
type HPANode struct {
	Meta
	// Target is scaleTargetRef, TargetAPIVersion its apiVersion.
	Target           Ref
	TargetAPIVersion string
	Min, Max         int32
	Current, Desired int32
	// Metrics are short texts of its metrics, for example cpu 80%.
	Metrics []string
	// MetricTypes are Resource, ContainerResource, Pods, Object, External.
	MetricTypes []string
}

// PDBNode is a PodDisruptionBudget.
type PDBNode struct {
	Meta
	Selector Selector
	// MinAvailable and MaxUnavailable as written, for example 2 or 50%; empty when not set.
	MinAvailable, MaxUnavailable                                 string
	DisruptionsAllowed, CurrentHealthy, DesiredHealthy, Expected int32
	// EvictsUnready is unhealthyPodEvictionPolicy AlwaysAllow.
	EvictsUnready bool
}
