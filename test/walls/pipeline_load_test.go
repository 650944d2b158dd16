package walls

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/argocd"
	cifake "kubeops.io/kubeops/internal/testkit/jenkins"
)

const (
	// concurrentRuns are in progress at the same time.
	concurrentRuns = 200
	// concurrentMemory of the manager and its children meanwhile, in bytes.
	concurrentMemory = 200 << 20
	// buildTakes and syncTakes are what the servers need: a build, and each of the three steps of a sync.
	buildTakes = 2 * time.Second
	syncTakes  = time.Second
	// stableFor is how long an application must stay healthy.
	stableFor = time.Second
	// needed by a run, without the manager.
	needed = buildTakes + 3*syncTakes + stableFor
	// maxAdded is what the manager may add to that.
	maxAdded = 2 * time.Second
	// lonelyRuns are measured one after the other.
	lonelyRuns = 7
	// finishedRuns are there while the manager is idle for idleTime.
	finishedRuns = 1000
	idleTime     = 2 * time.Minute
)

// newTimedDelivery has Pipelines that build and deploy on servers that need a known time. Commits are left out: Git is a real server, whose
// time depends on the machine.
func newTimedDelivery(t *testing.T) *delivery {
	t.Helper()
	d := newDelivery(t, concurrentRuns, func(p *v1alpha1.Pipeline) {
		p.Spec.Stages = slices.Delete(p.Spec.Stages, 1, 2)
		p.Spec.Stages[1].After = []string{p.Spec.Stages[0].Name}
		p.Spec.Stages[1].Deploy.StableFor = &metav1.Duration{Duration: stableFor}
	})
	d.ci.Set(func(o *cifake.Options) {
		o.Executors = concurrentRuns
		o.Duration = buildTakes
	})
	d.settings = fmt.Sprintf("quotas: {pipelines: %d}\n", concurrentRuns) // more than a namespace has by default
	for n := range d.pipelines {
		d.cd.Set(fmt.Sprint("app-", n), func(a *argocd.Application) { a.Takes = syncTakes })
	}
	return d
}

// TestManyRunsShareTheManager starts 200 runs at once: all succeed, none waits for the others much longer than the rest, and the memory of
// the manager stays under 200 MiB. Then 1,000 runs have ended, and the manager asks no server anything for two minutes.
func TestManyRunsShareTheManager(t *testing.T) {
	d := newTimedDelivery(t)
	m := d.startManager()
	d.keepTime()

	d.lonely()
	began := time.Now()
	d.start(0)
	d.eventually("all runs end", 10*time.Minute, func(context.Context) error {
		if !d.allEnded() {
			return errors.New("there are runs in progress")
		}
		return nil
	})
	t.Logf("%d concurrent runs took %s in all", concurrentRuns, time.Since(began).Round(time.Second))
	d.allSucceeded()
	if used := m.wall.used().all; used > concurrentMemory {
		t.Errorf("the manager used %d MiB with %d concurrent runs, more than %d MiB", used>>20, concurrentRuns, concurrentMemory>>20)
	}
	m.alive()
	d.idle(m)
}

// keepTime moves the clock of the CI server with the one of the machine until the test ends.
func (d *delivery) keepTime() {
	ctx, stop := context.WithCancel(d.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			d.ci.Clock.SetTime(time.Now())
			pause(ctx, 20*time.Millisecond)
		}
	}()
	d.t.Cleanup(func() {
		stop()
		<-ended
	})
}

// lonely measures what the manager adds to the time that the servers need, for runs that are alone.
func (d *delivery) lonely() {
	d.t.Helper()
	var added []time.Duration
	for n := range lonelyRuns {
		began := time.Now()
		key := d.startOne(n, "lonely")
		d.eventually("the run ends", time.Minute, func(ctx context.Context) error {
			run := &v1alpha1.PipelineRun{}
			if err := d.client.Get(ctx, key, run); err != nil {
				return err
			}
			if !run.Status.Phase.Ended() {
				return fmt.Errorf("it is %s: %+v", run.Status.Phase, run.Status.Stages)
			}
			return nil
		})
		added = append(added, time.Since(began)-needed)
	}
	slices.Sort(added)
	d.t.Logf("the servers need %s; the manager adds %s", needed, added)
	if median := added[len(added)/2]; median > maxAdded {
		d.t.Errorf("the manager adds %s to a run, more than %s", median, maxAdded)
	}
}

// allSucceeded checks the runs, and that none was starved: the slowest took at most twice the time of the median.
func (d *delivery) allSucceeded() {
	d.t.Helper()
	var took []time.Duration
	for _, run := range d.list().Items {
		if run.Status.Phase != v1alpha1.RunSucceeded {
			d.t.Errorf("%s is %s: %+v", run.Name, run.Status.Phase, run.Status.Stages)
			continue
		}
		took = append(took, run.Status.CompletionTime.Sub(run.CreationTimestamp.Time))
	}
	if len(took) < concurrentRuns {
		d.t.Fatalf("%d runs of %d succeeded", len(took), concurrentRuns)
	}
	slices.Sort(took)
	took = took[len(took)-concurrentRuns:] // without those that were alone
	median, slowest := took[len(took)/2], took[len(took)-1]
	d.t.Logf("the fastest of %d runs took %s, the median %s, the slowest %s", len(took), took[0], median, slowest)
	if slowest > 2*median {
		d.t.Errorf("a run took %s, more than twice the median of %s", slowest, median)
	}
}

// idle fills up the runs that have ended, and counts the requests to the servers while the manager has nothing to do, also after a restart.
func (d *delivery) idle(m *manager) {
	d.t.Helper()
	m.stop()
	have := d.list().Items
	ended := have[0].Status
	for n := len(have); n < finishedRuns; n++ {
		key := d.startOne(n, "finished")
		run := &v1alpha1.PipelineRun{}
		if err := d.client.Get(d.t.Context(), key, run); err != nil {
			d.t.Fatal(err)
		}
		base := run.DeepCopy()
		run.Status = *ended.DeepCopy()
		if err := d.client.Status().Patch(d.t.Context(), run, client.MergeFrom(base)); err != nil {
			d.t.Fatal(err)
		}
	}
	m = d.startManager()
	// A manager that starts probes the providers once.
	d.eventually("no requests for 10 seconds", time.Minute, func(ctx context.Context) error {
		before := d.requests()
		pause(ctx, 10*time.Second)
		if after := d.requests(); after != before {
			return fmt.Errorf("%d requests", after-before)
		}
		return nil
	})
	before := d.requests()
	for until := time.Now().Add(idleTime); time.Now().Before(until); pause(d.t.Context(), 100*time.Millisecond) {
		if after := d.requests(); after != before {
			d.t.Fatalf("an idle manager sent %d requests", after-before)
		}
	}
	if got := len(d.list().Items); got != finishedRuns {
		d.t.Errorf("%d runs, want %d", got, finishedRuns)
	}
	m.alive()
	d.t.Logf("no request in %s with %d runs that have ended", idleTime, finishedRuns)
}

// requests that the servers got.
func (d *delivery) requests() int {
	builds, _ := d.ci.Calls()
	_, deployments := d.cd.Syncs()
	return len(builds) + len(deployments) + len(d.git.Requests())
}
