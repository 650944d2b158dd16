package facts

import (
	"slices"
	"time"
)

// SourceLogTemplates is which errors workloads log, and how often before; see Graph.Logs. A LogBackend tells.
const SourceLogTemplates Source = "logs/templates"

// Logs are what a log back end told of errors: conclusions from lines, with a few lines as examples, never the lines themselves.
type Logs struct {
	// Window whose errors are compared with those of Baseline, the time before it.
	Window, Baseline time.Duration
	// Covered and BaselineCovered are the shares of them, 0 to 1, whose lines were read.
	Covered, BaselineCovered float64
	// Workloads whose errors are new or surge, by workload.
	Workloads []WorkloadLogs
}

// WorkloadLogs are the errors of one workload, over all its Pods and containers.
type WorkloadLogs struct {
	Workload Ref
	// Known says that the workload wrote lines in the baseline. Where it wrote none, all its errors are new.
	Known bool
	// New templates of errors, which the baseline has none of, and Surging ones, which are far more frequent than there; the
	// worst first, and no more than a few. MoreNew and MoreSurging count the others.
	New, Surging         []LogTemplate
	MoreNew, MoreSurging int
}

// LogTemplate is what lines have in common that one statement of a program wrote.
type LogTemplate struct {
	// Text of the template, with marks for what differs: order <num> of <*> failed. Like the examples it is redacted and cut.
	Text string
	// Fatal says that it ends a program (panic, fatal), and is not merely an error.
	Fatal bool
	// Trace says that a stack trace follows.
	Trace bool
	// Count of events in the part of the window that was read.
	Count int
	// Expected in a whole window, from Count and from the share that was read; Usual is the median of the pieces of the baseline
	// that are as long as a window, Most their 90th percentile.
	Expected, Usual, Most float64
	// Containers that wrote it, sorted.
	Containers []string
	// Examples of it, as they were written.
	Examples []string
}

// Logs of the cluster; nil where none were read.
func (g *Graph) Logs() *Logs { return g.logs }

// SetLogs puts them into the graph, before any check runs. They are sorted.
func (g *Graph) SetLogs(l *Logs) {
	slices.SortFunc(l.Workloads, func(a, b WorkloadLogs) int { return a.Workload.Compare(b.Workload) })
	g.logs = l
}
