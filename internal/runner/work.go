package runner

import (
	"context"
	"errors"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
)

// Work is what one child process does: an Inspection of one cluster, or the part of a cluster in an Inspection of several. It can be
// repeated at any time, since it writes nothing.
type Work struct {
	Inspection *v1alpha1.Inspection
	// Run identifies the run: the name of its report.
	Run string
	// Part is nil for an Inspection without spec.clusters.
	Part *fleet.Part
}

// cluster that the work is about; empty for that of the manager.
func (w *Work) cluster() string {
	if w.Part == nil {
		return ""
	}
	return w.Part.Cluster
}

// MaxBehind is how long work that may hang is passed by other work of its namespace.
const MaxBehind = time.Minute

// Passes reports whether work comes before other work of its namespace that asked earlier, by a duration: the other may hang, and it itself
// does not seem to.
func Passes(laterMayHang, earlierMayHang bool, by time.Duration) bool {
	return earlierMayHang && !laterMayHang && by < MaxBehind
}

// MayHang reports whether nothing says that the cluster answers: it was late the last time, or nothing of it was ever read.
func (w *Work) MayHang() bool {
	return w.Part != nil && (w.Part.Late || w.Part.Objects <= 0)
}

// timeout of the work, from when everything that it refers to is there, and the field that sets it.
func (w *Work) timeout() (limit time.Duration, field string) {
	if w.Part == nil {
		return w.Inspection.Timeout(), "spec.timeout"
	}
	return w.Part.Deadline, "spec.clusters.timeout"
}

// Parts do work, here or elsewhere: Child in a process of this machine, a work queue in that of a worker.
type Parts interface {
	// Do calls started once everything that the work refers to is there, before slow work begins, and ends with its error if it has one.
	// Other errors are problems, or the end of ctx. It may wait for others before it begins.
	Do(ctx context.Context, work Work, started func(context.Context) error) (fleet.PartResult, error)
}

// queueFailed reports whether an error is about the work queue and not about a cluster, so that no part can be done.
func queueFailed(err error) bool {
	p := problem.As(err)
	return p != nil && (p.Reason == v1alpha1.ReasonNoWorkers || p.Reason == v1alpha1.ReasonWorkQueueUnavailable ||
		p.Reason == v1alpha1.ReasonWorkQueueFull)
}

// NewOutcome is the result of work for another process. Errors that are no problem are one that is worth another attempt.
func NewOutcome(done fleet.PartResult, err error) Outcome {
	outcome := Outcome{Took: done.Took}
	switch p := problem.As(err); {
	case p != nil:
		outcome.Problem = toWire(p)
	case err != nil:
		outcome.Problem = toWire(problem.Retrying(v1alpha1.ReasonRetrying, err, "unexpected error while inspecting; see the manager's log"))
	case done.Result != nil:
		outcome.Report, outcome.Durations, outcome.Comparison = done.Result.Report, done.Result.Durations, done.Result.Comparison
	}
	return outcome
}

// Result is what NewOutcome got. An outcome of neither a report nor a problem is an error.
func (o *Outcome) Result() (fleet.PartResult, error) {
	done := fleet.PartResult{Took: o.Took}
	switch {
	case o.Problem != nil:
		return done, o.Problem.Described()
	case o.Report == nil:
		return done, errors.New("an outcome needs a report or a problem")
	}
	done.Result = &inspect.Result{Report: o.Report, Durations: o.Durations, Comparison: o.Comparison}
	return done, nil
}
