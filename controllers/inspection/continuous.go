package inspection

import (
	"context"
	"errors"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
)

const (
	// quickSlots reconcile Inspections that are continuous. Each takes some requests.
	quickSlots = 4
	// watchProcessors is how many processors a child that watches may use at least. It is idle most of the time, and a change waits for it.
	watchProcessors = 2
	// continuousRetry is when to look again whether one more Inspection may be watched.
	continuousRetry = time.Minute
)

// continuous keeps an Inspection watched: the latest judgement goes into the status at once, and into a report when one is due.
func (l *logic) continuous(ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection]) (kind.Result, error) {
	inspection := scope.Object
	plan, err := l.plan(inspection)
	setNextRun(inspection, plan.next)
	if err != nil {
		l.watches.Stop(scope.Key())
		return kind.Result{}, l.failed(ctx, scope, err)
	}
	state, err := l.watches.Ensure(inspection, scope.Referents, func() error { return l.local.Check(ctx, inspection) })
	switch {
	case errors.Is(err, runner.ErrTooMany):
		err = l.notAllowed()
	case errors.Is(err, runner.ErrTooManyOfNamespace):
		err = problem.Waiting(v1alpha1.ReasonQuotaExceeded, continuousRetry, "%d Inspections of namespace %s are continuous, which is its "+
			"quota (quotas.concurrentRuns in the manager's configuration); set spec.mode to Scheduled, or have it raised",
			l.watches.PerNamespace, inspection.Namespace)
	}
	if err == nil {
		err = problemOf(state)
	}
	if err != nil {
		return kind.Result{}, l.failed(ctx, scope, err)
	}
	if state.Latest == nil {
		scope.Conditions().Progressing("Reading the cluster, which is watched from then on")
		return kind.Result{}, nil
	}
	run, wait := dueContinuously(inspection, plan, state.Latest, l.clock.Now())
	if run != nil {
		err = l.runs.takeFor(scope.Key(), inspection, run.Report, l.clock.Now())
	}
	saving := run != nil && err == nil
	if saving && state.Evidence != nil && state.Evidence.Report != nil {
		return l.saveJudgement(ctx, scope, run, state.Evidence.Report.DeepCopy())
	}
	l.watches.Want(scope.Key(), inspection.Status.LastReport, saving)
	recordFindings(inspection, state.Latest.Report)
	l.metrics.show(inspection, state.Latest.Report)
	setNotified(scope, l.missingChannels(ctx, inspection))
	conclude(scope.Conditions(), state.Latest.Report)
	if err != nil {
		return kind.Result{}, l.failed(ctx, scope, err)
	}
	return kind.Result{RequeueAfter: wait}, nil
}

// saveJudgement saves a judgement as a report.
func (l *logic) saveJudgement(
	ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection], run *v1alpha1.InspectionRun, judged *v1alpha1.InspectionReport,
) (kind.Result, error) {
	report, err := l.reports.existing(ctx, scope.Object, run)
	if err == nil && report == nil {
		report, err = l.reports.save(ctx, scope.Object, run, judged)
	}
	if err == nil {
		err = l.reports.prune(ctx, scope.Object, report.Name)
	}
	if err != nil {
		return kind.Result{}, l.failed(ctx, scope, err)
	}
	setNotified(scope, l.missingChannels(ctx, scope.Object))
	record(scope.Object, run, report)
	conclude(scope.Conditions(), report)
	l.watches.Want(scope.Key(), report.Name, false)
	log.FromContext(ctx).Info("Saved what was judged", "report", run.Report, "trigger", run.Trigger)
	scope.AfterWrite(func() { l.saved(ctx, scope.Object, report) })
	return kind.Result{RequeueAfter: time.Millisecond, Told: true}, nil
}

// notAllowed is the problem of an Inspection that the manager's configuration does not let watch its cluster.
func (l *logic) notAllowed() *problem.Problem {
	if l.watches.Max == 0 {
		return problem.UserError(v1alpha1.ReasonContinuousDisabled, nil, "spec.mode Continuous is disabled (inspections.maxContinuous in "+
			"the manager's configuration is 0); set spec.mode to Scheduled, or have it enabled")
	}
	return problem.Waiting(v1alpha1.ReasonQuotaExceeded, continuousRetry, "%d Inspections are continuous, which is the maximum "+
		"(inspections.maxContinuous in the manager's configuration); set spec.mode to Scheduled, or have it raised", l.watches.Max)
}

// problemOf a state, which says why the cluster is not watched or not judged.
func problemOf(state runner.Watched) error {
	switch {
	case state.Problem != nil:
		return state.Problem
	case state.Latest != nil && state.Latest.Problem != nil:
		return state.Latest.Problem.Described()
	}
	return nil
}

// dueContinuously is the report that is due: for the reasons of every Inspection, or because findings differ from those of the last report,
// which is at least spec.minInterval old. Without one, wait is when to look again.
func dueContinuously(
	i *v1alpha1.Inspection, p plan, latest *runner.Judgement, now time.Time,
) (run *v1alpha1.InspectionRun, wait time.Duration) {
	if p.run != nil {
		return p.run, 0
	}
	if !p.next.IsZero() {
		wait = min(max(p.next.Sub(now), time.Millisecond), maxSleep)
	}
	if latest.For.Previous != i.Status.LastReport || !differs(i, latest.Report) {
		return nil, wait
	}
	if last := i.Status.LastRunTime; last != nil {
		if left := last.Add(i.MinInterval()).Sub(now); left > 0 {
			if wait == 0 || left < wait {
				wait = left
			}
			return nil, wait
		}
	}
	run = &v1alpha1.InspectionRun{Generation: i.Generation, Trigger: triggerChange}
	run.Report = reportName(i, triggerChange, "c", i.Status.LastReport)
	return run, 0
}

// differs reports whether a judgement has other findings than the last report, with which it was compared. Those that come and go count
// once.
func differs(i *v1alpha1.Inspection, judged *v1alpha1.InspectionReport) bool {
	changes := judged.Summary.Changes
	return i.Status.LastReport == "" || changes.New > 0 || changes.Fixed > 0
}

// leaveContinuous ends the child of an Inspection that is not continuous any more. It reports whether there was one: the slot is then for
// quick reconciles, and a run needs another.
func (l *logic) leaveContinuous(scope *kind.Scope[*v1alpha1.Inspection]) bool {
	if !l.watches.Has(scope.Key()) {
		return false
	}
	l.watches.Stop(scope.Key())
	return true
}
