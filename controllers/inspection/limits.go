package inspection

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/schedule"
)

// exceeded is the first limit of the manager's configuration that a spec exceeds, or nil.
func exceeded(i *v1alpha1.Inspection, l limits.Limits) *problem.Problem {
	if p := tooFrequent(i, l.MinScheduleInterval); p != nil {
		return p
	}
	if i.Continuous() {
		if p := limits.MinDuration("spec.minInterval", i.MinInterval(), l.MinScheduleInterval, "limits.minScheduleInterval"); p != nil {
			return p
		}
	}
	if p := limits.MaxDuration("spec.timeout", i.Timeout(), l.MaxRunTimeout, "limits.maxRunTimeout"); p != nil {
		return p
	}
	if p := limits.MaxNumber("spec.keepReports", int64(i.KeepReports()), l.MaxKeepReports, "limits.maxKeepReports"); p != nil {
		return p
	}
	if a := i.Spec.LogAnalysis; a != nil && a.MaxLines != nil {
		return limits.MaxNumber("spec.logAnalysis.maxLines", int64(*a.MaxLines), l.MaxLogLines, "limits.maxLogLines")
	}
	return nil
}

// tooFrequent is the problem of a schedule with two times that are closer than the minimum. One that is invalid has another problem.
func tooFrequent(i *v1alpha1.Inspection, minimum time.Duration) *problem.Problem {
	if minimum <= 0 || i.Spec.Schedule == "" {
		return nil
	}
	times, err := schedule.Parse(specOf(i.Spec, i.CreationTimestamp.Time))
	if err != nil {
		return nil //nolint:nilerr // the run reports it
	}
	field := fmt.Sprintf("the interval of spec.schedule %q", i.Spec.Schedule)
	return limits.MinDuration(field, schedule.Shortest(times, minimum), minimum, "limits.minScheduleInterval")
}

// runQuota bounds the runs of all Inspections of a namespace within any hour. It works in memory: a new manager starts from zero.
// A nil runQuota bounds nothing.
type runQuota struct {
	perHour int

	mutex sync.Mutex
	// starts of the runs of a namespace within the last hour, and of those that wait, in order.
	starts map[string][]time.Time
	// reserved are the starts of Inspections that wait.
	reserved map[client.ObjectKey]time.Time
	// counted are the reports of continuous Inspections that were counted last.
	counted map[client.ObjectKey]string
}

func newRunQuota(perHour int) *runQuota {
	if perHour <= 0 {
		return nil
	}
	return &runQuota{
		perHour: perHour, starts: map[string][]time.Time{}, reserved: map[client.ObjectKey]time.Time{},
		counted: map[client.ObjectKey]string{},
	}
}

// take counts a run, or returns the problem that it has to wait. A run that was interrupted was counted before.
func (q *runQuota) take(key client.ObjectKey, inspection *v1alpha1.Inspection, now time.Time) error {
	if q == nil || inspection.Status.ActiveRun != nil {
		return nil
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	at, waits := q.reserved[key]
	if !waits {
		at = q.next(key.Namespace, now)
		q.starts[key.Namespace] = append(q.starts[key.Namespace], at)
	}
	if !at.After(now) {
		delete(q.reserved, key)
		return nil
	}
	q.reserved[key] = at
	return problem.Waiting(v1alpha1.ReasonQuotaExceeded, min(at.Sub(now), maxSleep),
		"namespace %s exceeds its quota of %d runs per hour (quotas.runsPerHour in the manager's configuration); the run starts when the "+
			"quota allows; schedule fewer runs, or have the quota raised", key.Namespace, q.perHour)
}

// takeFor counts a report of a continuous Inspection as a run, once however often it is asked for, or returns the problem that it has to
// wait.
func (q *runQuota) takeFor(key client.ObjectKey, inspection *v1alpha1.Inspection, report string, now time.Time) error {
	if q == nil {
		return nil
	}
	q.mutex.Lock()
	counted := q.counted[key] == report
	q.mutex.Unlock()
	if counted {
		return nil
	}
	if err := q.take(key, inspection, now); err != nil {
		return err
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.counted[key] = report
	return nil
}

// next is when one more run of a namespace may start.
func (q *runQuota) next(namespace string, now time.Time) time.Time {
	past := slices.IndexFunc(q.starts[namespace], func(t time.Time) bool { return now.Sub(t) < time.Hour })
	if past < 0 {
		past = len(q.starts[namespace])
	}
	starts := slices.Delete(q.starts[namespace], 0, past)
	q.starts[namespace] = starts
	if len(starts) < q.perHour {
		return now
	}
	next := starts[len(starts)-q.perHour].Add(time.Hour)
	if next.Before(now) {
		return now
	}
	return next
}

// forget an Inspection that is gone.
func (q *runQuota) forget(key client.ObjectKey) {
	if q == nil {
		return
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	delete(q.reserved, key)
	delete(q.counted, key)
}
