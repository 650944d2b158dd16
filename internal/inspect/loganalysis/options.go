package loganalysis

import (
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Defaults and bounds of Options.
const (
	// DefaultWindow is the time whose errors are judged, DefaultBaseline the time before that they are compared with.
	DefaultWindow   = time.Hour
	DefaultBaseline = 24 * time.Hour
	// DefaultMaxLines that one inspection reads, MaxLines the most that may be asked for.
	DefaultMaxLines = 200_000
	MaxLines        = 5_000_000
)

const (
	// pageSize of a query, the most that back ends give.
	pageSize = 5000
	// slices is into how many parts the window is split, so that a limit on lines cuts a little from each.
	slicesOfWindow = 12
	// maxPieces of the baseline, each as long as the window.
	maxPieces = 24
	// maxTemplates of all workloads, and of one.
	maxTemplates, maxOfWorkload = 5000, 200
	// maxMisses is how many lines of no known template are looked at closer, of all workloads: a run takes seconds for them.
	maxMisses = 50_000
	// maxLine is how many bytes of a message are mined.
	maxLine = 1 << 10
	// maxName is the longest name of a namespace, Pod or container.
	maxName = 253
	// maxStreams are containers whose lines are folded at the same time.
	maxStreams = 5000
	// maxNamespaces is how many namespaces a query names; beyond, it asks for all.
	maxNamespaces = 100
	// maxTime bounds the stage where the run has no deadline; else it has a third of what is left.
	maxTime = 5 * time.Minute
)

// Options of the stage; zero values take the defaults.
type Options struct {
	// Window whose errors are judged, and Baseline before it that they are compared with.
	Window, Baseline time.Duration
	// MaxLines that are read, half of them of the window.
	MaxLines int
	// Namespaces to read; empty for all that the inspection reads.
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
	// Graph of the cluster. Its Logs are set, and the source is provided when they came. The window ends at its time.
	Graph *facts.Graph
	// Namespaces that the inspection reads, empty for all; Exclude says whether the findings of one are not wanted.
	Namespaces []string
	Exclude    func(namespace string) bool
	Options    Options
	// Wanting are the checks that need what is read. With none, nothing is asked.
	Wanting []string
	// Redact takes secrets out of templates and examples.
	Redact func(string) string
}

// MaxQueries is how many searches these options can lead to, whatever the cluster and the back end hold.
func (o Options) MaxQueries() int {
	o = o.withDefaults()
	// Each part ends with a page that is not full, and a back end may give short pages where lines are long.
	return 2*((o.MaxLines+pageSize-1)/pageSize) + 2*(slicesOfWindow+maxPieces)
}
