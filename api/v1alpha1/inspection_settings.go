package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CheckSelection selects the checks to run.
type CheckSelection struct {
	// include lists the checks to run, by id or glob such as pod-*. Defaults to all.
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:Pattern=`^[-a-z0-9*?^\[\]]+$`
	// +listType=set
	// +optional
	Include []string `json:"include,omitempty"`
	// exclude lists the checks to skip, by id or glob. It takes precedence over include.
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:Pattern=`^[-a-z0-9*?^\[\]]+$`
	// +listType=set
	// +optional
	Exclude []string `json:"exclude,omitempty"`
}

// Thresholds are the grace periods of the checks.
type Thresholds struct {
	// startupGrace is how long an object may be pending, starting or not ready before it is a finding. Defaults to 1m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="startupGrace must be between 0s and 24h"
	// +optional
	StartupGrace *metav1.Duration `json:"startupGrace,omitempty"`
	// terminatingGrace is how long an object may take to terminate, in addition to its own grace period, before it is a
	// finding. Defaults to 5m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="terminatingGrace must be between 0s and 24h"
	// +optional
	TerminatingGrace *metav1.Duration `json:"terminatingGrace,omitempty"`
	// recentWindow is how long a past failure, such as an OOM kill or an eviction, remains a finding. Defaults to 1h.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('168h')",message="recentWindow must be between 1m and 168h"
	// +optional
	RecentWindow *metav1.Duration `json:"recentWindow,omitempty"`
}

// IgnoreRule excludes findings from the report. All fields that are set must match.
// +kubebuilder:validation:XValidation:rule="has(self.check) || has(self.namespace) || has(self.name)",message="an ignore rule must set at least one of check, namespace and name"
type IgnoreRule struct {
	// check is the id of a check, or a glob such as pod-*. It must match a check.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[-a-z0-9*?^\[\]]+$`
	// +optional
	Check string `json:"check,omitempty"`
	// namespace of the object, or a glob such as team-*.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[-a-z0-9*?^\[\]]+$`
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// name of the object, or a glob such as batch-*.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[^\s/%]+$`
	// +optional
	Name string `json:"name,omitempty"`
	// reason why the findings are accepted. Required.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason"`
	// expires is the time from which the rule no longer applies. The report has a gap for an expired rule until it is
	// removed.
	// +optional
	Expires *metav1.Time `json:"expires,omitempty"`
}

// Export configures additional outputs of a run.
type Export struct {
	// openReports writes the result as one Report of openreports.io, which policy viewers display, named
	// kubeops-<inspection>, into the namespace of the Inspection. Each run replaces it. It is written by the ServiceAccount
	// of the Inspection, which needs ClusterRole kubeops-inspector-openreports, and deleted when this is set to false.
	// Condition Exported shows the result; a failed export does not fail the run.
	// +optional
	OpenReports bool `json:"openReports,omitempty"`
}

// UsagePrices are the prices of requested resources per hour, as decimal numbers such as "0.031".
type UsagePrices struct {
	// cpuCoreHour is the price of one vCPU for one hour, for example "0.031". Without it, CPU has no price.
	// +kubebuilder:validation:Pattern=`^[0-9]{1,6}(\.[0-9]{1,6})?$`
	// +optional
	CPUCoreHour string `json:"cpuCoreHour,omitempty"`
	// memoryGiBHour is the price of one GiB of memory for one hour, for example "0.0042". Without it, memory has no price.
	// +kubebuilder:validation:Pattern=`^[0-9]{1,6}(\.[0-9]{1,6})?$`
	// +optional
	MemoryGiBHour string `json:"memoryGiBHour,omitempty"`
	// currency of the prices as an ISO 4217 code, for example EUR.
	// +kubebuilder:validation:Pattern=`^[A-Z]{3}$`
	Currency string `json:"currency"`
}

// UsageSettings configure how CPU and memory usage is evaluated.
type UsageSettings struct {
	// window of usage to evaluate. Containers with less than a day of data in it are skipped. Defaults to 168h (7 days).
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('24h') && duration(self) <= duration('720h')",message="window must be between 24h and 720h"
	// +optional
	Window *metav1.Duration `json:"window,omitempty"`
	// cpuMargin is the headroom added to the CPU usage of a container, in percent. Defaults to 15.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=300
	// +optional
	CPUMargin *int32 `json:"cpuMargin,omitempty"`
	// memoryMargin is the headroom added to the peak memory usage of a container, in percent. Defaults to 15.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=300
	// +optional
	MemoryMargin *int32 `json:"memoryMargin,omitempty"`
	// prices of requested resources. With prices, findings contain the savings for a month of 730 hours.
	// +optional
	Prices *UsagePrices `json:"prices,omitempty"`
	// matchLabels are labels and values that all series of this cluster have. Required if the backend stores metrics of
	// several clusters, for example {cluster: prod}. By default all series in the backend belong to this cluster. With spec.clusters,
	// $(cluster.name) and $(cluster.labels.KEY) stand for the name and the labels of each ManagedCluster, and one of them is required.
	// +kubebuilder:validation:MaxProperties=8
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-zA-Z_][a-zA-Z0-9_]{0,62}$') && size(self[k]) <= 128)",message="matchLabels must contain Prometheus label names, and values of at most 128 characters"
	// +optional
	MatchLabels map[string]string `json:"matchLabels,omitempty"`
}

// LogAnalysis configures the search for new and surging errors in the logs of the LogBackend.
// +kubebuilder:validation:XValidation:rule="!has(self.baseline) || duration(self.baseline) >= (has(self.window) ? duration(self.window) : duration('1h'))",message="baseline must be at least as long as window (default 1h)"
type LogAnalysis struct {
	// window is the time before the run that is searched for errors. Defaults to 1h.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5m') && duration(self) <= duration('24h')",message="window must be between 5m and 24h"
	// +optional
	Window *metav1.Duration `json:"window,omitempty"`
	// baseline is the time before window that errors are compared with, sampled in up to 24 parts of the length of window.
	// Defaults to 24h, or to window if that is longer.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5m') && duration(self) <= duration('336h')",message="baseline must be between 5m and 336h"
	// +optional
	Baseline *metav1.Duration `json:"baseline,omitempty"`
	// maxLines is the maximum number of lines read per run, half of them from window. If there are more, the first lines of
	// each part are read and the report has a gap. Defaults to 200000. The manager's configuration can set a lower maximum
	// (limits.maxLogLines, default 1000000).
	// +kubebuilder:validation:Minimum=1000
	// +kubebuilder:validation:Maximum=5000000
	// +optional
	MaxLines *int32 `json:"maxLines,omitempty"`
	// namespaces to read logs of, among the inspected ones, by name or glob such as shop-*. Defaults to all inspected namespaces.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:Pattern=`^[-a-z0-9*?^\[\]]+$`
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
}

// DefaultClusterDeadline is the default of the timeout of a ClusterSelection.
const DefaultClusterDeadline = 2 * time.Minute

// ClusterSelection selects ManagedClusters of a namespace: those with one of the names, and those that match the selector.
// +kubebuilder:validation:XValidation:rule="has(self.names) && size(self.names) > 0 || has(self.selector)",message="set names, selector or both"
type ClusterSelection struct {
	// names of ManagedClusters. One that does not exist is a gap.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +listType=set
	// +optional
	Names []string `json:"names,omitempty"`
	// selector by the labels of ManagedClusters. An empty selector matches all.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
	// timeout of one cluster, from 5s to 30m: connecting, lists and evidence together. Defaults to 2m. spec.timeout bounds all clusters
	// together.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('30m')",message="timeout must be between 5s and 30m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// Deadline returns timeout or its default.
func (s *ClusterSelection) Deadline() time.Duration {
	if s.Timeout != nil {
		return s.Timeout.Duration
	}
	return DefaultClusterDeadline
}

// RootCause is a summary of a problem that no other finding causes.
type RootCause struct {
	// id of the finding in the report.
	ID string `json:"id"`
	// check that reported the finding.
	Check string `json:"check"`
	// severity of the finding.
	Severity Severity `json:"severity"`
	// object that has the problem, as Kind/namespace/name or Kind/name.
	Object string `json:"object"`
	// message describes the problem.
	Message string `json:"message"`
	// affects is the number of findings that it causes.
	// +optional
	Affects int32 `json:"affects,omitempty"`
}
