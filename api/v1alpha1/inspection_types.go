package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of Inspection conditions.
const (
	// ReasonInvalidSchedule: spec.schedule or spec.timeZone is invalid, or the schedule has no next time.
	ReasonInvalidSchedule = "InvalidSchedule"
	// ReasonUnknownCheck: spec.checks contains a check that does not exist.
	ReasonUnknownCheck = "UnknownCheck"
	// ReasonServiceAccountNotFound: the ServiceAccount of the Inspection does not exist.
	ReasonServiceAccountNotFound = "ServiceAccountNotFound"
	// ReasonImpersonationForbidden: the manager cannot act as the ServiceAccount of the resource (RBAC).
	ReasonImpersonationForbidden = "ImpersonationForbidden"
	// ReasonClusterUnreachable: the API server did not answer, so there is no report.
	ReasonClusterUnreachable = "ClusterUnreachable"
	// ReasonSaveFailed: the report could not be saved.
	ReasonSaveFailed = "SaveFailed"
	// ReasonMemoryLimitExceeded: the run, or the template of a channel, was stopped because it needed more memory than the manager
	// allows.
	ReasonMemoryLimitExceeded = "MemoryLimitExceeded"
	// ReasonDeadlineExceeded: the run was stopped because it did not end within spec.timeout, or the template of a channel because it
	// did not end within 10 s.
	ReasonDeadlineExceeded = "DeadlineExceeded"
	// ReasonAPINotServed: the API that spec.export requires is not installed in the cluster.
	ReasonAPINotServed = "APINotServed"
	// ReasonExportForbidden: the ServiceAccount cannot write the export (RBAC).
	ReasonExportForbidden = "Forbidden"
	// ReasonExportNotRemoved: spec.export was removed, but the exported object could not be deleted.
	ReasonExportNotRemoved = "ExportNotRemoved"
	// ReasonExportFailed: the export failed for another reason, which is in the message.
	ReasonExportFailed = "ExportFailed"
	// ReasonIncomplete: a part of what the last run was to inspect could not be read. Its report lists the gaps and has no score.
	ReasonIncomplete = "Incomplete"
	// ReasonNoClusters: no ManagedCluster matches spec.clusters.
	ReasonNoClusters = "NoClusters"
	// ReasonWorkQueueUnavailable: the work queue of the manager's configuration cannot be used.
	ReasonWorkQueueUnavailable = "WorkQueueUnavailable"
	// ReasonWorkQueueFull: the work queue has no space for another part, or for its result.
	ReasonWorkQueueFull = "WorkQueueFull"
	// ReasonNoWorkers: no worker takes work from the work queue.
	ReasonNoWorkers = "NoWorkers"
	// ReasonWorkersLost: workers began a part many times, and ended without a result.
	ReasonWorkersLost = "WorkersLost"
	// ReasonNamespaceNotFound: no namespace of spec.namespaces exists, so nothing was inspected.
	ReasonNamespaceNotFound = "NamespaceNotFound"
	// ReasonContinuousDisabled: spec.mode is Continuous, which the manager's configuration does not allow.
	ReasonContinuousDisabled = "ContinuousDisabled"
	// ReasonScheduled: the spec is valid and its dependencies exist; the first run waits for the schedule.
	ReasonScheduled = "Scheduled"
)

// ConditionExported is set on an Inspection with spec.export. It is True once the last report was exported, and False with
// a reason and the next step otherwise. It does not affect Ready.
const ConditionExported = "Exported"

// Defaults of an Inspection.
const (
	// DefaultServiceAccountName is the default of spec.serviceAccountName.
	DefaultServiceAccountName = "kubeops"
	// DefaultKeepReports is the default of spec.keepReports.
	DefaultKeepReports = 10
	// DefaultTimeout is the default of spec.timeout.
	DefaultTimeout = 5 * time.Minute
	// DefaultMinInterval is the default of spec.minInterval.
	DefaultMinInterval = time.Minute
	// LocalCluster is the name of the cluster that KubeOps runs in.
	LocalCluster = "local"
)

// InspectionMode says when a cluster is inspected.
// +kubebuilder:validation:Enum=Scheduled;Continuous
type InspectionMode string

// Modes of an Inspection.
const (
	// ModeScheduled reads the cluster in each run.
	ModeScheduled InspectionMode = "Scheduled"
	// ModeContinuous watches the cluster.
	ModeContinuous InspectionMode = "Continuous"
)

// InspectionSpec defines what to inspect, when, and with which permissions.
// +kubebuilder:validation:XValidation:rule="!has(self.logAnalysis) || has(self.logsRef)",message="logAnalysis requires logsRef"
// +kubebuilder:validation:XValidation:rule="!has(self.logLabels) || has(self.logsRef)",message="logLabels requires logsRef"
// +kubebuilder:validation:XValidation:rule="!has(self.clusters) || !has(self.logsRef) || has(self.logLabels) && size(self.logLabels) > 0",message="logsRef with clusters requires logLabels with the labels of the lines of each cluster, such as {cluster: $(cluster.name)}"
// +kubebuilder:validation:XValidation:rule="!has(self.clusters) || !has(self.metricsRef) || has(self.usage) && has(self.usage.matchLabels) && size(self.usage.matchLabels) > 0",message="metricsRef with clusters requires usage.matchLabels with the labels of the series of each cluster, such as {cluster: $(cluster.name)}"
// +kubebuilder:validation:XValidation:rule="!has(self.timeZone) || has(self.schedule)",message="timeZone requires schedule"
// +kubebuilder:validation:XValidation:rule="!has(self.minInterval) || has(self.mode) && self.mode == 'Continuous'",message="minInterval is for mode Continuous"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Continuous' || !has(self.clusters) && !has(self.metricsRef) && !has(self.logsRef) && !has(self.customChecks)",message="clusters, metricsRef, logsRef and customChecks are for mode Scheduled; remove them, or use another Inspection for them"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Continuous' || !has(self.namespaces) || size(self.namespaces) <= 16 && self.namespaces.all(n, !n.contains('*') && !n.contains('?') && !n.contains('['))",message="mode Continuous watches at most 16 namespaces, without globs; remove namespaces to watch all"
type InspectionSpec struct {
	// suspend stops further runs, including requested ones. Reports and status are kept. When it is set
	// to false, the latest request and the latest scheduled time since are run. Without a schedule, that change of the spec
	// starts a run, which also serves the request.
	// +kubebuilder:default=false
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// mode is Scheduled, which reads the cluster in each run, or Continuous, which watches the cluster: status shows a problem within
	// seconds, and a report is saved when findings have changed (see minInterval), at each time of the schedule, for each requested run,
	// and for each change of the spec if there is no schedule. Continuous needs the verb watch on what is inspected, and must be allowed by
	// the manager's configuration (inspections.maxContinuous). Defaults to Scheduled.
	// +optional
	Mode InspectionMode `json:"mode,omitempty"`
	// minInterval is the shortest time between two reports of mode Continuous that are saved because findings have changed. The manager's
	// configuration can set a higher minimum (limits.minScheduleInterval, default 1m). Defaults to 1m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('10s') && duration(self) <= duration('24h')",message="minInterval must be between 10s and 24h"
	// +optional
	MinInterval *metav1.Duration `json:"minInterval,omitempty"`
	// schedule is a cron expression with five fields, or @hourly, @daily, @weekly, @monthly or @every <duration>, which
	// counts from the creation time. As with a CronJob, the first run is at the first scheduled time, only the latest
	// missed time is run, and times skipped by daylight saving are omitted. Without a schedule, the Inspection runs once
	// for each change of its spec. In both cases the annotation kubeops.io/requested-at requests an additional run. Two
	// times must be as far apart as the manager's configuration says (limits.minScheduleInterval, default 1m).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.contains('TZ=')",message="schedule must not contain a time zone; set timeZone"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').filter(f, size(f) > 0).size() == 5",message="schedule must have five fields (minute hour day month weekday) or start with @"
	// +optional
	Schedule string `json:"schedule,omitempty"`
	// timeZone of the schedule, as in the IANA database, for example Europe/Berlin. Requires schedule. Defaults to UTC.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
	// serviceAccountName is the ServiceAccount, in this namespace, whose permissions the inspection uses. Defaults to
	// kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// clusters to inspect instead of the cluster of KubeOps, as ManagedClusters of this namespace, in one report. They are read with the
	// credentials of their kubeconfigs. A cluster that is not connected is a gap.
	// +optional
	Clusters *ClusterSelection `json:"clusters,omitempty"`
	// namespaces to inspect, by name or glob such as shop-*. A glob requires the permission to list Namespaces. A name or glob
	// without a namespace is a gap. Defaults to all namespaces. Cluster-scoped objects, such as Nodes, are inspected only if this
	// is empty.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:Pattern=`^[-a-z0-9*?^\[\]]+$`
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// excludeNamespaces lists namespaces to exclude from the report, by name or glob such as kube-*.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:Pattern=`^[-a-z0-9*?^\[\]]+$`
	// +listType=set
	// +optional
	ExcludeNamespaces []string `json:"excludeNamespaces,omitempty"`
	// checks selects the checks to run. Defaults to all.
	// +optional
	Checks *CheckSelection `json:"checks,omitempty"`
	// customChecks are user-defined checks, written as CEL expressions over single objects. Refer to them in spec.checks as
	// custom-<id>.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=id
	// +optional
	CustomChecks []CustomCheck `json:"customChecks,omitempty"`
	// thresholds set the grace periods of the checks.
	// +optional
	Thresholds *Thresholds `json:"thresholds,omitempty"`
	// allowedRegistries lists the registries, or image name prefixes such as registry.example.com/team, that images may be
	// pulled from. Other images are findings of check image-registry-not-allowed. Images without a registry come from
	// docker.io. Defaults to all registries.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:Pattern=`^[^\s]+$`
	// +listType=set
	// +optional
	AllowedRegistries []string `json:"allowedRegistries,omitempty"`
	// ignore lists accepted findings, each with a reason. The symptoms of an ignored finding are ignored with it.
	// +kubebuilder:validation:MaxItems=128
	// +listType=atomic
	// +optional
	Ignore []IgnoreRule `json:"ignore,omitempty"`
	// keepReports is the number of InspectionReports to keep. The oldest are deleted first. The manager's configuration can
	// set a lower maximum (limits.maxKeepReports).
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +kubebuilder:default=10
	// +optional
	KeepReports int32 `json:"keepReports,omitempty"`
	// timeout of a run. Everything not read by then is a gap. Defaults to 5m. The manager's configuration can set a lower
	// maximum (limits.maxRunTimeout, default 30m).
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="timeout must be between 5s and 1h"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// metricsRef references a MetricsBackend in this namespace, for usage, trends and alerts. With clusters, it has the metrics of all of
	// them, which usage.matchLabels tell apart. By default no metrics are read.
	// +optional
	MetricsRef *LocalReference `json:"metricsRef,omitempty"`
	// logsRef references a LogBackend in this namespace, for logs of running and deleted Pods. By default, logs of running
	// Pods are read from the cluster. With clusters, it has the logs of all of them, which logLabels tell apart.
	// +optional
	LogsRef *LocalReference `json:"logsRef,omitempty"`
	// logLabels are labels, or fields as the LogBackend stores them, and values that all log lines of this cluster have. Required
	// if the backend stores logs of several clusters, for example {cluster: prod}. By default all lines in the backend belong to
	// this cluster. With clusters, $(cluster.name) and $(cluster.labels.KEY) stand for the name and the labels of each
	// ManagedCluster, and one of them is required. Requires logsRef.
	// +kubebuilder:validation:MaxProperties=8
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-zA-Z_@][-a-zA-Z0-9_.@/]{0,127}$') && !(k in ['namespace', 'pod', 'container', 'node', 'level', 'kubeops_probe']) && size(self[k]) <= 128)",message="logLabels must contain names of labels or fields other than namespace, pod, container, node and level, and values of at most 128 characters"
	// +optional
	LogLabels map[string]string `json:"logLabels,omitempty"`
	// logAnalysis enables the search for new and surging errors in logs; {} uses the defaults. Requires logsRef. Disabled
	// by default.
	// +optional
	LogAnalysis *LogAnalysis `json:"logAnalysis,omitempty"`
	// usage configures how CPU and memory usage is evaluated. Used with metricsRef.
	// +optional
	Usage *UsageSettings `json:"usage,omitempty"`
	// ai requests explanations of the findings. Disabled by default.
	// +optional
	AI *AIUse `json:"ai,omitempty"`
	// channels lists NotificationChannels in this namespace that are notified of each report. None by default.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Channels []LocalReference `json:"channels,omitempty"`
	// export configures additional outputs of a run. None by default.
	// +optional
	Export *Export `json:"export,omitempty"`
}

// InspectionRun identifies one run.
type InspectionRun struct {
	// trigger of the run: schedule, request, generation or change (of findings, in mode Continuous).
	// +kubebuilder:validation:Enum=schedule;request;generation;change
	Trigger string `json:"trigger"`
	// scheduledTime of the run, if the schedule triggered it.
	// +optional
	ScheduledTime *metav1.Time `json:"scheduledTime,omitempty"`
	// request is the value of the annotation kubeops.io/requested-at that triggered the run.
	// +optional
	Request string `json:"request,omitempty"`
	// generation of the spec at the start of the run.
	Generation int64 `json:"generation"`
	// report is the name of the InspectionReport that the run creates. It is derived from the run, so a retry after a crash
	// creates no second report.
	Report string `json:"report"`
}

// InspectionStatus is the observed state of an Inspection.
type InspectionStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled; Exported with spec.export; Explained with spec.ai; Notified if a channel
	// does not exist.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// explained is the progress of the explanations of the last report.
	// +optional
	Explained *ExplainedReport `json:"explained,omitempty"`
	// activeRun is the run in progress. After a restart of the manager it is completed first.
	// +optional
	ActiveRun *InspectionRun `json:"activeRun,omitempty"`
	// lastRunTime is the start time of the last completed run.
	// +optional
	LastRunTime *metav1.Time `json:"lastRunTime,omitempty"`
	// lastScheduledTime is the last handled time of the schedule.
	// +optional
	LastScheduledTime *metav1.Time `json:"lastScheduledTime,omitempty"`
	// lastHandledRequest is the last handled value of the annotation kubeops.io/requested-at.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// lastRunGeneration is the generation of the spec that the last completed run used.
	// +optional
	LastRunGeneration int64 `json:"lastRunGeneration,omitempty"`
	// nextRunTime is the next time of the schedule.
	// +optional
	NextRunTime *metav1.Time `json:"nextRunTime,omitempty"`
	// lastReport is the name of the latest InspectionReport.
	// +optional
	LastReport string `json:"lastReport,omitempty"`
	// score of the problems in the last report, 0 to 100. 100 means no problems. Absent if the run was incomplete.
	// +optional
	Score *int32 `json:"score,omitempty"`
	// problems in the last report: root causes of what does not work.
	// +optional
	Problems *RootCauseCounts `json:"problems,omitempty"`
	// recommendations in the last report.
	// +optional
	Recommendations *RootCauseCounts `json:"recommendations,omitempty"`
	// changes between the last two reports.
	// +optional
	Changes *ChangeCounts `json:"changes,omitempty"`
	// rootCauses are the ten most severe problems of the last report.
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	RootCauses []RootCause `json:"rootCauses,omitempty"`
	// gaps is the number of gaps in the last report, which describes each.
	// +optional
	Gaps int32 `json:"gaps,omitempty"`
}

// Inspection finds the problems of a cluster and their root causes, once or on a schedule. Each run creates an
// InspectionReport.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=insp,categories=kubeops
// +kubebuilder:printcolumn:name="Schedule",type=string,JSONPath=`.spec.schedule`
// +kubebuilder:printcolumn:name="Suspended",type=boolean,JSONPath=`.spec.suspend`
// +kubebuilder:printcolumn:name="Last Run",type=date,JSONPath=`.status.lastRunTime`
// +kubebuilder:printcolumn:name="Problems",type=integer,JSONPath=`.status.problems.total`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,priority=1,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Score",type=integer,priority=1,JSONPath=`.status.score`
// +kubebuilder:printcolumn:name="Report",type=string,priority=1,JSONPath=`.status.lastReport`
// +kubebuilder:printcolumn:name="Next",type=string,priority=1,JSONPath=`.status.nextRunTime`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 200",message="the name of an Inspection must not exceed 200 characters, because the names of its reports contain it"
type Inspection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines what to inspect, when, and with which permissions.
	// +kubebuilder:default={}
	Spec InspectionSpec `json:"spec,omitempty"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status InspectionStatus `json:"status,omitempty"`
}

// ServiceAccountName returns spec.serviceAccountName or its default.
func (i *Inspection) ServiceAccountName() string {
	if i.Spec.ServiceAccountName != "" {
		return i.Spec.ServiceAccountName
	}
	return DefaultServiceAccountName
}

// ExportsOpenReports reports whether the result is exported as a Report of openreports.io.
func (i *Inspection) ExportsOpenReports() bool {
	return i.Spec.Export != nil && i.Spec.Export.OpenReports
}

// KeepReports returns spec.keepReports or its default; it is at least one.
func (i *Inspection) KeepReports() int {
	if i.Spec.KeepReports > 0 {
		return int(i.Spec.KeepReports)
	}
	return DefaultKeepReports
}

// Timeout returns spec.timeout or its default.
func (i *Inspection) Timeout() time.Duration {
	if i.Spec.Timeout != nil {
		return i.Spec.Timeout.Duration
	}
	return DefaultTimeout
}

// Continuous reports whether the Inspection watches the cluster.
func (i *Inspection) Continuous() bool { return i.Spec.Mode == ModeContinuous }

// MinInterval returns spec.minInterval or its default.
func (i *Inspection) MinInterval() time.Duration {
	if i.Spec.MinInterval != nil {
		return i.Spec.MinInterval.Duration
	}
	return DefaultMinInterval
}

// InspectionList is a list of Inspections.
//
// +kubebuilder:object:root=true
type InspectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Inspection `json:"items"`
}
