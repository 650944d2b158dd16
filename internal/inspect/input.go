// Package inspect runs an inspection: collect, facts, checks, causes, evidence, report. It reads clusters and never writes to them.
// Each stage depends only on the results of earlier stages.
package inspect

import (
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/inspect/usage"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/redact"
)

// Stage is a part of a run, named in metrics and progress messages.
type Stage string

// Stages in the order in which they run.
const (
	StageCollect  Stage = "collect"
	StageMetrics  Stage = "metrics" // only with a metrics backend
	StageLogs     Stage = "logs"    // only with log analysis
	StageRunning  Stage = "running" // logs of running Pods
	StageChecks   Stage = "checks"
	StageCustom   Stage = "custom" // only with custom checks
	StageCauses   Stage = "causes"
	StageEvidence Stage = "evidence"
	StageReport   Stage = "report"
)

// Input of a run. All references are resolved.
type Input struct {
	// Source is the cluster and the identity that reads it.
	Source collect.Source
	// Scope selects the namespaces.
	Scope collect.Scope
	// Checks and Custom are the built-in and custom checks to run.
	Checks []check.Check
	Custom []custom.Program
	// AskedSources are those of checks that were selected by their id: their gaps are reported.
	AskedSources []facts.Source
	Params       check.Params
	// Metrics and Logs are optional backends. The caller closes them.
	Metrics metrics.Provider
	Logs    logs.Provider
	// MetricsBackend is the object behind Metrics. Findings that belong to no object of the cluster are reported on it, such as an
	// alert without a target. If it is zero, such findings are omitted.
	MetricsBackend facts.Ref
	// Gaps that are known before the run, such as an unavailable backend.
	Gaps []facts.Gap
	// Usage configures how CPU and memory usage is read from Metrics.
	Usage usage.Options
	// LogAnalysis selects the lines of Logs to search for errors; nil disables log analysis.
	LogAnalysis *loganalysis.Options
	// Ignore hides findings. ExcludeNamespaces are names or globs of namespaces to exclude.
	Ignore            []v1alpha1.IgnoreRule
	ExcludeNamespaces []string
	// Compare keeps what a comparison with other clusters needs in the result.
	Compare bool
	// Previous report of the inspection, or nil.
	Previous *v1alpha1.InspectionReport
	// Redactor of all texts, with the default options. Default: one of its own. Runs in one process share it, since its rules take long to
	// compile and more memory than a small cluster.
	Redactor *redact.Redactor
	// Bounds of the report. Zero values are defaults with which it fits into an API object.
	Bounds report.Bounds
	// Clock is required.
	Clock clock.PassiveClock
	// Progress is called with each step, from several goroutines. It may be nil.
	Progress func(Progress)
}

// Progress is a step of a run.
type Progress struct {
	Stage Stage
	// Done and Total are parts of the stage. For StageCollect, a part is a kind.
	Done, Total int
	// Objects read so far.
	Objects int
}

// Result of a run.
type Result struct {
	// Report has no metadata; its summary has no inspection and no trigger.
	Report *v1alpha1.InspectionReport
	// Durations by stage.
	Durations map[Stage]time.Duration
	// Comparison is set if Input.Compare is.
	Comparison *comparison.Cluster
}
