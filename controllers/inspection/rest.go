package inspection

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/outcome"
)

// longestSleep bounds how late a run may be after the machine's clock was set or the machine slept, since timers notice
// neither.
const longestSleep = 10 * time.Minute

// rest is a turn in which no run is due: it says what the Inspection waits for. What the next run of a schedule needs is
// looked at already, so that a mistake shows when it is made, and not in the night.
func (r *Reconciler) rest(ctx context.Context, stored, i *v1alpha1.Inspection, next time.Time) (ctrl.Result, error) {
	if i.Spec.Suspend {
		// A run that was cut off is not finished later under its old time; what is due on resumption begins anew. Its report, if
		// it came to that, has the same name and is found.
		i.Status.ActiveRun = nil
		r.conditions(i).Suspended("spec.suspend is set: no runs until it is taken away")
		return ctrl.Result{}, outcome.PatchStatus(ctx, r.Client, stored, i)
	}
	if !i.ExportsOpenReports() {
		r.unexport(ctx, i)
	}
	if i.Spec.Schedule != "" {
		if _, _, err := r.selectChecks(i.Spec.Checks, i.Spec.CustomChecks); err != nil {
			return r.failed(ctx, stored, i, err)
		}
		if _, err := r.impersonate(ctx, i); err != nil {
			return r.failed(ctx, stored, i, err)
		}
	}
	ready := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
	holds := ready != nil && ready.Status == metav1.ConditionTrue && i.Status.LastReport != ""
	var report *v1alpha1.InspectionReport
	if !holds || !r.Metrics.knows(i) {
		// A problem since the last run is gone, or the manager is new: what holds is what the last report says.
		var err error
		if report, err = r.previous(ctx, i); err != nil {
			return r.failed(ctx, stored, i, err)
		}
	}
	conditions := r.conditions(i)
	switch {
	case report != nil:
		r.Metrics.show(i, report)
		conditions.Succeeded(verdict(report))
	case holds:
		conditions.Succeeded(ready.Message) // of this generation too: nothing of it is left to do
	case i.Status.LastReport != "":
		conditions.Succeeded("the last report, " + i.Status.LastReport + ", was deleted")
	default:
		conditions.Ready(v1alpha1.ReasonScheduled, "first run at "+next.UTC().Format(time.RFC3339))
	}
	return r.sleep(next), outcome.PatchStatus(ctx, r.Client, stored, i)
}

// again looks right away for what else is due, else sleeps until the schedule is.
func (r *Reconciler) again(i *v1alpha1.Inspection) ctrl.Result {
	p, err := due(i, r.Clock.Now())
	_, unexplained := explanationDue(i)
	if err != nil || p.run != nil || unexplained {
		return ctrl.Result{RequeueAfter: time.Millisecond} // the next turn says what is wrong
	}
	return r.sleep(p.next)
}

// sleep until the schedule is due; without one, until the Inspection changes.
func (r *Reconciler) sleep(next time.Time) ctrl.Result {
	if next.IsZero() {
		return ctrl.Result{}
	}
	return ctrl.Result{RequeueAfter: min(max(next.Sub(r.Clock.Now()), time.Millisecond), longestSleep)}
}

// setNext records when the schedule is due next.
func setNext(i *v1alpha1.Inspection, next time.Time) {
	i.Status.NextRunTime = nil
	if !next.IsZero() {
		at := metav1.NewTime(next.UTC())
		i.Status.NextRunTime = &at
	}
}
