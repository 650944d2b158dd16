package facts

import (
	"slices"
	"time"
)

// SourceLogTemplates is which errors workloads log, compared with a baseline; see Graph.Logs. It comes from a LogBackend.
const SourceLogTemplates Source = "logs/templates"

// SourceRunningLogs is what running Pods of this cluster log now; see Graph.RunningLogs. It is read from the kubelets, without a backend.
const SourceRunningLogs Source = "cluster/logs"

// RunningLogs are the newest lines of a few running containers.
type RunningLogs struct {
	// Window before At that was read. A graph may have those of an earlier one.
	Window time.Duration
	At     time.Time
	// Containers that were read, sorted by workload, Pod and name.
	Containers []ContainerLog
}

// ContainerLog is what one container logged in the window, as far as it was read: its last lines.
type ContainerLog struct {
	// Pod and Container that were read, and the Workload that the Pod belongs to.
	Pod       Ref
	Container string
	Workload  Ref
	// Events are the lines that were read, a stack trace counted once.
	Events int
	// Lines that repeat, the most severe and most frequent first; a few.
	Lines []RepeatedLine
}

// RepeatedLine is a log statement that wrote several lines.
type RepeatedLine struct {
	// Text of the template with placeholders, and its newest line as an Example. Both are redacted and clipped.
	Text, Example string
	// Error is true where the level of the lines is error or fatal; Fatal for the latter.
	Error, Fatal bool
	// Count of lines, and the times of the First and Last.
	Count       int
	First, Last time.Time
}

// RunningLogs returns what running Pods log; nil where nothing was read.
func (g *Graph) RunningLogs() *RunningLogs { return g.running }

// SetRunningLogs adds them to the graph. Call it before checks run.
func (g *Graph) SetRunningLogs(l *RunningLogs) {
	g.running = l
	g.Provide(SourceRunningLogs)
}

// Logs are the errors in the logs of a backend: statistics with a few example lines, never all lines.
type Logs struct {
	// Window is compared with Baseline, the time before it.
	Window, Baseline time.Duration
	// Covered and BaselineCovered are the shares of their lines that were read, 0 to 1.
	Covered, BaselineCovered float64
	// Workloads with new or surging errors, sorted.
	Workloads []WorkloadLogs
}

// WorkloadLogs are the errors of one workload, over all its Pods and containers.
type WorkloadLogs struct {
	Workload Ref
	// Known is true where the workload logged in the baseline. Otherwise all its errors are new.
	Known bool
	// New templates of errors are not in the baseline, Surging ones are far more frequent than there; a few, worst first.
	// MoreNew and MoreSurging count the others.
	New, Surging         []LogTemplate
	MoreNew, MoreSurging int
}

// LogTemplate is the common part of the lines that one log statement wrote.
type LogTemplate struct {
	// Text of the template with placeholders: order <num> of <*> failed. Like the examples, it is redacted and clipped.
	Text string
	// Fatal is true where it ends the program (panic, fatal).
	Fatal bool
	// Trace is true where a stack trace follows.
	Trace bool
	// Count of lines in the part of the window that was read.
	Count int
	// Expected is Count extrapolated to the whole window. Usual is the median of the windows in the baseline, Most their 90th
	// percentile.
	Expected, Usual, Most float64
	// Containers that logged it, sorted.
	Containers []string
	// Examples are original lines.
	Examples []string
}

// Logs returns the errors in logs; nil where none were read.
func (g *Graph) Logs() *Logs { return g.logs }

// SetLogs adds them to the graph, sorted. Call it before checks run.
func (g *Graph) SetLogs(l *Logs) {
	slices.SortFunc(l.Workloads, func(a, b WorkloadLogs) int { return a.Workload.Compare(b.Workload) })
	g.logs = l
}
