// Package inspect carries out one inspection: collect, facts, checks, causes, evidence, report. It reads clusters and
// writes nothing to them. Each stage takes only what earlier stages returned.
package inspect

import (
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/inspect/usage"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// Stage is a part of a run, as metrics and progress lines name it.
type Stage string

// Stages in their order.
const (
	StageCollect  Stage = "collect"
	StageMetrics  Stage = "metrics" // only where there is a metrics back end
	StageLogs     Stage = "logs"    // only where lines of a log back end are analysed
	StageChecks   Stage = "checks"
	StageCustom   Stage = "custom" // only where there are custom checks
	StageCauses   Stage = "causes"
	StageEvidence Stage = "evidence"
	StageReport   Stage = "report"
)

// Input is everything a run needs; all of it is resolved.
type Input struct {
	// Source is the cluster to read, with the rights to read it.
	Source collect.Source
	// Scope says which namespaces.
	Scope collect.Scope
	// Checks to run, and custom ones.
	Checks []check.Check
	Custom []custom.Program
	Params check.Params
	// Metrics and Logs are back ends to read from, too; nil where the inspection names none. Whoever made them closes them.
	Metrics metrics.Provider
	Logs    logs.Provider
	// MetricsBackend is the object that Metrics was made from: findings about what belongs to no object of the cluster, such as
	// an alert that names none, stand on it. Zero leaves them out.
	MetricsBackend facts.Ref
	// Gaps are known before the run begins, such as a back end that the inspection names and that cannot be read.
	Gaps []facts.Gap
	// Usage says how the use of CPU and memory is read from Metrics.
	Usage usage.Options
	// LogAnalysis says which lines of Logs are searched for errors; nil where none are.
	LogAnalysis *loganalysis.Options
	// Ignore leaves findings out of the report; ExcludeNamespaces are names or globs of namespaces to leave out.
	Ignore            []v1alpha1.IgnoreRule
	ExcludeNamespaces []string
	// Previous is the report before this one, or nil.
	Previous *v1alpha1.InspectionReport
	// Bounds of what the report keeps; zero values stand for the defaults, which suit an object of the API.
	Bounds report.Bounds
	// Clock tells the time; required.
	Clock clock.PassiveClock
	// Progress is told what is going on; may be nil. It is called from several goroutines.
	Progress func(Progress)
}

// Progress is one step of a run.
type Progress struct {
	Stage Stage
	// Done of Total parts of the stage: the kinds read, for StageCollect.
	Done, Total int
	// Objects read so far.
	Objects int
}

// Result is what a run found.
type Result struct {
	// Report has summary, findings and gaps; it has no metadata yet, and its summary no inspection and no trigger.
	Report *v1alpha1.InspectionReport
	// Durations by stage.
	Durations map[Stage]time.Duration
}
