package workqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// inspections is an API server that has one Inspection, or none, and every ManagedCluster: its label is its name.
type inspections struct {
	client.Reader
	stored *v1alpha1.Inspection
}

func (i inspections) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	if cluster, is := object.(*v1alpha1.ManagedCluster); is {
		cluster.Labels = map[string]string{"name": key.Name}
		return nil
	}
	if i.stored == nil || client.ObjectKeyFromObject(i.stored) != key {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "inspections"}, key.Name)
	}
	i.stored.DeepCopyInto(object.(*v1alpha1.Inspection))
	return nil
}

// partsFunc does work.
type partsFunc func(context.Context, runner.Work, func(context.Context) error) (fleet.PartResult, error)

func (f partsFunc) Do(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
	return f(ctx, work, started)
}

// reported is the result of a part: a report that names it.
func reported(work runner.Work) fleet.PartResult {
	return fleet.PartResult{Took: time.Second, Result: &inspect.Result{Report: &v1alpha1.InspectionReport{
		Findings: []v1alpha1.Finding{{ID: work.Run, Cluster: clusterOf(work)}},
	}}}
}

func clusterOf(work runner.Work) string {
	if work.Part == nil {
		return ""
	}
	return work.Part.Cluster
}

func announced(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
	if err := started(ctx); err != nil {
		return fleet.PartResult{}, err
	}
	return reported(work), nil
}

// world is a real NATS with an Inspection over clusters.
type world struct {
	t       *testing.T
	address string
	server  *servers.Process
	stored  *v1alpha1.Inspection
}

func newWorld(t *testing.T) *world {
	t.Helper()
	address, server := servers.NATS(t, servers.NATSOptions{})
	stored := workOf("").Inspection
	stored.Spec.Clusters = &v1alpha1.ClusterSelection{Names: []string{"a"}, Selector: &metav1.LabelSelector{
		MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "name", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"other"}}},
	}}
	return &world{t: t, address: address, server: server, stored: stored}
}

func (w *world) connect() *Queue {
	w.t.Helper()
	return w.connectWith(Options{})
}

func (w *world) connectWith(o Options) *Queue {
	w.t.Helper()
	o.URL = "nats://" + w.address
	queue, err := Connect(o, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(queue.Close)
	w.within("a connection", func() bool { return queue.Connected() })
	return queue
}

// opened is a leader with its queue and buckets.
func (w *world) opened(o Options) (*Queue, *opened) {
	w.t.Helper()
	leader := w.connectWith(o)
	opened, err := leader.open(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return leader, opened
}

func (w *world) within(what string, holds func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	for !holds() {
		if pause(ctx, 10*time.Millisecond); ctx.Err() != nil {
			w.t.Fatal("there is not " + what)
		}
	}
}

// work starts a worker. It ends with the test, or when stop is called.
func (w *world) work(do partsFunc) (stop func()) {
	w.t.Helper()
	worker := &Worker{Queue: w.connect(), Reader: inspections{stored: w.stored}, Parallel: 2, Parts: do, Logger: logr.Discard()}
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var group sync.WaitGroup
	group.Go(func() {
		if err := worker.Start(ctx); err != nil {
			w.t.Error(err)
		}
	})
	stop = func() {
		cancel()
		group.Wait()
	}
	w.t.Cleanup(stop)
	return stop
}

func (w *world) limited() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), 50*time.Second)
	w.t.Cleanup(cancel)
	return ctx
}

func nothing(context.Context) error { return nil }

func TestPartsAreDoneByWorkersAndAnnouncedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var began atomic.Int32
	for range 2 {
		w.work(announced)
	}
	leader := w.connect()
	var group sync.WaitGroup
	for i := range 12 {
		group.Go(func() {
			work := workOf(fmt.Sprintf("c%d", i))
			done, err := leader.Do(w.limited(), work, func(context.Context) error { began.Add(1); return nil })
			if err != nil || done.Result.Report.Findings[0].Cluster != work.Part.Cluster || done.Took != time.Second {
				t.Errorf("part %d: %+v, %v", i, done, err)
			}
		})
	}
	group.Wait()
	if began.Load() != 12 {
		t.Errorf("%d of 12 parts were announced", began.Load())
	}
	if workers, places := leader.countWorkers(t.Context()); workers != 2 || places != 4 {
		t.Errorf("%d of 2 workers answer, with %d of 4 places", workers, places)
	}
}

func TestTheNextLeaderFindsTheResultOfTheOneBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var times atomic.Int32
	w.work(func(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
		times.Add(1)
		return announced(ctx, work, started)
	})
	for range 3 {
		if _, err := w.connect().Do(w.limited(), workOf("a"), nothing); err != nil {
			t.Fatal(err)
		}
	}
	if times.Load() != 1 {
		t.Errorf("the part was done %d times", times.Load())
	}
}

func TestAPartWaitsForAWorkerAndIsQueuedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	before := w.connect()
	ended := make(chan error, 1)
	go func() {
		_, err := before.Do(ctx, workOf("a"), nothing)
		ended <- err
	}()
	next := w.connect()
	waiting := func() uint64 {
		opened, err := next.open(t.Context())
		if err != nil {
			return 0
		}
		info, err := opened.workers.Info(t.Context())
		if err != nil {
			return 0
		}
		return info.NumPending
	}
	w.within("a part in the queue", func() bool { return waiting() == 1 })
	cancel() // the leader is replaced
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	go func() {
		_, err := next.Do(w.limited(), workOf("a"), nothing)
		ended <- err
	}()
	var times atomic.Int32
	w.work(func(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
		times.Add(1)
		return announced(ctx, work, started)
	})
	if err := <-ended; err != nil || times.Load() != 1 || waiting() != 0 {
		t.Errorf("done %d times, %d wait, %v", times.Load(), waiting(), err)
	}
}

func TestAWorkerThatIsStoppedGivesItsPartBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken := make(chan struct{})
	var once sync.Once
	stop := w.work(func(ctx context.Context, _ runner.Work, _ func(context.Context) error) (fleet.PartResult, error) {
		once.Do(func() { close(taken) })
		<-ctx.Done()
		return fleet.PartResult{}, ctx.Err()
	})
	ended := make(chan error, 1)
	leader := w.connect()
	go func() {
		_, err := leader.Do(w.limited(), workOf("a"), nothing)
		ended <- err
	}()
	<-taken
	stop()
	began := time.Now()
	w.work(announced)
	if err := <-ended; err != nil || time.Since(began) >= ackWait {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}

// A part may reach a worker at the moment in which it ends: it is given back, and does not wait until its time is over.
func TestPartsThatReachWorkersWhichEndAreGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const parts = 12
	var stops []func()
	for range parts / 2 { // each has two places
		stops = append(stops, w.work(announced))
	}
	leader := w.connect()
	if _, err := leader.Do(w.limited(), workOf("first"), nothing); err != nil { // there is a queue, at which they wait
		t.Fatal(err)
	}
	var ending, doing sync.WaitGroup
	began := time.Now()
	for i, stop := range stops {
		ending.Go(stop)
		for j := range parts / len(stops) {
			doing.Go(func() {
				if _, err := leader.Do(w.limited(), workOf(fmt.Sprint("c", i, "-", j)), nothing); err != nil {
					t.Error(err)
				}
			})
		}
	}
	ending.Wait()
	w.work(announced)
	doing.Wait()
	if took := time.Since(began); took >= ackWait {
		t.Errorf("it took %s", took)
	}
}

// The connection of a worker that was killed is closed, and it acknowledges nothing.
func TestThePartOfAWorkerThatWasKilledIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	taken, never := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(never) })
	killed := w.connect()
	worker := &Worker{Queue: killed, Reader: inspections{stored: w.stored}, Parallel: 1, Logger: logr.Discard(), Parts: partsFunc(
		func(context.Context, runner.Work, func(context.Context) error) (fleet.PartResult, error) {
			close(taken)
			<-never
			return fleet.PartResult{}, errors.New("killed")
		})}
	go func() { _ = worker.Start(context.WithoutCancel(t.Context())) }()
	ended := make(chan error, 1)
	leader := w.connect()
	go func() {
		_, err := leader.Do(w.limited(), workOf("a"), nothing)
		ended <- err
	}()
	<-taken
	killed.Close()
	w.work(announced)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAProblemIsReportedAndTheNextAttemptIsAnotherOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var times atomic.Int32
	w.work(func(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
		if times.Add(1) < 3 {
			return fleet.PartResult{}, problem.Retrying(v1alpha1.ReasonClusterUnreachable, nil, "no answer")
		}
		return announced(ctx, work, started)
	})
	leader := w.connect()
	for attempt := range 3 {
		began := false
		_, err := leader.Do(w.limited(), workOf("a"), func(context.Context) error { began = true; return nil })
		p := problem.As(err)
		if failed := attempt < 2; failed && (p == nil || p.Message != "no answer" || began) || !failed && (err != nil || !began) {
			t.Errorf("attempt %d: %v, announced %t", attempt, err, began)
		}
	}
}

func TestARunThatMustNotStartDoesNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.work(announced)
	full := problem.Waiting(v1alpha1.ReasonQuotaExceeded, time.Minute, "too many runs")
	_, err := w.connect().Do(w.limited(), workOf("a"), func(context.Context) error { return full })
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonQuotaExceeded {
		t.Errorf("got %v", err)
	}
}

func TestNoRunIsAnnouncedAfterItsLeaderHasLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader := w.connect()
	left := &waiter{queue: leader, ctx: t.Context(), id: "x", stopped: make(chan struct{}), started: func(context.Context) error {
		t.Error("the run was announced")
		return nil
	}}
	unsubscribe, err := left.subscribe()
	if err != nil {
		t.Fatal(err)
	}
	defer unsubscribe()
	if err := leader.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	left.leave()
	worker := &Worker{Queue: w.connect()}
	if err := worker.announce(t.Context(), "x"); !errors.Is(err, errRefused) {
		t.Errorf("got %v", err)
	}
	if err := worker.announce(t.Context(), "y"); !errors.Is(err, errRefused) {
		t.Errorf("without a leader: %v", err)
	}
}

func TestWhatTheMessageDoesNotMatchIsNotDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.work(func(context.Context, runner.Work, func(context.Context) error) (fleet.PartResult, error) {
		t.Error("the part was done")
		return fleet.PartResult{}, errors.New("unexpected")
	})
	leader := w.connect()
	for name, change := range map[string]func(*runner.Work){
		"another object":     func(w *runner.Work) { w.Inspection.UID = "other" },
		"another spec":       func(w *runner.Work) { w.Inspection.Generation++ },
		"another name":       func(w *runner.Work) { w.Inspection.Name = "other" },
		"another cluster":    func(w *runner.Work) { w.Part.Cluster = "other" },
		"a cluster too few":  func(w *runner.Work) { w.Part = nil },
		"another namespace ": func(w *runner.Work) { w.Inspection.Namespace = "other" },
	} {
		work := workOf("a")
		change(&work)
		_, err := leader.Do(w.limited(), work, nothing)
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonRetrying || p.Action != problem.Retry {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAbsenceIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader := w.connect()
	leader.absentSince = time.Now().Add(-absence)
	leader.checked = time.Now()
	_, err := leader.Do(w.limited(), workOf("a"), nothing)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonNoWorkers || !strings.Contains(p.Message, "Deployment kubeops-worker") {
		t.Errorf("without workers: %v", err)
	}
	w.server.Stop()
	w.within("an end of the connection", func() bool {
		leader.mutex.Lock()
		defer leader.mutex.Unlock()
		leader.lost = time.Now().Add(-patience) // long ago
		return !leader.there
	})
	_, err = leader.Do(w.limited(), workOf("a"), nothing)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonWorkQueueUnavailable || !strings.Contains(p.Message, w.address) {
		t.Errorf("without a server: %v", err)
	}
	w.server.Start()
	w.within("a connection again", leader.Connected)
	w.work(announced)
	leader.checked = time.Time{}
	if _, err := leader.Do(w.limited(), workOf("a"), nothing); err != nil {
		t.Errorf("with both again: %v", err)
	}
}

func TestAServerWithoutJetStreamIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.address, _ = servers.NATS(t, servers.NATSOptions{WithoutJetStream: true})
	_, err := w.connect().Do(w.limited(), workOf("a"), nothing)
	if p := problem.As(err); p == nil || !strings.Contains(p.Message, "JetStream is not enabled there") {
		t.Errorf("got %v", err)
	}
}
