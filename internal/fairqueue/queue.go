// Package fairqueue is the work queue of KubeOps' controllers. It shares the workers of a controller, its slots, between namespaces:
//
//   - A free slot goes to the namespace that holds the fewest slots; among equals, to the one that used the least time lately, beside
//     others. Within a namespace, items are processed in the order of their arrival.
//   - A namespace never takes a slot if it would then hold more than three times what remains free. A part of the slots is always left
//     for others: one of two, one of four, eight of 32. This is the dynamic threshold that switches share their buffers by.
//   - With Interrupts, a namespace may take all slots. If another one has then waited for Grace without a slot, the youngest item of the
//     namespace that holds the most is interrupted, and the rule above holds for some time.
//   - With Interrupts, the only item of a namespace is interrupted as well, if all slots are held for longer than Grace and the namespace
//     that waits used less time lately. The more time others then use, the longer it runs before it is interrupted again.
//
// Quick items have slots of their own, so that they never wait for one that takes long. The rules above hold among them, too.
//
// Delays, rate limits, deduplication and metrics are those of k8s.io/client-go/util/workqueue. See docs/adr/0016.
package fairqueue

import (
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
)

// Grace is how long a namespace without a slot waits before an item of another is interrupted. Most items end sooner.
const Grace = 5 * time.Second

// Options of a queue. Clock, PerNamespace, Interrupts, Quick and QuickSlots are optional.
type Options[T comparable] struct {
	// Name of the queue in metrics.
	Name string
	// Slots is the number of items that are processed at the same time, at least 1.
	Slots int
	// PerNamespace is the number of slots that one namespace may hold at most. Default 0: no limit beside the rules of the package.
	PerNamespace int
	// NamespaceOf an item.
	NamespaceOf func(T) string
	// RateLimiter decides how long an item waits after an error.
	RateLimiter workqueue.TypedRateLimiter[T]
	// Interrupts stops items whose slot another namespace needs. Default nil: no item is interrupted.
	Interrupts *Interrupts[T]
	// Quick reports whether an item takes little time, so that it gets one of QuickSlots. It is called with each item that is added, and
	// must not block. Default nil, or 0 slots: no item does.
	Quick      func(T) bool
	QuickSlots int
	// Clock defaults to the real one.
	Clock Clock
}

// Clock of a queue.
type Clock interface {
	clock.WithTicker
	clock.WithDelayedExecution
}

// Queue is a priorityqueue.PriorityQueue of which one priority counts: below zero, as the builders of controller-runtime give it to
// objects that they list at start, an item waits behind the others of its namespace.
type Queue[T comparable] struct {
	workqueue.TypedRateLimitingInterface[T]
	shared *shared[T]
}

// New is an empty queue. It runs two goroutines until it is shut down.
func New[T comparable](o Options[T]) *Queue[T] {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	s := &shared[T]{clock: o.Clock, interrupts: o.Interrupts, order: newLanes(o)}
	s.changed = sync.NewCond(&s.mutex)
	s.items = workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[T]{Name: o.Name, Clock: o.Clock, Queue: s.order})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[T]{Name: o.Name, Clock: o.Clock, Queue: s})
	limited := workqueue.NewTypedRateLimitingQueueWithConfig(o.RateLimiter,
		workqueue.TypedRateLimitingQueueConfig[T]{Name: o.Name, Clock: o.Clock, DelayingQueue: delaying})
	return &Queue[T]{TypedRateLimitingInterface: limited, shared: s}
}

// AddWithOpts implements priorityqueue.PriorityQueue.
func (q *Queue[T]) AddWithOpts(o priorityqueue.AddOpts, items ...T) {
	for _, item := range items {
		switch {
		case o.RateLimited:
			q.AddRateLimited(item)
		case o.After > 0:
			q.AddAfter(item, o.After)
		default:
			q.shared.add(item, o.Priority != nil && *o.Priority < 0)
		}
	}
}

// GetWithPriority implements priorityqueue.PriorityQueue. The priority is 0: an item that is added again was changed, or is due.
func (q *Queue[T]) GetWithPriority() (item T, priority int, shutdown bool) {
	item, shutdown = q.Get()
	return item, 0, shutdown
}

// shared is the part of a queue without delays: it hands out the items that may be processed now.
type shared[T comparable] struct {
	clock      Clock
	interrupts *Interrupts[T]

	mutex sync.Mutex
	// changed wakes one worker that waits for an item.
	changed *sync.Cond
	// items deduplicates, counts, and calls order, which is why order needs no lock of its own.
	items    *workqueue.Typed[T]
	order    *lanes[T]
	shutdown bool
	// timer until waiting alone changes something; nil where it does not.
	timer clock.Timer
}

// Add implements workqueue.TypedInterface.
func (s *shared[T]) Add(item T) { s.add(item, false) }

func (s *shared[T]) add(item T, low bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.order.setLow(low)
	s.items.Add(item)
	s.order.setLow(false)
	s.changed.Signal()
	s.arm()
}

// Len implements workqueue.TypedInterface: the number of items that wait for a slot.
func (s *shared[T]) Len() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.order.Len()
}

// Get implements workqueue.TypedInterface. It waits for an item that may be processed. After ShutDown it returns at once, as the
// queue of controller-runtime does: items that wait are found again at the next start.
func (s *shared[T]) Get() (item T, shutdown bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for {
		if s.shutdown {
			return item, true
		}
		if s.order.choose() {
			break
		}
		s.changed.Wait()
	}
	item, _ = s.items.Get() // calls order.Pop, and does not wait: there is an item
	if s.order.choose() {
		s.changed.Signal() // one change can let several items start
	}
	s.arm()
	return item, false
}

// Done implements workqueue.TypedInterface.
func (s *shared[T]) Done(item T) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.order.release(item)
	s.interrupts.forget(item)
	s.items.Done(item)
	s.changed.Signal()
	s.arm()
}

// ShutDown implements workqueue.TypedInterface.
func (s *shared[T]) ShutDown() {
	s.mutex.Lock()
	s.shutdown = true
	s.arm()
	s.changed.Broadcast()
	s.mutex.Unlock()
	s.items.ShutDown()
}

// ShutDownWithDrain implements workqueue.TypedInterface. It is ShutDown: controller-runtime does not drain its queues.
func (s *shared[T]) ShutDownWithDrain() { s.ShutDown() }

// ShuttingDown implements workqueue.TypedInterface.
func (s *shared[T]) ShuttingDown() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.shutdown
}

// arm sets the timer where waiting alone lets an item start. It is not set while no item waits.
func (s *shared[T]) arm() {
	if s.interrupts == nil {
		return
	}
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if after, needed := s.order.nextChange(); needed && !s.shutdown {
		s.timer = s.clock.AfterFunc(after, s.elapsed)
	}
}

// elapsed interrupts the items whose slots others have waited for.
func (s *shared[T]) elapsed() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, item := range s.order.reclaim() {
		s.interrupts.interrupt(item) // under the lock: the item cannot end, and begin again, before
	}
	s.changed.Signal()
	s.arm()
}
