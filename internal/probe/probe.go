// Package probe is the logic of every kind that describes a server: it proves by a round trip, on a cadence, that the server
// works, and records what it found. A kind brings how to connect, the round trip, and a list of parts, each with one
// auxiliary condition.
package probe

import (
	"cmp"
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/refwatch"
	"kubeops.io/kubeops/internal/secretref"
)

const (
	// Parallel is how many objects of a kind are probed at the same time. A probe waits for a server, so that many cost
	// little, and servers that hang delay no others.
	Parallel = 32
	// requestsPerProbe is how many requests in a row a probe may need, each with its own timeout.
	requestsPerProbe = 3
	// heartbeat is how old status.lastProbeTime may get before it is written although nothing else changed. A write for each
	// probe of each object would be most of what an idle manager asks of etcd.
	heartbeat = 10 * time.Minute
	// maxMessage of a condition, in runes.
	maxMessage = 1024
)

// Target is a kind that is probed.
type Target interface {
	kind.Object
	Probing() v1alpha1.Probing
}

// Connection to a server.
type Connection interface {
	// Close releases the connection.
	Close()
	// Redact removes credentials from a text of the server and cuts it to a number of runes.
	Redact(text string, maxRunes int) string
}

// Result of a successful round trip.
type Result struct {
	// Message of the condition Ready. It must not change from probe to probe.
	Message string
	// Reason of Ready=True. Default: Succeeded.
	Reason string
	// Changed says that the status has news that must be written even if no condition changed.
	Changed bool
	// NoLaterThan and NoSoonerThan bound when to probe again; zero leaves it to the cadence. They count for a failed probe, too.
	NoLaterThan, NoSoonerThan time.Duration
}

// Logic is the kind.Logic of a probed kind. All fields but Deadline, Reset, Parts, Forgotten, Paused and what
// NewReconciler sets are required.
type Logic[T Target, C Connection] struct {
	// Kind, for example MetricsBackend.
	Kind    string
	Cadence *Cadence
	Metrics *Metrics
	// Open makes a connection. It reads Secrets, and need not send anything.
	Open func(context.Context, T) (C, error)
	// Prove makes the round trip that decides Ready, and records in the status what it found.
	Prove func(context.Context, *kind.Scope[T], C) (Result, error)
	// Deadline of the round trip. Default: three times the timeout of a request.
	Deadline func(T) time.Duration
	// Reset removes from the status what only a successful round trip can tell.
	Reset func(T)
	// Parts are reconciled after the round trip, in this order.
	Parts []Part[T, C]
	// Forgotten is called with the key of an object that is gone.
	Forgotten func(client.ObjectKey)
	// Paused is called with the key of an object that is suspended, or left out by a quota or limit.
	Paused func(client.ObjectKey)
	// References tells whether a change of what the object refers to wakes the controller; NewReconciler sets it.
	References interface{ Watching(client.ObjectKey) bool }
	// MinInterval is the shortest interval between two probes that a spec may ask for; NewReconciler sets it. Default 0: any.
	MinInterval time.Duration
}

// Part is something beside the round trip that the spec may ask for. It has one auxiliary condition and takes no part in Ready.
type Part[T Target, C Connection] struct {
	// Condition is the type of the condition.
	Condition string
	// Wanted reports whether the spec asks for it. Where it does not, the condition is removed.
	Wanted func(T) bool
	// NeedsProof skips the part unless the round trip succeeded.
	NeedsProof bool
	// Reconcile brings the part up to date, and returns the state of its condition.
	Reconcile func(context.Context, *kind.Scope[T], C) outcome.Auxiliary
	// NotProbed is the state where Reconcile could not be called because of an error; nil keeps the last state.
	NotProbed func(error) outcome.Auxiliary
	// Remove undoes the part once the spec no longer asks for it. While it fails, the condition stays, with the error's reason
	// and message. Nil where there is nothing to undo.
	Remove func(context.Context, T) *problem.Problem
}

// NewReconciler is the reconciler of a probed kind. It wakes when a Secret changes that the spec of an object refers to, or the
// ServiceAccount that reads it.
func NewReconciler[T Target, C Connection](
	e kind.Environment, action string, empty func() T, logic *Logic[T, C], specOf func(T) any,
) *kind.Reconciler[T] {
	r := kind.NewReconciler(e, logic.Kind, action, empty, logic, func(object T) []refwatch.Reference {
		return References(object, specOf(object))
	})
	logic.References = r.References
	logic.MinInterval = e.Limits.MinProbeInterval
	return r
}

// References are the Secrets that a spec refers to, and the ServiceAccount that reads them.
func References(object Target, spec any) []refwatch.Reference {
	return kind.Secrets(object.GetNamespace(), object.Probing().ServiceAccountName, secretref.Names(spec))
}

// Reconcile implements kind.Logic.
func (l *Logic[T, C]) Reconcile(ctx context.Context, scope *kind.Scope[T]) (kind.Result, error) {
	connection, err := l.open(ctx, scope.Object)
	if p := problem.As(err); p != nil && p.Reason == v1alpha1.ReasonLimitExceeded {
		return kind.Result{}, l.refuse(scope, p)
	}
	if err != nil {
		if l.Reset != nil {
			l.Reset(scope.Object)
		}
		l.parts(ctx, scope, nil, err)
		return l.finish(ctx, scope, Result{}, toProblem(err, nil))
	}
	defer connection.Close()
	limited, cancel := context.WithTimeout(ctx, l.deadline(scope.Object))
	result, err := l.Prove(limited, scope, connection)
	cancel()
	l.parts(ctx, scope, &connection, err)
	return l.finish(ctx, scope, result, toProblem(err, connection))
}

// open makes a connection for a spec that the limits of the manager's configuration allow.
func (l *Logic[T, C]) open(ctx context.Context, object T) (connection C, err error) {
	interval := object.Probing().Interval.Duration
	if p := limits.MinDuration("spec.interval", interval, l.MinInterval, "limits.minProbeInterval"); p != nil {
		return connection, p
	}
	return l.Open(ctx, object)
}

// refuse records a spec that exceeds a limit. It is not probed again until it changes.
func (l *Logic[T, C]) refuse(scope *kind.Scope[T], p *problem.Problem) error {
	if l.Reset != nil {
		l.Reset(scope.Object)
	}
	l.Suspend(scope)
	scope.HandleRequest()
	return p
}

func (l *Logic[T, C]) deadline(object T) time.Duration {
	if l.Deadline != nil {
		return l.Deadline(object)
	}
	return requestsPerProbe * object.Probing().Timeout.Duration
}

// parts reconciles the parts. The connection is nil where it could not be opened; err is why, or why the round trip failed.
func (l *Logic[T, C]) parts(ctx context.Context, scope *kind.Scope[T], connection *C, err error) {
	conditions := scope.Conditions()
	for _, part := range l.Parts {
		switch {
		case !part.Wanted(scope.Object):
			l.remove(ctx, scope, part)
		case connection != nil && (err == nil || !part.NeedsProof):
			limited, cancel := context.WithTimeout(ctx, requestsPerProbe*scope.Object.Probing().Timeout.Duration)
			conditions.SetAuxiliary(part.Condition, part.Reconcile(limited, scope, *connection))
			cancel()
		case part.NotProbed != nil:
			conditions.SetAuxiliary(part.Condition, part.NotProbed(err))
		default:
			conditions.Keep(part.Condition)
		}
	}
}

func (l *Logic[T, C]) remove(ctx context.Context, scope *kind.Scope[T], part Part[T, C]) {
	if scope.Condition(part.Condition) == nil {
		return
	}
	if part.Remove != nil {
		if p := part.Remove(ctx, scope.Object); p != nil {
			scope.Conditions().SetAuxiliary(part.Condition, outcome.False(p.Reason, p.Message))
			return
		}
	}
	scope.Conditions().Remove(part.Condition)
}

// finish records the result, and says when the next probe is due.
func (l *Logic[T, C]) finish(ctx context.Context, scope *kind.Scope[T], result Result, p *problem.Problem) (kind.Result, error) {
	if err := ctx.Err(); err != nil {
		return kind.Result{}, err // the manager stops: what failed for that reason is no problem of the server
	}
	if p == nil {
		scope.Conditions().Ready(cmp.Or(result.Reason, v1alpha1.ReasonSucceeded), result.Message)
	} else {
		scope.Conditions().Failed(p)
	}
	requested := scope.Requested()
	probing := scope.Object.Probing()
	scope.HandleRequest()
	began := metav1.NewTime(scope.Now.Truncate(time.Second))
	*probing.LastProbeTime = &began
	l.Metrics.show(l.Kind, scope.Key(), p == nil)
	if p != nil && p.Cause != nil && scope.ReadyChanged() {
		log.FromContext(ctx).Info("Not ready", "reason", p.Reason, "message", p.Message)
	}
	after := l.Cadence.next(scope.Key(), scope.Object.GetGeneration(), probing.Interval.Duration, p)
	if p != nil && l.References != nil && kind.IsMissingReference(p) && l.References.Watching(scope.Key()) {
		after = max(after, kind.MissingReferenceRetry)
	}
	if result.NoLaterThan > 0 {
		after = min(after, result.NoLaterThan)
	}
	after = max(after, result.NoSoonerThan)
	return kind.Result{RequeueAfter: after, Unchanged: !requested && !result.Changed && !l.worthWriting(scope)}, nil
}

// worthWriting reports whether the status has news: conditions at once, what was measured once in an interval, and the time
// of the last probe alone once in a heartbeat.
func (l *Logic[T, C]) worthWriting(scope *kind.Scope[T]) bool {
	stored, changed := scope.Stored.Lifecycle(), scope.Object.Lifecycle()
	last := *scope.Stored.Probing().LastProbeTime
	if last == nil || *stored.ObservedGeneration != *changed.ObservedGeneration ||
		!equality.Semantic.DeepEqual(*stored.Conditions, *changed.Conditions) {
		return true
	}
	since := scope.Now.Sub(last.Time)
	measured := scope.Object.DeepCopyObject().(T)
	*measured.Probing().LastProbeTime = last
	if !equality.Semantic.DeepEqual(scope.Stored, measured) {
		return since >= scope.Object.Probing().Interval.Duration*8/10 // a wait may be a tenth shorter, and times are whole seconds
	}
	return since >= heartbeat
}

// Suspend implements kind.Suspender.
func (l *Logic[T, C]) Suspend(scope *kind.Scope[T]) {
	for _, part := range l.Parts {
		if part.Wanted(scope.Object) {
			scope.Conditions().Keep(part.Condition)
		} else if part.Remove == nil {
			scope.Conditions().Remove(part.Condition)
		}
	}
	l.drop(scope.Key())
	if l.Paused != nil {
		l.Paused(scope.Key())
	}
}

// Forget implements kind.Forgetter.
func (l *Logic[T, C]) Forget(key client.ObjectKey) {
	l.drop(key)
	if l.Forgotten != nil {
		l.Forgotten(key)
	}
}

func (l *Logic[T, C]) drop(key client.ObjectKey) {
	l.Metrics.forget(l.Kind, key)
	l.Cadence.forget(key)
}

// toProblem is an error as the user sees it; connection is nil where there is none.
func toProblem(err error, connection Connection) *problem.Problem {
	if err == nil {
		return nil
	}
	p := problem.As(err)
	switch {
	case p != nil:
		shown := *p
		if connection != nil {
			shown.Message = connection.Redact(p.Message, maxMessage)
		}
		return &shown
	case errors.Is(err, context.DeadlineExceeded):
		return problem.Retrying(v1alpha1.ReasonTimeout, err,
			"the probe did not finish in time; check the server's load, network policies, and spec.timeout")
	default:
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "unexpected error while probing; see the manager's log")
	}
}

// Reason of an error: that of the problem within it, or Retrying.
func Reason(err error) string {
	if p := problem.As(err); p != nil {
		return p.Reason
	}
	return v1alpha1.ReasonRetrying
}
