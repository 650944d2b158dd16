package inspection

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
)

// maxSleep bounds how late a run may be after the machine's clock was set or the machine slept; timers notice neither.
const maxSleep = 10 * time.Minute

// idle is a reconcile in which no run is due: it records what the Inspection waits for. What the next scheduled run needs is
// checked already, so that a mistake shows when it is made, and not at night. Once Ready is decided for a generation, that is not
// repeated until a referent changes.
func (l *logic) idle(ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection], next time.Time) (time.Duration, error) {
	inspection := scope.Object
	setNotified(scope, l.missingChannels(ctx, inspection))
	if l.checked.holds(scope) {
		return l.sleep(next), nil
	}
	if inspection.Spec.Schedule != "" {
		if err := l.local.Check(ctx, inspection); err != nil {
			return 0, err
		}
	}
	ready := scope.Condition(v1alpha1.ConditionReady)
	holds := ready != nil && ready.Status == metav1.ConditionTrue && inspection.Status.LastReport != ""
	var report *v1alpha1.InspectionReport
	if !holds || !l.metrics.knows(inspection) {
		// A problem since the last run is gone, or the manager is new: the last report says what holds.
		var err error
		if report, err = l.local.Previous(ctx, inspection); err != nil {
			return 0, err
		}
	}
	conditions := scope.Conditions()
	switch {
	case report != nil:
		l.metrics.show(inspection, report)
		inspection.Status.Score = report.Summary.Score
		conclude(conditions, report)
	case holds:
		conditions.Succeeded(ready.Message) // for this generation too: nothing of it is left to do
	case inspection.Status.LastReport != "" && inspection.Status.Score == nil:
		conditions.Incomplete(v1alpha1.ReasonIncomplete, "no complete report: the last one, "+inspection.Status.LastReport+", was deleted")
	case inspection.Status.LastReport != "":
		conditions.Succeeded("the last report, " + inspection.Status.LastReport + ", was deleted")
	default:
		conditions.Ready(v1alpha1.ReasonScheduled, "first run at "+next.UTC().Format(time.RFC3339))
	}
	l.checked.remember(scope)
	return l.sleep(next), nil
}

// requeueAfter is when to reconcile after a run: at once if another is due, else when the schedule is.
func (l *logic) requeueAfter(inspection *v1alpha1.Inspection) time.Duration {
	p, err := due(inspection, l.clock.Now())
	if err != nil || p.run != nil {
		return time.Millisecond // the next reconcile reports what is wrong
	}
	return l.sleep(p.next)
}

// sleep until the schedule is due; without one, until the Inspection changes.
func (l *logic) sleep(next time.Time) time.Duration {
	if next.IsZero() {
		return 0
	}
	return min(max(next.Sub(l.clock.Now()), time.Millisecond), maxSleep)
}

// setNextRun records when the schedule is due next.
func setNextRun(inspection *v1alpha1.Inspection, next time.Time) {
	inspection.Status.NextRunTime = nil
	if !next.IsZero() {
		at := metav1.NewTime(next.UTC())
		inspection.Status.NextRunTime = &at
	}
}
