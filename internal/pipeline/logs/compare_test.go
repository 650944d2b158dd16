package logs

import (
	"context"
	"slices"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/provider/logs"
)

// backend has lines, which can be found after a delay.
type backend struct {
	now     time.Time
	delay   time.Duration
	entries []logs.Entry
}

func (*backend) Health(context.Context) (logs.Health, error) { return logs.Health{}, nil }
func (*backend) Close()                                      {}

func (b *backend) Search(_ context.Context, q logs.Query) (page logs.Page, _ error) {
	for _, e := range b.entries {
		if !e.Time.Before(q.Start) && e.Time.Before(q.End) && !e.Time.Add(b.delay).After(b.now) {
			page.Entries = append(page.Entries, e)
		}
	}
	slices.SortStableFunc(page.Entries, func(a, b logs.Entry) int { return a.Time.Compare(b.Time) })
	return page, nil
}

// log a line of a Pod each 20 s of a period, which is relative to the start of the stage.
func (b *backend) log(pod, line string, from, until time.Duration) {
	labels := map[string]string{logs.LabelNamespace: "shop", logs.LabelPod: pod, logs.LabelContainer: "app"}
	for after := from; after < until; after += 20 * time.Second {
		b.entries = append(b.entries, logs.Entry{Time: start().Add(after), Line: line, Labels: labels})
	}
}

func TestADeploymentIsJudgedByWhatItsOwnPodsLog(t *testing.T) {
	const (
		old, current = "cart-7d9f8b6c5d-x2x4z", "cart-6c5d7d9f8b-b2b4b"
		day          = 24 * time.Hour
		window       = v1alpha1.DefaultLogWindow
	)
	for name, tc := range map[string]struct {
		log func(b *backend)
		// repeated is how long before the stage the first attempt of the deployment started; 0 if there was one.
		repeated time.Duration
		state    pipeline.State
		reason   string
	}{
		"new Pods that log": {
			log: func(b *backend) { b.log(current, "INFO done", -30*time.Second, day) }, state: pipeline.Succeeded,
		},
		"new Pods that log when they start only": {
			log: func(b *backend) { b.log(current, "INFO the shop is open", -30*time.Second, -20*time.Second) }, state: pipeline.Succeeded,
		},
		"Pods that were not replaced": {
			log: func(b *backend) { b.log(old, "INFO done", -30*time.Second, day) }, state: pipeline.Succeeded,
		},
		"new Pods without lines": {state: pipeline.Failed, reason: v1alpha1.ReasonNoData},
		"an error right before the end of the window, which arrives late": {
			log: func(b *backend) {
				b.log(current, "INFO done", -30*time.Second, day)
				b.delay = v1alpha1.LogDelay - time.Second
				b.log(current, "FATAL order 1 was lost", window-time.Second, window)
			},
			state: pipeline.Failed, reason: v1alpha1.ReasonNewErrors,
		},
		"an error that an earlier attempt of the deployment logged, too": {
			log: func(b *backend) {
				b.log("cart-5b7c6d8f9d-k2k4k", "ERROR order 1 was lost", -40*time.Minute, -10*time.Minute)
				b.log(current, "ERROR order 2 was lost", -30*time.Second, day)
			},
			repeated: 40 * time.Minute, state: pipeline.Failed, reason: v1alpha1.ReasonNewErrors,
		},
		"an error that was logged before the deployment": {
			log: func(b *backend) {
				b.log(old, "ERROR order 1 was lost", -40*time.Minute, -30*time.Minute)
				b.log(current, "ERROR order 2 was lost", -30*time.Second, day)
			},
			state: pipeline.Succeeded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := attempt(window+v1alpha1.LogDelay, "")
			at.FirstDeployed = at.Deployed
			if tc.repeated > 0 {
				at.FirstDeployed = at.Started.Add(-tc.repeated)
			}
			b := &backend{now: at.Now}
			b.log(old, "INFO done", -2*time.Hour, -40*time.Second) // the last lines are logged while the new Pod starts
			if tc.log != nil {
				tc.log(b)
			}
			found, err := loganalysis.Since(t.Context(), comparison(at, b, []string{"shop"}, nil))
			if err != nil {
				t.Fatal(err)
			}
			if o := judge(at, found); o.State != tc.state || o.Reason != tc.reason {
				t.Errorf("got %+v", o)
			}
		})
	}
}
