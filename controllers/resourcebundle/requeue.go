package resourcebundle

import (
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// pendingRetry is when to look again at objects that wait for others, progressRetry at those that are not healthy yet or are being
	// deleted, and failureRetry at a cluster that failed.
	pendingRetry  = 2 * time.Second
	progressRetry = 5 * time.Second
	failureRetry  = 10 * time.Second
	// waveRetry is when to begin the next wave.
	waveRetry = 100 * time.Millisecond
)

// nextIn is when to reconcile next.
func (w *work) nextIn(outcomes []clusterOutcome, rollout *bundle.Rollout) time.Duration {
	after := w.pause()
	if next := w.sources.next; next > 0 {
		after = min(after, next)
	}
	if rollout != nil {
		if rollout.Wait > 0 {
			after = min(after, rollout.Wait)
		}
		for _, o := range outcomes {
			if o.waits != "" && rollout.Begun[o.cluster] { // its wave begins
				after = min(after, waveRetry)
			}
		}
	}
	for _, o := range outcomes {
		if o.problem != nil && o.problem.Action == problem.Retry {
			after = min(after, failureRetry)
		}
		for _, r := range o.results {
			switch r.State {
			case v1alpha1.ObjectPending:
				after = min(after, pendingRetry)
			case v1alpha1.ObjectInProgress, v1alpha1.ObjectDeleting:
				after = min(after, progressRetry)
			case v1alpha1.ObjectHeld:
				after = min(after, failureRetry)
			}
		}
	}
	return after
}

// pause until the next comparison: what is left of the interval, which a long comparison has used in part, and at least half of it.
func (w *work) pause() time.Duration {
	interval := w.bundle.Spec.Period()
	took := w.Clock.Now().Sub(w.now)
	return min(interval, max(interval-took, interval/2))
}
