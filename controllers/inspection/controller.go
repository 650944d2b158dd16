// Package inspection runs Inspections: it decides whether a run is due, runs the engine with the permissions of the
// Inspection's ServiceAccount, saves the report once, and records the result. Explaining and exporting a report are the
// business of packages explanation and export.
package inspection

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/refwatch"
	"kubeops.io/kubeops/internal/runner"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=inspections,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspections/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspections/finalizers,verbs=update
// +kubebuilder:rbac:groups=kubeops.io,resources=metricsbackends;logbackends,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get;watch

const kindName = "Inspection"

// Setup adds the controller to a manager. It also wakes when a channel appears or goes that an Inspection names.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	metrics, err := NewMetrics(e.Settings.Metrics)
	if err != nil {
		return err
	}
	// Inspections share what a backend allows; the backend's own probe does not wait for them.
	shared := *e.Backends
	shared.Queries = &backends.Queries{}
	slots := kind.Slots{Parallel: max(e.Settings.ParallelInspections, 1), PerNamespace: e.Quotas.ConcurrentRuns}
	wake := &waker{}
	options := Options{Metrics: metrics, Checks: checks.Builtin(), Backends: &shared, Engine: inspect.Run}
	if command := e.Settings.RunCommand; command != nil {
		child := &runner.Child{
			Command: *command, Config: m.GetConfig(), Backends: &shared, Targets: targetsOf(e), Parts: e.Settings.Parts,
			Memory: runner.NewMemory(int64(slots.Parallel)*command.Memory, command.Memory),
		}
		options.Runner = child
		watching := *child
		watching.Command.Processors = max(command.Processors, watchProcessors)
		options.Watches = &runner.Watches{
			Child: &watching, Max: e.Settings.ContinuousInspections, PerNamespace: e.Quotas.ConcurrentRuns, Wake: wake.up,
			Clock: clock.RealClock{},
		}
		if err := errors.Join(m.Add(options.Watches), register(e.Settings.Metrics, options.Watches)); err != nil {
			return err
		}
		slots.Quick = known(options.Watches)
		slots.QuickSlots = quickSlots
	}
	r := New(e, options)
	if err := kind.Index(m, &v1alpha1.Inspection{}, ReferencedResources); err != nil {
		return err
	}
	existence := builder.WithPredicates(predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }})
	channels := Referents(m.GetClient(), "NotificationChannel")
	return r.Build(m, "inspection", slots.Interruptible()).
		WatchesMetadata(kind.MetadataOf("NotificationChannel"), channels, existence).
		WatchesRawSource(source.Func(wake.source)).
		Complete(r)
}

// Options of the controller, beside its environment. All fields but Runner and Watches are required.
type Options struct {
	Metrics *Metrics
	// Checks is the catalogue.
	Checks []check.Check
	// Backends opens what spec.metricsRef and spec.logsRef name.
	Backends *backends.Resolver
	Engine   runner.Engine
	// Runner runs Inspections. Default: in this process, with Engine.
	Runner runner.Runner
	// Watches watch the clusters of Inspections that are continuous. Default: none may be.
	Watches *runner.Watches
}

// New is the reconciler of Inspections.
func New(e *environment.Environment, o Options) *kind.Reconciler[*v1alpha1.Inspection] {
	local := &runner.Local{
		Reader: e.Reader, Accounts: e.Accounts, Clock: e.Clock, Checks: o.Checks, Backends: o.Backends, Engine: o.Engine,
		Targets: targetsOf(e),
	}
	l := &logic{
		local: local, runner: o.Runner, reports: reports{client: e.Client, reader: e.Reader, clock: e.Clock, events: e.Events},
		client: e.Client, channels: e.Client, clock: e.Clock, events: e.Events, metrics: o.Metrics, limits: e.Limits,
		runs: newRunQuota(e.Quotas.RunsPerHour), watches: o.Watches,
	}
	if l.runner == nil {
		l.runner = local
	}
	if l.watches == nil {
		l.watches = &runner.Watches{}
	}
	empty := func() *v1alpha1.Inspection { return &v1alpha1.Inspection{} }
	return kind.NewReconciler(e.Environment, kindName, "Inspect", empty, l, func(i *v1alpha1.Inspection) []refwatch.Reference {
		return []refwatch.Reference{kind.ServiceAccount(i.Namespace, i.ServiceAccountName())}
	})
}

func targetsOf(e *environment.Environment) runner.Targets {
	return (&selection{cached: e.Client, reader: e.Reader, registry: e.Clusters}).targets
}

// logic reconciles Inspections. The parts hold what each step needs; every step takes values and returns values.
type logic struct {
	// local checks what a run needs; runner runs it.
	local   *runner.Local
	runner  runner.Runner
	reports reports
	client  client.Client
	// channels reads the metadata of NotificationChannels, from the cache of the manager: it is watched.
	channels client.Reader
	clock    clock.PassiveClock
	events   events.EventRecorder
	metrics  *Metrics
	limits   limits.Limits
	runs     *runQuota
	checked  checked
	// watches are the Inspections that are continuous.
	watches *runner.Watches
}

// Reconcile implements kind.Logic: it executes the run that is due, or waits for the next.
func (l *logic) Reconcile(ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection]) (kind.Result, error) {
	if scope.Object.Continuous() {
		return l.continuous(ctx, scope)
	}
	if l.leaveContinuous(scope) {
		return kind.Result{RequeueAfter: time.Millisecond, Unchanged: true}, nil
	}
	plan, err := l.plan(scope.Object)
	setNextRun(scope.Object, plan.next)
	if err != nil {
		return kind.Result{}, l.failed(ctx, scope, err)
	}
	if plan.run == nil {
		after, err := l.idle(ctx, scope, plan.next)
		return kind.Result{RequeueAfter: after}, l.failed(ctx, scope, err)
	}
	report, err := l.execute(ctx, scope, plan.run)
	if err != nil {
		return kind.Result{}, l.failed(ctx, scope, err)
	}
	record(scope.Object, plan.run, report)
	conclude(scope.Conditions(), report)
	l.checked.remember(scope)
	scope.AfterWrite(func() { l.saved(ctx, scope.Object, report) })
	return kind.Result{RequeueAfter: l.requeueAfter(scope.Object), Told: true}, nil
}

// saved counts a report and records an event about it.
func (l *logic) saved(ctx context.Context, inspection *v1alpha1.Inspection, report *v1alpha1.InspectionReport) {
	l.metrics.finished(inspection, report)
	eventType := corev1.EventTypeNormal
	line := render.Headline(report.Summary)
	if !report.Summary.Complete() {
		eventType = corev1.EventTypeWarning
		line = missing(report)
	}
	kind.Event(ctx, l.events, inspection, eventType, "ReportSaved", "Inspect", "Saved InspectionReport "+report.Name+": "+line)
}

// plan is what to do now with an Inspection that the limits allow.
func (l *logic) plan(inspection *v1alpha1.Inspection) (plan, error) {
	if p := exceeded(inspection, l.limits); p != nil {
		return plan{}, p
	}
	return due(inspection, l.clock.Now())
}

// execute is one run, from its references to its saved report. A run that an earlier attempt has saved is not repeated.
func (l *logic) execute(
	ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection], run *v1alpha1.InspectionRun,
) (*v1alpha1.InspectionReport, error) {
	report, err := l.reports.existing(ctx, scope.Object, run)
	if err != nil {
		return nil, err
	}
	if report == nil {
		if report, err = l.inspect(ctx, scope, run); err != nil {
			return nil, err
		}
	}
	if err := l.reports.prune(ctx, scope.Object, report.Name); err != nil {
		return nil, err
	}
	setNotified(scope, l.missingChannels(ctx, scope.Object))
	return report, nil
}

// announce records that a run is in progress, before slow work begins: after a crash, that run is finished first.
func (l *logic) announce(ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection], run *v1alpha1.InspectionRun) error {
	scope.Object.Status.ActiveRun = run
	scope.Conditions().Progressing("Inspecting: " + describe(run))
	return scope.Write(ctx, l.client)
}

// failed counts an attempt that ended with a problem. One that was interrupted is repeated. Where nothing can be read any more, the
// score of the last report is shown no longer.
func (l *logic) failed(ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection], err error) error {
	if p := problem.As(err); p != nil && ctx.Err() == nil {
		l.metrics.failed(p.Reason)
		if blind(p.Reason) {
			scope.Object.Status.Score = nil
			l.metrics.forgetScore(scope.Object)
		}
	}
	return err
}

// blind reports whether a problem means that nothing can be read.
func blind(reason string) bool {
	switch reason {
	case v1alpha1.ReasonForbidden, v1alpha1.ReasonImpersonationForbidden, v1alpha1.ReasonServiceAccountNotFound,
		v1alpha1.ReasonNamespaceNotFound, v1alpha1.ReasonClusterUnreachable:
		return true
	}
	return false
}

// Suspend implements kind.Suspender. A run that was interrupted is not finished later under its old time; what is due on
// resumption starts from the beginning. If its report was saved already, it has the same name and is found.
func (l *logic) Suspend(scope *kind.Scope[*v1alpha1.Inspection]) {
	l.watches.Stop(scope.Key())
	scope.Object.Status.ActiveRun, scope.Object.Status.NextRunTime = nil, nil
	scope.Conditions().Keep(v1alpha1.ConditionNotified)
}

// Forget implements kind.Forgetter.
func (l *logic) Forget(key client.ObjectKey) {
	l.watches.Stop(key)
	l.metrics.forget(key.Namespace, key.Name)
	l.runs.forget(key)
	l.checked.forget(key)
}
