package workqueue

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/runner"
)

func TestTheNamespaceWithTheFewestPartsIsNext(t *testing.T) {
	t.Parallel()
	type granted struct {
		namespace string
		release   func()
	}
	all := &turns{}
	all.resize(1)
	grants := make(chan granted, 8)
	known := func() int {
		all.mutex.Lock()
		defer all.mutex.Unlock()
		return all.used + len(all.waiting)
	}
	for i, namespace := range []string{"large", "large", "large", "large", "small"} {
		go func() {
			release, err := all.take(t.Context(), namespace)
			if err != nil {
				t.Error(err)
			}
			grants <- granted{namespace, release}
		}()
		for known() != i+1 {
			runtime.Gosched()
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := all.take(gone, "gone"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	held := []granted{<-grants, <-grants}
	var order []string
	for range 3 {
		held[0].release()
		next := <-grants
		order = append(order, next.namespace)
		held = append(held[1:], next)
	}
	if want := []string{"small", "large", "large"}; !slices.Equal(order, want) {
		t.Errorf("the order is %v", order)
	}
	held[0].release()
	held[1].release()
	if all.used != 0 || len(all.of) != 0 || len(all.waiting) != 0 {
		t.Errorf("%d turns are taken, of %v, and %d wait", all.used, all.of, len(all.waiting))
	}
}

// Parts of a run that ended before a worker took them would keep workers from what is waited for.
func TestPartsThatNoOneWaitsForAreNotDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader, opened := w.opened(Options{})
	for i := range 20 {
		left := taskOf(workOf(fmt.Sprintf("left%d", i)))
		if err := (&waiter{queue: leader, ctx: t.Context(), id: left.id(), task: left}).enqueue(); err != nil {
			t.Fatal(err)
		}
	}
	var times atomic.Int32
	w.work(func(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
		done, err := announced(ctx, work, started)
		if err == nil {
			times.Add(1)
		}
		return done, err
	})
	if _, err := leader.Do(w.limited(), workOf("a"), nothing); err != nil || times.Load() != 1 {
		t.Errorf("%d parts were done, %v", times.Load(), err)
	}
	w.within("an empty queue", func() bool {
		info, err := opened.workers.Info(t.Context())
		return err == nil && info.NumPending == 0 && info.NumAckPending == 0
	})
}

// The parts of one Inspection over many clusters do not stand before those of all others.
func TestALargeInspectionDoesNotFillTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader := w.connect()
	var mutex sync.Mutex
	var order []string
	next := make(chan struct{})
	w.work(func(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
		select {
		case <-next:
		case <-ctx.Done():
			return fleet.PartResult{}, ctx.Err()
		}
		mutex.Lock()
		order = append(order, clusterOf(work))
		mutex.Unlock()
		return announced(ctx, work, started)
	})
	w.within("two places", func() bool {
		workers, places := leader.countWorkers(t.Context())
		leader.turns.resize(places)
		return workers == 1 && places == 2
	})
	var group sync.WaitGroup
	do := func(work runner.Work) {
		group.Go(func() {
			if _, err := leader.Do(w.limited(), work, nothing); err != nil {
				t.Error(err)
			}
		})
	}
	const large = 20
	for i := range large {
		do(workOf(fmt.Sprintf("c%d", i)))
	}
	waiting := func() int {
		leader.turns.mutex.Lock()
		defer leader.turns.mutex.Unlock()
		return len(leader.turns.waiting)
	}
	w.within("parts that wait for their turn", func() bool { return waiting() == large-4 })
	group.Go(func() { close(next) })
	release, err := leader.turns.take(t.Context(), "small")
	if err != nil {
		t.Fatal(err)
	}
	if waiting() == 0 {
		t.Error("all parts of the large Inspection came first")
	}
	release()
	group.Wait()
	if len(order) != large {
		t.Errorf("%d parts were done", len(order))
	}
}

func TestAPartWaitsForAServerThatIsRestarted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader := w.connect()
	taken, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.work(func(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
		once.Do(func() { close(taken) })
		<-goOn
		return announced(ctx, work, started)
	})
	ended := make(chan error, 1)
	go func() {
		_, err := leader.Do(w.limited(), workOf("a"), nothing)
		ended <- err
	}()
	<-taken
	w.server.Stop()
	w.within("an end of the connection", func() bool { return !leader.Connected() })
	look := &waiter{queue: leader, ctx: t.Context(), id: "x", stopped: make(chan struct{}), reached: time.Now()}
	_, err := look.step()
	if !look.bridges(err) {
		t.Errorf("%v ends a run", err)
	}
	look.reached = time.Now().Add(-patience)
	if look.bridges(err) {
		t.Error("a run waits for a server that is away for long")
	}
	look.reached = time.Time{}
	if look.bridges(err) {
		t.Error("a run waits for a server where it has queued nothing")
	}
	close(goOn)
	w.server.Start()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// One question without an answer, long after another one, is no absence.
func TestAbsenceIsThatOfTheLastMinute(t *testing.T) {
	t.Parallel()
	leader := newWorld(t).connect()
	leader.checked = time.Now().Add(-time.Hour)
	leader.absentSince = leader.checked
	if leader.abandoned() {
		t.Error("an absence of an hour ago counts")
	}
}
