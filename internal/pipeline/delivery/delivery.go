// Package delivery computes the four DORA figures of a Pipeline from its runs. docs/pipelines.md says what they count.
package delivery

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// Window of the figures.
	Window = 30 * 24 * time.Hour
	// minSpan is the shortest time that a frequency is computed for.
	minSpan = 24 * time.Hour
)

// Summarize describes the deployment of a run that has ended; nil if it deployed nothing, or was canceled.
func Summarize(run *v1alpha1.PipelineRun) *v1alpha1.DeliveryStatus {
	status := &run.Status
	if status.Phase != v1alpha1.RunSucceeded && status.Phase != v1alpha1.RunFailed || status.CompletionTime == nil {
		return nil
	}
	stages := deploying(status.Stages)
	if len(stages) == 0 {
		return nil
	}
	d := &v1alpha1.DeliveryStatus{CommitTime: status.CommitTime}
	for _, s := range stages {
		if s.Phase == v1alpha1.StageSucceeded && s.CompletionTime != nil {
			d.DeployedTime = latest(d.DeployedTime, s.CompletionTime)
		}
	}
	if status.Phase == v1alpha1.RunSucceeded && d.DeployedTime == nil { // all were skipped
		return nil
	}
	if status.Phase == v1alpha1.RunSucceeded {
		return d
	}
	d.FailedTime = failedAt(status)
	if d.FailedTime == nil { // a stage of finally failed, which is about something else
		if d.DeployedTime == nil {
			return nil
		}
		return d
	}
	d.RestoredTime = rolledBackAt(stages)
	return d
}

// deploying are the stages that deploy, and have started: those of type deploy and bundle, or of type commit if there is none of these.
func deploying(all []v1alpha1.StageStatus) []*v1alpha1.StageStatus {
	for _, types := range [][]v1alpha1.StageType{{v1alpha1.StageDeploy, v1alpha1.StageBundle}, {v1alpha1.StageCommit}} {
		var found []*v1alpha1.StageStatus
		exists := false
		for i := range all {
			s := &all[i]
			if s.Finally || !slices.Contains(types, s.Type) {
				continue
			}
			exists = true
			if s.StartTime != nil && s.Phase != v1alpha1.StageSkipped && s.Phase != v1alpha1.StageWaiting {
				found = append(found, s)
			}
		}
		if exists {
			return found
		}
	}
	return nil
}

// failedAt is when the first stage of a run failed; nil if none did, other than those of finally.
func failedAt(status *v1alpha1.PipelineRunStatus) (first *metav1.Time) {
	for i := range status.Stages {
		s := &status.Stages[i]
		if s.Phase.Failed() && !s.Finally && s.CompletionTime != nil && (first == nil || s.CompletionTime.Before(first)) {
			first = s.CompletionTime
		}
	}
	return first
}

// rolledBackAt is when all deployments of a run had been rolled back; nil if one was not.
func rolledBackAt(stages []*v1alpha1.StageStatus) (last *metav1.Time) {
	for _, s := range stages {
		if s.Rollback == nil || s.Rollback.Phase != v1alpha1.StageSucceeded {
			return nil
		}
		last = latest(last, s.Rollback.CompletionTime)
	}
	return last
}

func latest(a, b *metav1.Time) *metav1.Time {
	if a == nil || b != nil && a.Before(b) {
		return b
	}
	return a
}

// Deployment of a run.
type Deployment struct {
	// Ended is when the run ended.
	Ended time.Time
	// Lead time from the commit, or from the request of the run, until it was deployed; zero if it was not.
	Lead time.Duration
	// Failed is when the run failed, and Restored when it was rolled back; zero if it did not, or was not.
	Failed, Restored time.Time
}

// Of are the deployments of runs, the oldest first.
func Of(runs []v1alpha1.PipelineRun) []Deployment {
	var list []Deployment
	for i := range runs {
		run := &runs[i]
		d := run.Status.Delivery
		if d == nil || run.Status.CompletionTime == nil {
			continue
		}
		one := Deployment{Ended: run.Status.CompletionTime.Time}
		if d.DeployedTime != nil {
			since := run.CreationTimestamp.Time
			if d.CommitTime != nil && d.CommitTime.Time.Before(since) {
				since = d.CommitTime.Time
			}
			one.Lead = max(d.DeployedTime.Sub(since), time.Second)
		}
		if d.FailedTime != nil {
			one.Failed = d.FailedTime.Time
		}
		if d.RestoredTime != nil {
			one.Restored = d.RestoredTime.Time
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b Deployment) int { return a.Ended.Compare(b.Ended) })
	return list
}

// Figures of the deployments of the last 30 days. Those that do not exist are negative.
type Figures struct {
	// PerDay is the number of successful deployments per day.
	PerDay float64
	// Lead is the median of the times from commit to deployed, of successful deployments.
	Lead time.Duration
	// FailureRate is the share of deployments that failed, 0 to 1.
	FailureRate float64
	// Restore is the median of the times from a failure until it was rolled back, or until the next successful deployment.
	Restore time.Duration
}

// Compute the figures at a time. The deployments are the oldest first. If the first of them is within the window, runs before it may have
// been deleted, so that the frequency counts from there.
func Compute(list []Deployment, now time.Time) Figures {
	f := Figures{PerDay: -1, Lead: -1, FailureRate: -1, Restore: -1}
	begin := now.Add(-Window)
	var leads, restores []time.Duration
	var oldest, failing time.Time
	failed, all := 0, 0
	for _, d := range list {
		within := d.Ended.After(begin)
		if within && oldest.IsZero() {
			oldest = d.Ended
		}
		if within {
			all++
		}
		switch {
		case d.Failed.IsZero():
			if !failing.IsZero() && within {
				restores = append(restores, d.Ended.Sub(failing))
			}
			failing = time.Time{}
			if within && d.Lead > 0 {
				leads = append(leads, d.Lead)
			}
		case !d.Restored.IsZero():
			if within {
				failed++
				since := d.Failed
				if !failing.IsZero() {
					since = failing
				}
				restores = append(restores, d.Restored.Sub(since))
			}
			failing = time.Time{}
		default:
			if within {
				failed++
			}
			if failing.IsZero() {
				failing = d.Failed
			}
		}
	}
	if len(list) > 0 {
		span := Window
		if list[0].Ended.After(begin) {
			span = max(now.Sub(oldest), minSpan)
		}
		f.PerDay = float64(all-failed) / (float64(span) / float64(24*time.Hour))
	}
	if all > 0 {
		f.FailureRate = float64(failed) / float64(all)
	}
	f.Lead, f.Restore = median(leads), median(restores)
	return f
}

// median of durations; negative if there is none.
func median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return -1
	}
	slices.Sort(list)
	middle := len(list) / 2
	if len(list)%2 == 1 {
		return list[middle]
	}
	return (list[middle-1] + list[middle]) / 2
}
