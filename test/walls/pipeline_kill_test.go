package walls

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/provider/ci/jenkins"
	cifake "kubeops.io/kubeops/internal/testkit/jenkins"
)

const (
	// deliveries are Pipelines whose runs are in progress at the same time.
	deliveries = 20
	// maxWrites of runs until a manager is killed.
	maxWrites = 25
	// maxRequests to the CI server until it is killed.
	maxRequests = 12
	// buildAttempts of a build that a crash of the CI server lost or cut off.
	buildAttempts = 10
)

// pipelineKills of the manager: 60, or KUBEOPS_PIPELINE_KILLS.
func pipelineKills(t *testing.T) int {
	t.Helper()
	value := os.Getenv("KUBEOPS_PIPELINE_KILLS")
	if value == "" {
		return 60
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// victim is what is killed beside the manager.
type victim int

const (
	onlyManager victim = iota
	theServer
	thePlugin
)

// killing kills the parts of a delivery at random points.
type killing struct {
	*delivery
	random *rand.Rand
	// managers, plugins and servers that were killed, and managers that were at their intended write.
	managers, plugins, servers, reached int
}

// TestAKilledManagerStartsNoStageTwice kills the manager with SIGKILL after a random number of writes of runs, every fourth time the process
// of the plugin, too, and every second time the CI server, which loses its queue and gives ids again. Each attempt of a stage has one build,
// one commit and one sync at most, and each run ends.
func TestAKilledManagerStartsNoStageTwice(t *testing.T) {
	d := newDelivery(t, deliveries, func(p *v1alpha1.Pipeline) {
		p.Spec.Stages[0].Retry = &v1alpha1.StageRetry{
			Attempts: buildAttempts, On: []v1alpha1.StagePhase{v1alpha1.StageFailed, v1alpha1.StageLost},
			Delay: &metav1.Duration{Duration: time.Second},
		}
	})
	d.ci.Set(func(o *cifake.Options) {
		o.Executors = deliveries / 2
		o.Duration = time.Second
	})
	k := &killing{delivery: d, random: rand.New(rand.NewPCG(5, 6))} //nolint:gosec // points of kills, the same each time
	count := pipelineKills(t)
	for n := range count {
		if d.allEnded() {
			d.start(n)
		}
		k.round([]victim{theServer, thePlugin, theServer, onlyManager}[n%4])
	}
	t.Logf("kills: %d of the manager, %d of them at the intended write; %d of the plugin; %d of the CI server; during %d runs",
		k.managers, k.reached, k.plugins, k.servers, len(d.runs))
	if k.reached < count/2 || k.servers < count/8 {
		t.Errorf("only %d of %d kills hit runs in progress, and %d the CI server", k.reached, count, k.servers)
	}
	d.ci.Start()
	d.startManager()
	d.eventually("all runs end", 5*time.Minute, func(context.Context) error {
		d.ci.Clock.SetTime(time.Now())
		if !d.allEnded() {
			return errors.New("there are runs in progress")
		}
		return nil
	})
	k.verify()
}

// round starts a manager and kills it after a random number of writes of runs. In the middle, the plugin is killed and started again, or
// the CI server starts again: it crashes at a random request of the round.
func (k *killing) round(also victim) {
	k.t.Helper()
	const patience = 10 * time.Second
	writes := 1 + k.random.IntN(maxWrites)
	from := &client.ListOptions{Namespace: delivered, Raw: &metav1.ListOptions{ResourceVersion: k.list().ResourceVersion}}
	events, err := k.client.Watch(k.t.Context(), &v1alpha1.PipelineRunList{}, from)
	if err != nil {
		k.t.Fatal(err)
	}
	defer events.Stop()
	if also == theServer {
		k.ci.Crash(1+k.random.IntN(maxRequests), k.random.IntN(2) == 0)
	}
	if k.random.IntN(2) == 0 {
		k.ci.Save()
	}
	m := k.launch()
	k.managers++
	defer m.kill()
	deadline := time.After(patience)
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	for n := 0; n < writes; {
		select {
		case _, open := <-events.ResultChan():
			if !open {
				k.t.Fatal("the watch ended")
			}
			if n++; n == (writes+1)/2 {
				k.middle(also)
			}
		case <-ticks.C:
			k.ci.Clock.SetTime(time.Now())
		case <-m.ended:
			k.t.Fatalf("the manager ended: %v\n%s", m.err, m.tail())
		case <-deadline:
			k.startServer()
			return
		}
	}
	k.reached++
}

// middle of a round.
func (k *killing) middle(also victim) {
	if also == thePlugin {
		k.killPlugin()
		k.startPlugin()
		k.plugins++
	}
	k.startServer()
}

// startServer starts the CI server if it has crashed.
func (k *killing) startServer() {
	if k.ci.Down() {
		k.servers++
		k.ci.Start()
	}
}

// tally of what was executed.
type tally struct {
	// triggers of the builds of a key.
	triggers map[string][]int
	// keys of the attempts of builds.
	keys map[string]bool
	// deployed stages, attempts of which it is not known whether they were started, and builds that were repeated.
	deployed, unknown, repeated int
}

// verify that each attempt has one build, commit and sync, or that it is not known whether it has.
func (k *killing) verify() {
	k.t.Helper()
	all := &tally{triggers: map[string][]int{}, keys: map[string]bool{}}
	for _, build := range k.ci.Builds("shop") {
		if key := build.Parameters[jenkins.Marker]; !slices.Contains(all.triggers[key], build.Trigger) {
			all.triggers[key] = append(all.triggers[key], build.Trigger)
		}
	}
	runs := k.list().Items
	for i := range runs {
		for j := range runs[i].Status.Stages {
			k.verifyStage(&runs[i], &runs[i].Status.Stages[j], all)
		}
	}
	for key := range all.triggers {
		if !all.keys[key] {
			k.t.Errorf("the build of key %q belongs to no attempt", key)
		}
	}
	if syncs, _ := k.cd.Syncs(); syncs < all.deployed || syncs > all.deployed+all.unknown {
		k.t.Errorf("%d syncs for %d deployments, of %d attempts it is not known", syncs, all.deployed, all.unknown)
	}
	if len(runs) != len(k.runs) || all.deployed < len(runs)/2 {
		k.t.Errorf("%d runs of %d are there, and %d of them deployed", len(runs), len(k.runs), all.deployed)
	}
	k.t.Logf("%d attempts with a build and %d deployments; the CI server lost or cut off %d builds, which were repeated; of %d attempts it "+
		"is not known whether they were started", len(all.triggers), all.deployed, all.repeated, all.unknown)
}

func (k *killing) verifyStage(run *v1alpha1.PipelineRun, stage *v1alpha1.StageStatus, all *tally) {
	k.t.Helper()
	count := 1
	attempts := int32(1)
	switch stage.Type {
	case v1alpha1.StageBuild:
		attempts = buildAttempts
		for attempt := range stage.Attempt { // a lost one may have no build
			key := pipeline.Key(run.UID, stage.Name, attempt+1)
			all.keys[key] = true
			if count = len(all.triggers[key]); count > 1 {
				k.t.Errorf("%s: attempt %d of stage %s was triggered %d times", run.Name, attempt+1, stage.Name, count)
			}
		}
		all.repeated += int(max(stage.Attempt, 1)) - 1
	case v1alpha1.StageCommit:
		count = k.git.Marked("main", stage.Key)
	default: // for all runs of an application together
		if stage.Phase == v1alpha1.StageSucceeded {
			all.deployed++
		}
	}
	switch {
	case stage.Phase == v1alpha1.StageSkipped:
	case stage.Reason == v1alpha1.ReasonTriggerUnknown && count <= 1:
		all.unknown++
	case stage.Phase != v1alpha1.StageSucceeded || count != 1 || stage.Attempt > attempts:
		k.t.Errorf("%s: stage %s is %s/%s (%s) at attempt %d, and was executed %d times", run.Name, stage.Name, stage.Phase, stage.Reason,
			stage.Message, stage.Attempt, count)
	}
}
