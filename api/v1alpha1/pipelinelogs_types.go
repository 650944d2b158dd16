package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Defaults of a stage of type logs.
const (
	// DefaultLogWindow is the default of window.
	DefaultLogWindow = 10 * time.Minute
	// DefaultLogBaseline is the default of baseline.
	DefaultLogBaseline = time.Hour
	// LogDelay is how long lines may take to their backend: the last judgement follows so long after the window.
	LogDelay = 15 * time.Second
)

// LogsStage looks for errors that were not logged before the deployment. It compares the lines since the first stage of type deploy or bundle
// before it began (without one: of type commit; without either: since the run began) with those of the baseline before that time. The stage
// fails as soon as there is such an error, and succeeds if there is none at the end of its window.
type LogsStage struct {
	// backendRef is the LogBackend, in this namespace.
	BackendRef LocalReference `json:"backendRef"`
	// namespaces of the lines. The ServiceAccount of the Pipeline must be able to read the logs of their Pods. Defaults to the namespace of
	// the Pipeline.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// workloads whose lines count, in these namespaces. Lines are those of a workload by the name of their Pod. Default: all lines of the
	// namespaces.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Workloads []WorkloadReference `json:"workloads,omitempty"`
	// window is how long to look for errors from the start of the stage. Defaults to 10m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('24h')",message="window must be between 1m and 24h"
	// +optional
	Window *metav1.Duration `json:"window,omitempty"`
	// baseline is the time before the deployment to compare with. Defaults to 1h.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5m') && duration(self) <= duration('168h')",message="baseline must be between 5m and 168h"
	// +optional
	Baseline *metav1.Duration `json:"baseline,omitempty"`
	// maxLines to read for one judgement, half of them at most since the deployment. Of more lines, the first of each part of the time are
	// read. Defaults to 20000.
	// +kubebuilder:validation:Minimum=1000
	// +kubebuilder:validation:Maximum=100000
	// +optional
	MaxLines int32 `json:"maxLines,omitempty"`
	// noData says what it means that there are no lines, since the deployment or in the baseline: Fail (default) fails the stage, Wait looks
	// again until the timeout, and Approve does so until a person approves the stage.
	// +optional
	NoData NoDataPolicy `json:"noData,omitempty"`
}

// Period of the stage: window or its default.
func (s *LogsStage) Period() time.Duration { return durationOr(s.Window, DefaultLogWindow) }

// Before is baseline or its default.
func (s *LogsStage) Before() time.Duration { return durationOr(s.Baseline, DefaultLogBaseline) }

// OutputNewErrors is the output of a stage of type logs: the number of new errors, which is 0.
const OutputNewErrors = "newErrors"
