package loganalysis

import (
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Defaults and bounds of Options.
const (
	// DefaultWindow is the period of errors to evaluate, DefaultBaseline the period before it to compare with.
	DefaultWindow   = time.Hour
	DefaultBaseline = 24 * time.Hour
	// DefaultMaxLines per inspection, and MaxLines, the maximum setting.
	DefaultMaxLines = 200_000
	MaxLines        = 5_000_000
)

const (
	// pageSize of a query, the maximum that backends return.
	pageSize = 5000
	// slicesOfWindow: the line limit cuts a little from each slice.
	slicesOfWindow = 12
	// maxPieces of the baseline, each as long as the window.
	maxPieces = 24
	// maxTemplates of all workloads, and maxOfWorkload of one.
	maxTemplates  = 5000
	maxOfWorkload = 200
	// maxMisses is how many lines without a known template are compared in full, for all workloads: this takes seconds.
	maxMisses = 50_000
	// maxLine bytes of a message are used.
	maxLine = 1 << 10
	// maxName is the maximum length of the name of a namespace, Pod or container.
	maxName = 253
	// maxStreams containers whose lines are folded at the same time.
	maxStreams = 5000
	// maxNamespaces per query if the run reads all namespaces; with more, it selects all. A run that reads some lists up to maxListed.
	maxNamespaces = 100
	maxListed     = 1000
	// maxTime of the stage if the run has no deadline; otherwise it has a third of the remaining time.
	maxTime = 5 * time.Minute
)

// Options of the stage. Zero values mean defaults.
type Options struct {
	// Window of errors to evaluate, and Baseline before it to compare with.
	Window, Baseline time.Duration
	// MaxLines to read, half of them for the window.
	MaxLines int
	// Namespaces to read, as names or globs; empty for all namespaces of the inspection.
	Namespaces []string
}

func (o Options) withDefaults() Options {
	if o.Window <= 0 {
		o.Window = DefaultWindow
	}
	if o.Baseline <= 0 {
		o.Baseline = DefaultBaseline
	}
	o.Baseline = max(o.Baseline, o.Window)
	if o.MaxLines <= 0 {
		o.MaxLines = DefaultMaxLines
	}
	o.MaxLines = min(o.MaxLines, MaxLines)
	return o
}

// Input of Collect.
type Input struct {
	Provider logs.Provider
	// Graph of the cluster. The window ends at its time. Collect sets its Logs and marks the source as provided.
	Graph *facts.Graph
	// Scope of the run. Default: that of Graph, with all namespaces requested. Exclude reports whether a namespace is excluded.
	Scope   *scope.Filter
	Exclude func(namespace string) bool
	Options Options
	// Wanting lists the checks that need the result. Without checks, nothing is read.
	Wanting []string
	// Redact removes secrets from templates and examples.
	Redact func(string) string
}

// MaxQueries is the maximum number of searches with these options.
func (o Options) MaxQueries() int {
	o = o.withDefaults()
	// The last page of each part is not full, and a backend may return short pages if lines are long.
	return 2*((o.MaxLines+pageSize-1)/pageSize) + 2*(slicesOfWindow+maxPieces)
}
