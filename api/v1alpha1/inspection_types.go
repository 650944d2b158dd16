package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of an Inspection's conditions.
const (
	// ReasonInvalidSchedule: spec.schedule or spec.timeZone cannot be understood, or never comes due.
	ReasonInvalidSchedule = "InvalidSchedule"
	// ReasonUnknownCheck: spec.checks names a check that does not exist.
	ReasonUnknownCheck = "UnknownCheck"
	// ReasonServiceAccountNotFound: the ServiceAccount to read with does not exist yet.
	ReasonServiceAccountNotFound = "ServiceAccountNotFound"
	// ReasonClusterUnreachable: the API server did not answer at all, so there is no report.
	ReasonClusterUnreachable = "ClusterUnreachable"
	// ReasonSaveFailed: the report could not be saved.
	ReasonSaveFailed = "SaveFailed"
	// ReasonAPINotServed: the API that spec.export asks for is not installed in the cluster.
	ReasonAPINotServed = "APINotServed"
	// ReasonExportForbidden: the ServiceAccount may not write what spec.export asks for.
	ReasonExportForbidden = "Forbidden"
	// ReasonExportNotRemoved: spec.export was taken away, and what it had asked for before could not be deleted.
	ReasonExportNotRemoved = "ExportNotRemoved"
	// ReasonExportFailed: the export failed for another reason, which the message names.
	ReasonExportFailed = "ExportFailed"
	// ReasonScheduled: the spec is accepted and what a run needs is there; the first run waits for the schedule.
	ReasonScheduled = "Scheduled"
)

// ConditionExported is on an Inspection with spec.export: True once the last report was exported, False with the reason and
// what to do when it could not be. It takes no part in Ready: a report that was not exported is a report all the same.
const ConditionExported = "Exported"

// Defaults of an Inspection.
const (
	// DefaultServiceAccountName is the ServiceAccount an Inspection reads with when it names none.
	DefaultServiceAccountName = "kubeops"
	// DefaultKeepReports is how many reports an Inspection keeps when it does not say.
	DefaultKeepReports = 10
	// DefaultTimeout is how long a run may take when the Inspection does not say.
	DefaultTimeout = 5 * time.Minute
	// LocalCluster is the name of the cluster KubeOps runs in.
	LocalCluster = "local"
)

// CheckSelection narrows the checks that run.
type CheckSelection struct {
	// include lists ids of checks to run, or globs such as pod-*. Empty means all.
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +listType=set
	// +optional
	Include []string `json:"include,omitempty"`
	// exclude lists ids or globs of checks to leave out; it wins over include.
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +listType=set
	// +optional
	Exclude []string `json:"exclude,omitempty"`
}

// Thresholds are the patience of the checks.
type Thresholds struct {
	// startupGrace is how long something may be pending, starting or not ready before it is a finding. Default 1m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="startupGrace must be between 0s and 24h"
	// +optional
	StartupGrace *metav1.Duration `json:"startupGrace,omitempty"`
	// terminatingGrace is how long something may take to go away, beyond its own grace period, before it is a finding.
	// Default 5m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="terminatingGrace must be between 0s and 24h"
	// +optional
	TerminatingGrace *metav1.Duration `json:"terminatingGrace,omitempty"`
	// recentWindow is how far back a past failure, such as an OOM kill or an eviction, still is a finding. Default 1h.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('168h')",message="recentWindow must be between 1m and 168h"
	// +optional
	RecentWindow *metav1.Duration `json:"recentWindow,omitempty"`
}

// IgnoreRule leaves findings out of the report. All fields that are set must match.
// +kubebuilder:validation:XValidation:rule="has(self.check) || has(self.namespace) || has(self.name)",message="an ignore rule must set check, namespace or name, or it would hide everything"
type IgnoreRule struct {
	// check is the id of a check, or a glob such as pod-*.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Check string `json:"check,omitempty"`
	// namespace of the object, or a glob such as team-*.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// name of the object, or a glob such as batch-*.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Name string `json:"name,omitempty"`
	// reason says why this is accepted; required, so that the next person knows.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason"`
	// expires ends the rule. An expired rule hides nothing and is named in the report until it is removed.
	// +optional
	Expires *metav1.Time `json:"expires,omitempty"`
}

// Export says where else than in InspectionReports the result of a run goes.
type Export struct {
	// openReports writes the result as one Report of openreports.io, which policy viewers show, into the namespace of the
	// Inspection, under the name kubeops-<inspection>; each run replaces it. It is written with the rights of the
	// ServiceAccount, which ClusterRole kubeops-inspector-openreports gives it, and deleted at the next turn when this is
	// taken away. Condition Exported says whether it could be written; the run succeeds in any case.
	// +optional
	OpenReports bool `json:"openReports,omitempty"`
}

// UsagePrices are what one hour of requested resources costs, in decimal numbers such as "0.031".
type UsagePrices struct {
	// cpuCoreHour is the price of one vCPU for one hour, for example "0.031". Default: none, and CPU has no price.
	// +kubebuilder:validation:Pattern=`^[0-9]{1,6}(\.[0-9]{1,6})?$`
	// +optional
	CPUCoreHour string `json:"cpuCoreHour,omitempty"`
	// memoryGiBHour is the price of one GiB of memory for one hour, for example "0.0042". Default: none, and memory has no price.
	// +kubebuilder:validation:Pattern=`^[0-9]{1,6}(\.[0-9]{1,6})?$`
	// +optional
	MemoryGiBHour string `json:"memoryGiBHour,omitempty"`
	// currency of the prices, for example EUR.
	// +kubebuilder:validation:Pattern=`^[A-Z]{3}$`
	Currency string `json:"currency"`
}

// UsageSettings say how the use of CPU and memory is judged.
type UsageSettings struct {
	// window that is looked at. A container that was seen for less than a day of it is not judged. Default 168h (7 days).
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('24h') && duration(self) <= duration('720h')",message="window must be between 24h and 720h"
	// +optional
	Window *metav1.Duration `json:"window,omitempty"`
	// cpuMargin is added to the CPU that a container used, in percent. Default 15.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=300
	// +optional
	CPUMargin *int32 `json:"cpuMargin,omitempty"`
	// memoryMargin is added to the memory that a container used at its peak, in percent. Default 15.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=300
	// +optional
	MemoryMargin *int32 `json:"memoryMargin,omitempty"`
	// prices of what is requested; with them, findings say what would be saved in a month of 730 hours. Default: none.
	// +optional
	Prices *UsagePrices `json:"prices,omitempty"`
	// matchLabels are labels, with their values, that all series of this cluster have in the back end. Needed where it holds
	// metrics of several clusters, for example {cluster: prod}. Default: none, and all its series are taken for this cluster's.
	// +kubebuilder:validation:MaxProperties=8
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-zA-Z_][a-zA-Z0-9_]{0,62}$') && size(self[k]) <= 128)",message="matchLabels takes names of Prometheus labels, and values of up to 128 characters"
	// +optional
	MatchLabels map[string]string `json:"matchLabels,omitempty"`
}

// LogAnalysis says which lines of the LogBackend are searched for errors that are new or surge.
// +kubebuilder:validation:XValidation:rule="!has(self.baseline) || duration(self.baseline) >= (has(self.window) ? duration(self.window) : duration('1h'))",message="baseline must be at least as long as window, which is 1h unless set"
type LogAnalysis struct {
	// window is the time, up to the run, whose errors are judged. Default 1h.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5m') && duration(self) <= duration('24h')",message="window must be between 5m and 24h"
	// +optional
	Window *metav1.Duration `json:"window,omitempty"`
	// baseline is the time before the window that errors are compared with, in up to 24 pieces as long as the window. Default 24h,
	// or the window where that is longer.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5m') && duration(self) <= duration('336h')",message="baseline must be between 5m and 336h"
	// +optional
	Baseline *metav1.Duration `json:"baseline,omitempty"`
	// maxLines is how many lines a run reads, half of them of the window. Where there are more, the first of each part of the
	// window and of the baseline are read, and the report has a gap. Default 200000.
	// +kubebuilder:validation:Minimum=1000
	// +kubebuilder:validation:Maximum=5000000
	// +optional
	MaxLines *int32 `json:"maxLines,omitempty"`
	// namespaces whose lines are read, of those that are inspected. Default: all of them.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
}

// InspectionSpec says what to inspect, when, and with whose rights.
// +kubebuilder:validation:XValidation:rule="!has(self.logAnalysis) || has(self.logsRef)",message="logAnalysis reads lines of the LogBackend that logsRef names, so it needs logsRef"
// +kubebuilder:validation:XValidation:rule="!has(self.timeZone) || has(self.schedule)",message="timeZone has a meaning only with a schedule"
type InspectionSpec struct {
	// suspend stops further runs, requested ones too; reports and the result of the last run stay.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// schedule is a cron expression of five fields, or @hourly, @daily, @weekly, @monthly or @every <duration>, which counts
	// from creation. As with a CronJob, the first run is at the schedule's first time; of times that were missed, only the
	// latest is run; an hour that the change to summer time skips is left out. Without a schedule, the Inspection runs once
	// for each change of its spec. Either runs on request by the annotation kubeops.io/requested-at, too.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.contains('TZ=')",message="put the time zone in timeZone, not in schedule"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').filter(f, size(f) > 0).size() == 5",message="schedule must have five fields (minute hour day month weekday) or start with @"
	// +optional
	Schedule string `json:"schedule,omitempty"`
	// timeZone of the schedule, as in the IANA database, for example Europe/Berlin. Default UTC.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
	// serviceAccountName is the ServiceAccount of this namespace whose rights the inspection reads with. Default kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// namespaces to inspect. Empty means all that the ServiceAccount may read. Cluster-scoped objects, such as Nodes, are
	// inspected only when this is empty.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// excludeNamespaces lists names or globs, such as kube-*, of namespaces whose findings are not wanted.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +listType=set
	// +optional
	ExcludeNamespaces []string `json:"excludeNamespaces,omitempty"`
	// checks narrows the checks that run. Default: all.
	// +optional
	Checks *CheckSelection `json:"checks,omitempty"`
	// customChecks are checks of one's own, written in CEL over one object each. spec.checks can name them as custom-<id>.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=id
	// +optional
	CustomChecks []CustomCheck `json:"customChecks,omitempty"`
	// thresholds change the patience of the checks.
	// +optional
	Thresholds *Thresholds `json:"thresholds,omitempty"`
	// allowedRegistries are the registries, or beginnings of image names such as registry.example.com/team, from which images
	// may come; all others are findings of image-registry-not-allowed. Empty means that all are allowed. Images without a
	// registry come from docker.io.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:MinLength=1
	// +listType=set
	// +optional
	AllowedRegistries []string `json:"allowedRegistries,omitempty"`
	// ignore lists findings that are accepted, each with a reason.
	// +kubebuilder:validation:MaxItems=128
	// +listType=atomic
	// +optional
	Ignore []IgnoreRule `json:"ignore,omitempty"`
	// keepReports is how many InspectionReports are kept; the oldest go first.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +kubebuilder:default=10
	// +optional
	KeepReports int32 `json:"keepReports,omitempty"`
	// timeout of a run. What was not read by then is a gap. Default 5m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="timeout must be between 5s and 1h"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// metricsRef names a MetricsBackend of this namespace that the inspection reads usage, trends and alerts from. Default: none.
	// +optional
	MetricsRef *LocalReference `json:"metricsRef,omitempty"`
	// logsRef names a LogBackend of this namespace that the inspection reads the lines of Pods from, also of Pods that are
	// gone. Default: none; the lines of Pods that exist are read from the cluster.
	// +optional
	LogsRef *LocalReference `json:"logsRef,omitempty"`
	// logAnalysis reads the lines of the LogBackend for errors that are new or surge; {} takes the defaults. Default: none are
	// read for that.
	// +optional
	LogAnalysis *LogAnalysis `json:"logAnalysis,omitempty"`
	// usage says how the use of CPU and memory is judged; it has a meaning with metricsRef.
	// +optional
	Usage *UsageSettings `json:"usage,omitempty"`
	// ai asks for explanations of what is found. Default: none.
	// +optional
	AI *AIUse `json:"ai,omitempty"`
	// channels are NotificationChannels of this namespace, which are told of each report. Default: none.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Channels []LocalReference `json:"channels,omitempty"`
	// export says where else the result of a run goes. Default: nowhere.
	// +optional
	Export *Export `json:"export,omitempty"`
}

// RootCause is a finding that nothing else explains, in short.
type RootCause struct {
	// id of the finding in the report.
	ID string `json:"id"`
	// check that found it.
	Check string `json:"check"`
	// severity of the finding.
	Severity Severity `json:"severity"`
	// object that has the problem, as Kind/namespace/name or Kind/name.
	Object string `json:"object"`
	// message says what is wrong.
	Message string `json:"message"`
	// affects counts the findings that it explains.
	// +optional
	Affects int32 `json:"affects,omitempty"`
}

// InspectionRun names one run.
type InspectionRun struct {
	// trigger of the run: schedule, request or generation.
	// +kubebuilder:validation:Enum=schedule;request;generation
	Trigger string `json:"trigger"`
	// scheduledTime that the run is for, when a schedule started it.
	// +optional
	ScheduledTime *metav1.Time `json:"scheduledTime,omitempty"`
	// request is the value of the annotation kubeops.io/requested-at that started it.
	// +optional
	Request string `json:"request,omitempty"`
	// generation of the spec when the run began.
	Generation int64 `json:"generation"`
	// report that the run writes. The name follows from the run, so that a run that is cut off and tried again writes one.
	Report string `json:"report"`
}

// InspectionStatus is the last run of an Inspection, and the next.
type InspectionStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled, with spec.export Exported, with spec.ai Explained, and Notified where a
	// channel does not exist.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// explained is how far the explanation of the last report came.
	// +optional
	Explained *ExplainedReport `json:"explained,omitempty"`
	// activeRun is the run that is under way. After a crash of the manager it is finished first.
	// +optional
	ActiveRun *InspectionRun `json:"activeRun,omitempty"`
	// lastRunTime is when the last finished run began.
	// +optional
	LastRunTime *metav1.Time `json:"lastRunTime,omitempty"`
	// lastScheduledTime is the latest time of the schedule that was handled.
	// +optional
	LastScheduledTime *metav1.Time `json:"lastScheduledTime,omitempty"`
	// lastHandledRequest is the value of the annotation kubeops.io/requested-at that was handled last.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// lastRunGeneration is the generation of the spec that the last finished run used.
	// +optional
	LastRunGeneration int64 `json:"lastRunGeneration,omitempty"`
	// nextRunTime is when the schedule comes due next.
	// +optional
	NextRunTime *metav1.Time `json:"nextRunTime,omitempty"`
	// lastReport is the name of the newest InspectionReport.
	// +optional
	LastReport string `json:"lastReport,omitempty"`
	// score of the last report, 0 to 100; 100 means that nothing was found.
	// +optional
	Score *int32 `json:"score,omitempty"`
	// counts of the last report's findings by severity.
	// +optional
	Counts *SeverityCounts `json:"counts,omitempty"`
	// changes of the last report against the one before.
	// +optional
	Changes *ChangeCounts `json:"changes,omitempty"`
	// rootCauses are the ten worst findings of the last report that nothing else explains.
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	RootCauses []RootCause `json:"rootCauses,omitempty"`
	// gaps counts what the last run could not inspect; the report names each.
	// +optional
	Gaps int32 `json:"gaps,omitempty"`
}

// Inspection asks what is wrong in a cluster and why, once or on a schedule. Each run leaves an InspectionReport.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=insp,categories=kubeops
// +kubebuilder:printcolumn:name="Score",type=integer,JSONPath=`.status.score`
// +kubebuilder:printcolumn:name="Critical",type=integer,JSONPath=`.status.counts.critical`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Report",type=string,priority=1,JSONPath=`.status.lastReport`
// +kubebuilder:printcolumn:name="Next",type=string,priority=1,JSONPath=`.status.nextRunTime`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 200",message="the name of an Inspection can have at most 200 characters, since its reports are named after it"
type Inspection struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what to inspect, when, and with whose rights.
	// +kubebuilder:default={}
	Spec InspectionSpec `json:"spec,omitempty"`
	// status is the last run, and the next.
	// +kubebuilder:default={observedGeneration:-1}
	Status InspectionStatus `json:"status,omitempty"`
}

// ServiceAccountName is the ServiceAccount that the inspection reads with.
func (i *Inspection) ServiceAccountName() string {
	if i.Spec.ServiceAccountName != "" {
		return i.Spec.ServiceAccountName
	}
	return DefaultServiceAccountName
}

// ExportsOpenReports says whether the result of a run is written as a Report of openreports.io, too.
func (i *Inspection) ExportsOpenReports() bool {
	return i.Spec.Export != nil && i.Spec.Export.OpenReports
}

// KeepReports is how many reports are kept, at least one.
func (i *Inspection) KeepReports() int {
	if i.Spec.KeepReports > 0 {
		return int(i.Spec.KeepReports)
	}
	return DefaultKeepReports
}

// Timeout is how long a run may take.
func (i *Inspection) Timeout() time.Duration {
	if i.Spec.Timeout != nil {
		return i.Spec.Timeout.Duration
	}
	return DefaultTimeout
}

// InspectionList is a list of Inspections.
//
// +kubebuilder:object:root=true
type InspectionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Inspection `json:"items"`
}
