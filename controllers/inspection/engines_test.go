package inspection

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/runner"
	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/workqueue"
)

// where says where the work of runs is done, in the tests that hold for each place: in children of the manager, or in those of a worker.
func where() map[string]func(w *world, engine string) func(*setup) {
	return map[string]func(*world, string) func(*setup){"children": inChild, "workers": inWorker}
}

func childOf(w *world, s *setup, engine string, targets runner.Targets) *runner.Child {
	return &runner.Child{
		Command: child.Command{Path: os.Args[0], Args: []string{runArgument, engine}, Memory: childMemory},
		Config:  w.Config, Backends: s.options.Backends, Targets: targets, Memory: runner.NewMemory(2*childMemory, childMemory),
	}
}

// inChild makes a reconciler run Inspections in child processes.
func inChild(w *world, engine string) func(*setup) {
	return func(s *setup) { s.options.Runner = childOf(w, s, engine, targetsOf(s.env)) }
}

// inWorker makes a reconciler have the work done by a worker, over a real NATS.
func inWorker(w *world, engine string) func(*setup) {
	return func(s *setup) {
		address, _ := servers.NATS(w.t, servers.NATSOptions{})
		w.startWorker(s, address, engine)
		leader := childOf(w, s, "engine", targetsOf(s.env))
		leader.Parts = w.queue(address, prometheus.NewRegistry())
		s.options.Runner = leader
	}
}

// queue connects to NATS. The names of this test are its own.
func (w *world) queue(address string, registry prometheus.Registerer) *workqueue.Queue {
	w.t.Helper()
	metrics, err := workqueue.NewMetrics(registry)
	if err != nil {
		w.t.Fatal(err)
	}
	queue, err := workqueue.Connect(workqueue.Options{URL: "nats://" + address, Name: w.Namespace}, metrics)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(queue.Close)
	return queue
}

// startWorker until the end of the test or until stop is called, which waits for its end.
func (w *world) startWorker(s *setup, address, engine string) (stop func()) {
	w.t.Helper()
	reader := kind.CheckedReader{Reader: w.Client}
	targets := &runner.ManagedTargets{Reader: reader, Backends: s.options.Backends}
	worker := &workqueue.Worker{
		Queue: w.queue(address, prometheus.NewRegistry()), Reader: reader, Parallel: 2, Parts: childOf(w, s, engine, targets.Targets),
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- worker.Start(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("the worker: %v", err)
		}
		ended <- nil
	}
	w.t.Cleanup(stop)
	return stop
}

func TestWithoutAWorkQueueOrWorkersTheConditionSaysSo(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{})
	address := servers.FreeAddress(t) // no one listens
	r := w.reconciler(func(s *setup) {
		leader := childOf(w, s, "engine", targetsOf(s.env))
		leader.Parts = w.queue(address, prometheus.NewRegistry())
		s.options.Runner = leader
	})
	_, _ = w.Reconcile(r) // it is retried
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonWorkQueueUnavailable,
		"cannot use the work queue at "+address+": there is no connection; check workQueue in the manager's configuration")
	if w.Get().Status.ActiveRun != nil {
		t.Error("a run is active that could not start")
	}
}

// A manager that is replaced while a worker works finds the part in the queue, or its result.
func TestARunOutlivesTheManagerThatBeganIt(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.LostService("a")
	w.Inspection(v1alpha1.InspectionSpec{})
	address, _ := servers.NATS(t, servers.NATSOptions{})
	leaderOf := func(s *setup) {
		leader := childOf(w, s, "engine", targetsOf(s.env))
		leader.Parts = w.queue(address, prometheus.NewRegistry())
		s.options.Runner = leader
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, _ = w.reconciler(leaderOf).Reconcile(ctx, reconcile.Request{NamespacedName: w.Key("i")}) // no worker takes it in this time
	var env *setup
	next := w.reconciler(func(s *setup) { leaderOf(s); env = s })
	w.startWorker(env, address, "engine")
	w.Settle(next)
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 problem")
	if reports := w.Reports(); len(reports) != 1 {
		t.Errorf("%d reports", len(reports))
	}
}
