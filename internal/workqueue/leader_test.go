package workqueue

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// workIn is a part of a cluster with a number of objects.
func workIn(namespace string, objects int64) *runner.Work {
	work := workOf("a")
	work.Inspection.Namespace = namespace
	work.Part.Objects = objects
	return &work
}

// Parts that may hang would keep workers from all others until their deadlines.
func TestPartsThatMayHangAreBehindOthersOfTheirNamespace(t *testing.T) {
	t.Parallel()
	now := time.Now()
	known, unknown, late := workIn("a", 300), workIn("a", 0), workIn("a", 300)
	late.Part.Late = true
	one := workOf("")
	for name, tc := range map[string]struct {
		earlier, later *runner.Work
		waited         time.Duration
		before         bool
	}{
		"a part of unknown size":      {unknown, known, 0, true},
		"a part that was late":        {late, known, 0, true},
		"one that has waited long":    {late, known, runner.MaxBehind, false},
		"both may hang":               {late, unknown, 0, false},
		"none may hang":               {known, known, 0, false},
		"one cluster":                 {&one, known, 0, false},
		"another namespace has fewer": {known, workIn("b", 0), 0, true},
		"another namespace has more":  {late, workIn("more", 300), 0, false},
	} {
		turnOf := func(work *runner.Work, since time.Time) *turn {
			return &turn{namespace: work.Inspection.Namespace, behind: work.MayHang(), since: since}
		}
		all := &turns{of: map[string]int{"a": 1, "more": 2}}
		if tc.earlier == &one {
			all.of["shop"] = 1
		}
		if got := all.before(turnOf(tc.later, now), turnOf(tc.earlier, now.Add(-tc.waited))); got != tc.before {
			t.Errorf("%s: the later one is first: %t", name, got)
		}
	}
}

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
			release, err := all.take(t.Context(), workIn(namespace, 1))
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
	if _, err := all.take(gone, workIn("gone", 1)); !errors.Is(err, context.Canceled) {
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
	release, err := leader.turns.take(t.Context(), workIn("small", 1))
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
	close(goOn)
	w.server.Start()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The connection may be lost at any moment, such as before the part was queued.
func TestAPartThatBeginsWhileItsServerIsRestartedIsDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.work(announced)
	leader := w.connect()
	w.server.Stop()
	w.within("an end of the connection", func() bool { return !leader.Connected() })
	look := &waiter{queue: leader, ctx: t.Context(), id: "x", began: time.Now(), stopped: make(chan struct{})}
	_, err := look.step()
	if !errors.Is(err, errNotConnected) || !look.bridges(err) {
		t.Errorf("%v ends a run that begins", err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := leader.Do(w.limited(), workOf("a"), nothing)
		ended <- err
	}()
	w.within("a part that begins", func() bool {
		leader.turns.mutex.Lock()
		defer leader.turns.mutex.Unlock()
		return leader.turns.used == 1
	})
	w.server.Start()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWhichServersAreWaitedForAtTheBeginning(t *testing.T) {
	t.Parallel()
	leader := newWorld(t).connect()
	away, err := Connect(Options{URL: fmt.Sprintf("nats://127.0.0.1:%d", servers.FreePort(t))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(away.Close)
	for name, tc := range map[string]struct {
		queue *Queue
		there bool
		// lost and began say how long ago; 0 is never, or now.
		lost, began time.Duration
		err         error
		bridges     bool
	}{
		"never reached":                         {away, false, 0, 0, errNotConnected, false},
		"lost, which is not reported yet":       {away, true, 0, 0, errNotConnected, true},
		"lost a moment ago":                     {away, false, time.Second, 0, errNotConnected, true},
		"lost again and again":                  {away, false, time.Second, patience, errNotConnected, false},
		"lost long ago":                         {away, false, patience, 0, errNotConnected, false},
		"back, and JetStream is not ready":      {leader, true, time.Second, 0, nats.ErrNoResponders, true},
		"never lost, and without JetStream":     {leader, true, 0, 0, nats.ErrNoResponders, false},
		"back, and it refuses what is wrong":    {leader, true, time.Second, 0, errors.New("refused"), false},
		"never lost, and the answer is missing": {leader, true, 0, 0, nats.ErrTimeout, true},
	} {
		q := &Queue{conn: tc.queue.conn, there: tc.there}
		if tc.lost != 0 {
			q.lost = time.Now().Add(-tc.lost)
		}
		look := &waiter{queue: q, began: time.Now().Add(-tc.began)}
		if got := look.bridges(tc.err); got != tc.bridges {
			t.Errorf("%s: waits %t, want %t", name, got, tc.bridges)
		}
	}
}

func TestAServerThatWasNeverReachedIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	away, err := Connect(Options{URL: fmt.Sprintf("nats://127.0.0.1:%d", servers.FreePort(t))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(away.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience/2)
	defer cancel()
	_, err = away.Do(ctx, workOf("a"), nothing)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonWorkQueueUnavailable || !strings.Contains(p.Message, "no connection") {
		t.Errorf("got %v", err)
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
