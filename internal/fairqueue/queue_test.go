package fairqueue

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
)

// newQueue is a queue whose workers a test calls. Tests run in a bubble of synctest, whose clock moves when all wait.
func newQueue(t *testing.T, slots int, interrupts *Interrupts[string]) *Queue[string] {
	t.Helper()
	q := New(Options[string]{
		Slots: slots, NamespaceOf: namespaceOf, Interrupts: interrupts,
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[string](time.Second, time.Minute),
	})
	t.Cleanup(q.ShutDown)
	return q
}

// worker processes items as controllers do, until the queue is shut down.
func worker(q *Queue[string], work func(string)) {
	for {
		item, _, shutdown := q.GetWithPriority()
		if shutdown {
			return
		}
		work(item)
		q.Done(item)
	}
}

// get takes an item that must be there, and checks which.
func get(t *testing.T, q *Queue[string], want string) {
	t.Helper()
	synctest.Wait()
	if q.Len() == 0 {
		t.Fatalf("the queue is empty, want %s", want)
	}
	if item, _, shutdown := q.GetWithPriority(); item != want || shutdown {
		t.Fatalf("got %s, %v, want %s", item, shutdown, want)
	}
}

func TestAnItemIsQueuedOnceAndProcessedByOneWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 8, nil)
		q.Add("a/1")
		q.Add("a/1")
		get(t, q, "a/1")
		q.Add("a/1")
		if q.Len() != 0 {
			t.Error("an item waits while it is processed")
		}
		q.Done("a/1")
		get(t, q, "a/1")
		q.Done("a/1")
		if q.Len() != 0 {
			t.Error("an item is left")
		}
	})
}

func TestDelaysAndRateLimitsAreThoseOfWorkqueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 8, nil)
		began := time.Now()
		q.AddWithOpts(priorityqueue.AddOpts{After: time.Minute}, "a/later")
		q.AddWithOpts(priorityqueue.AddOpts{RateLimited: true}, "a/failed")
		for _, want := range []struct {
			item  string
			after time.Duration
		}{{"a/failed", time.Second}, {"a/later", time.Minute}} {
			item, _ := q.Get()
			if after := time.Since(began); item != want.item || after != want.after {
				t.Errorf("got %s after %v, want %+v", item, after, want)
			}
		}
		if q.NumRequeues("a/failed") != 1 {
			t.Errorf("%d requeues", q.NumRequeues("a/failed"))
		}
		q.Forget("a/failed")
		if q.NumRequeues("a/failed") != 0 {
			t.Error("not forgotten")
		}
	})
}

func TestWhatIsListedAtStartGoesBehindWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 8, nil)
		q.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(-100)}, "a/old1", "a/old2")
		q.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(0)}, "a/new")
		get(t, q, "a/new")
		get(t, q, "a/old1")
		get(t, q, "a/old2")
	})
}

// TestAFreedSlotWakesWorkers: every end of an item lets others start, also where one end lets several start.
func TestAFreedSlotWakesWorkers(t *testing.T) {
	for _, slots := range []int{1, 2, 3, 8, 32} {
		t.Run(fmt.Sprint(slots), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := newQueue(t, slots, nil)
				var mutex sync.Mutex
				done := map[string]int{}
				for range slots {
					go worker(q, func(item string) {
						<-time.After(time.Second) // of the bubble
						mutex.Lock()
						defer mutex.Unlock()
						done[namespaceOf(item)]++
					})
				}
				for i := range 300 {
					q.Add(fmt.Sprintf("a/%d", i))
					q.Add(fmt.Sprintf("b%d/0", i%10))
				}
				<-time.After(time.Hour)
				mutex.Lock()
				defer mutex.Unlock()
				if done["a"] != 300 || len(done) != 11 || q.Len() != 0 {
					t.Errorf("done %v, %d wait", done, q.Len())
				}
			})
		})
	}
}

func TestShutDownReleasesWorkersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(t, 2, nil)
		var workers sync.WaitGroup
		for range 3 {
			workers.Go(func() { worker(q, func(string) { t.Error("an item was processed") }) })
		}
		synctest.Wait()
		q.ShutDownWithDrain()
		q.Add("a/1")
		workers.Wait()
		if !q.ShuttingDown() {
			t.Error("not shutting down")
		}
	})
}

// TestHostileItemsHoldNoOtherNamespaceUp: a holds both slots with work that never ends by itself.
func TestHostileItemsHoldNoOtherNamespaceUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		interrupts := NewInterrupts[string]()
		q := newQueue(t, 2, interrupts)
		served := make(chan time.Time, 1)
		for range 2 {
			go worker(q, func(item string) {
				ctx, done := interrupts.Begin(t.Context(), item)
				defer done()
				if namespaceOf(item) == "b" {
					served <- time.Now()
					return
				}
				<-ctx.Done()
				if Interrupted(ctx) {
					q.AddAfter(item, time.Millisecond)
				}
			})
		}
		for i := range 300 {
			q.Add(fmt.Sprintf("a/%d", i))
		}
		<-time.After(time.Minute)
		for round, want := range []time.Duration{Grace, 0, 0} { // later, a slot is kept
			began := time.Now()
			q.Add("b/0")
			if waited := (<-served).Sub(began); waited != want {
				t.Errorf("round %d: waited %v, want %v", round, waited, want)
			}
			<-time.After(time.Minute)
		}
		<-time.After(reserveFor)
		synctest.Wait()
		if running := len(q.shared.order.usual.running); running != 2 {
			t.Errorf("%d items run long after another namespace needed a slot, want 2", running)
		}
	})
}

func TestWorkIsInterruptedAlsoBeforeItBegins(t *testing.T) {
	interrupts := NewInterrupts[string]()
	interrupts.interrupt("a")
	ctx, done := interrupts.Begin(t.Context(), "a")
	if !Interrupted(ctx) {
		t.Error("not interrupted")
	}
	done()
	interrupts.forget("a")
	ctx, done = interrupts.Begin(t.Context(), "a")
	defer done()
	if ctx.Err() != nil {
		t.Error("interrupted a second time")
	}
}

func TestTheEndOfTheManagerIsNoInterruption(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	ctx, done := NewInterrupts[string]().Begin(stopped, "a")
	defer done()
	stop()
	if ctx.Err() == nil || Interrupted(ctx) {
		t.Errorf("got %v, interrupted %v", ctx.Err(), Interrupted(ctx))
	}
	var none *Interrupts[string]
	ctx, done = none.Begin(t.Context(), "a")
	defer done()
	if Interrupted(ctx) {
		t.Error("interrupted by nothing")
	}
}
