package facts

import "time"

// WorkloadNode is a Deployment, ReplicaSet, StatefulSet, DaemonSet or ReplicationController.
type WorkloadNode struct {
	Meta
	// Selector of its Pods.
	Selector Selector
	// Desired replicas; for a DaemonSet the nodes that should run it.
	Desired int32
	// Current, Updated, Ready and Available replicas as the status tells.
	Current, Updated, Ready, Available int32
	// Misscheduled is for DaemonSets: Pods on nodes that should not run it.
	Misscheduled int32
	// Paused rollouts of Deployments.
	Paused bool
	// ProgressDeadline of a Deployment; zero where it has none.
	ProgressDeadline time.Duration
	// Revision strings of a StatefulSet, to see an update under way.
	CurrentRevision, UpdateRevision string
	// OnDelete update strategy of StatefulSets and DaemonSets: Pods are updated only when a person deletes them.
	OnDelete bool
	// Partition of a StatefulSet's rolling update: that many Pods, the lowest ordinals, are meant to stay as they are.
	Partition int32
	// Changed is when it was last written outside its status.
	Changed time.Time
	// ServiceName that governs a StatefulSet.
	ServiceName string
	// VolumeClaims are the names of the claim templates of a StatefulSet, and of their storage classes ("" = default).
	VolumeClaims []string
	// Strategy of a Deployment: RollingUpdate or Recreate. MaxUnavailable and MaxSurge as written; empty when not set.
	Strategy, MaxUnavailable, MaxSurge string
	// RevisionHistory is how many old ReplicaSets a Deployment keeps; -1 where it has no such number.
	RevisionHistory int32
	// ReplicasWriter is the client whose manifest sets spec.replicas, and so sets it again each time it is applied; empty
	// where none is known.
	ReplicasWriter string
	// MinReadySeconds of the spec.
	MinReadySeconds int32
	// Template is what its Pods need, TemplateLabels the labels they get.
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
	// TTL after which a finished Job is deleted; -1 when it stays.
	TTL      time.Duration
	Template *PodSpec
	// TemplateLabels are the labels that its Pods get.
	TemplateLabels map[string]string
}

// CronJobNode is a CronJob.
type CronJobNode struct {
	Meta
	Schedule, TimeZone         string
	Suspended                  bool
	ConcurrencyPolicy          string
	LastScheduled, LastSuccess time.Time
	// Changed is when it was last written outside its status.
	Changed          time.Time
	Active           int32
	StartingDeadline time.Duration
	// ActiveDeadline of its Jobs; zero where they may run for ever.
	ActiveDeadline time.Duration
	// SuccessfulHistory and FailedHistory are how many finished Jobs are kept; 3 and 1 unless set.
	SuccessfulHistory, FailedHistory int32
	Template                         *PodSpec
	// TemplateLabels are the labels that the Pods of its Jobs get.
	TemplateLabels map[string]string
}

// HPANode is a HorizontalPodAutoscaler.
type HPANode struct {
	Meta
	// Target is what it scales; TargetAPIVersion is the group and version it names.
	Target           Ref
	TargetAPIVersion string
	Min, Max         int32
	Current, Desired int32
	// Metrics are short texts of what it scales on, for example cpu 80%.
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
