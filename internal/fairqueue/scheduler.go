package fairqueue

import (
	"cmp"
	"container/list"
	"math"
	"time"

	"k8s.io/utils/clock"
)

const (
	// share of the free slots: a namespace takes a slot if it then holds at most so many times what remains free.
	share = 3
	// reserveFor is how long after an interruption no namespace takes all slots.
	reserveFor = 10 * time.Minute
	// halfLife of the time that a namespace used.
	halfLife = 10 * time.Minute
	// credit is how much less time than the others a namespace may have used when it begins to ask for slots. It bounds how long a
	// namespace that was served alone waits for one that begins, however many short items that has.
	credit = 5 * time.Second
	// aging is the part of the time that a namespace waits that makes up for time that it used. It keeps namespaces that appear
	// all the time from starving one that used much.
	aging = 0.1
	// forgotten is the time used, in seconds, below which a namespace without items is forgotten.
	forgotten = 0.1
)

// scheduler decides which item gets the next slot. It implements workqueue.Queue; its caller holds a lock.
type scheduler[T comparable] struct {
	clock        clock.PassiveClock
	slots        int
	perNamespace int
	// borrow says that a namespace may hold all slots while no other needs one.
	borrow      bool
	namespaceOf func(T) string

	namespaces map[string]*namespace[T]
	waiting    map[T]*list.Element // in one of the lines of its namespace
	running    map[T]*run[T]
	chosen     *namespace[T]
	started    uint64 // items
	// low is the priority of the item that is being added.
	low bool
	// reclaimed is when an item of a namespace with several was last interrupted.
	reclaimed time.Time
	// spent is the time that finished items used, in seconds.
	spent float64
	// repeats are the items that were interrupted and have not ended since.
	repeats map[T]*repeat
	// level is the least time that a namespace with items used, in seconds as of the time leveled. It never falls other than by half
	// with each halfLife.
	level   float64
	leveled time.Time
}

// namespace is what waits and runs of one namespace.
type namespace[T comparable] struct {
	name string
	// urgent items go first.
	urgent, low list.List
	// running has one item for each slot that the namespace holds; interrupted are those of them that were interrupted.
	running     map[T]*run[T]
	interrupted int
	// used is the time used by finished items, in seconds as of the time at; it halves with each halfLife.
	used float64
	at   time.Time
	// since is when it began to wait for its next slot.
	since time.Time
	// spent is the time that its finished items used, in seconds; unlike used, it never falls.
	spent float64
	// repeats is the number of its items that wait and were interrupted before.
	repeats int
}

// entry of a line.
type entry[T comparable] struct {
	item T
	low  bool
}

// run is an item that is being processed.
type run[T comparable] struct {
	item      T
	namespace *namespace[T]
	began     time.Time
	// number of the item in the order of their starts.
	number      uint64
	interrupted bool
	// protected is how long it runs before it may be interrupted while its namespace holds no other slot.
	protected time.Duration
}

func newScheduler[T comparable](o Options[T]) *scheduler[T] {
	return &scheduler[T]{
		clock: o.Clock, slots: max(o.Slots, 1), perNamespace: o.PerNamespace, borrow: o.Interrupts != nil,
		namespaceOf: o.NamespaceOf,
		namespaces:  map[string]*namespace[T]{}, waiting: map[T]*list.Element{}, running: map[T]*run[T]{},
		repeats: map[T]*repeat{},
	}
}

// Len implements workqueue.Queue.
func (s *scheduler[T]) Len() int { return len(s.waiting) }

// Push implements workqueue.Queue: the item is not in the queue, and is not being processed.
func (s *scheduler[T]) Push(item T) {
	now := s.clock.Now()
	n := s.namespaceFor(s.namespaceOf(item), now)
	if n.pending() == 0 {
		n.since = now
		if n.held() == 0 {
			s.join(n, now)
		}
	}
	if s.repeats[item] != nil {
		n.repeats++
	}
	s.waiting[item] = n.line(s.low).PushBack(entry[T]{item, s.low})
}

// join is called when a namespace begins to ask for slots. As a thread that wakes up in Linux' scheduler, it cannot claim what it did not
// use while it had nothing to do. What it used stays: most namespaces ask again only once their item ended, and owe its time to those
// that waited. If no one waited, the level rose with it.
func (s *scheduler[T]) join(n *namespace[T], now time.Time) {
	s.raise(now)
	n.used = max(n.usedUntil(now), s.level-credit.Seconds())
	n.at = now
}

// raise brings the level up to now. It is called while the items that end are still running.
func (s *scheduler[T]) raise(now time.Time) {
	least := math.Inf(1)
	for _, n := range s.namespaces {
		if n.held()+n.pending() > 0 {
			least = min(least, n.usedAll(now))
		}
	}
	s.level *= remains(now.Sub(s.leveled))
	if !math.IsInf(least, 1) {
		s.level = max(s.level, least)
	}
	s.leveled = now
}

// Touch implements workqueue.Queue: the item waits, and was added again.
func (s *scheduler[T]) Touch(item T) {
	element := s.waiting[item]
	if s.low || !element.Value.(entry[T]).low {
		return
	}
	n := s.namespaces[s.namespaceOf(item)]
	n.low.Remove(element)
	s.waiting[item] = n.urgent.PushBack(entry[T]{item: item})
}

// Pop implements workqueue.Queue. It is called after choose returned true.
func (s *scheduler[T]) Pop() T {
	now := s.clock.Now()
	n := s.chosen
	s.chosen = nil
	line := &n.urgent
	if line.Len() == 0 {
		line = &n.low
	}
	item := line.Remove(line.Front()).(entry[T]).item
	delete(s.waiting, item)
	s.started++
	if s.repeats[item] != nil {
		n.repeats--
	}
	began := &run[T]{item: item, namespace: n, began: now, number: s.started, protected: s.protection(item, n)}
	s.running[item] = began
	n.running[item] = began
	n.since = now
	return item
}

// release ends the processing of an item.
func (s *scheduler[T]) release(item T) {
	ended, known := s.running[item]
	if !known {
		return
	}
	now := s.clock.Now()
	n := ended.namespace
	s.raise(now)
	delete(s.running, item)
	delete(n.running, item)
	n.used = n.usedUntil(now) + ended.used(now)
	n.at = now
	took := now.Sub(ended.began).Seconds()
	s.spent += took
	n.spent += took
	if ended.interrupted {
		n.interrupted--
		s.remember(item, n)
	} else {
		delete(s.repeats, item)
	}
	if n.held() == 0 {
		n.since = now
	}
}

// choose reports whether an item may be processed now, and remembers its namespace for Pop.
func (s *scheduler[T]) choose() bool {
	s.chosen = nil
	if len(s.running) >= s.slots {
		return false
	}
	now := s.clock.Now()
	for _, n := range s.namespaces {
		if n.pending() > 0 && s.allows(n, now) && (s.chosen == nil || s.compare(n, s.chosen, now) < 0) {
			s.chosen = n
		}
	}
	return s.chosen != nil
}

// allows reports whether a namespace may take one of the free slots.
func (s *scheduler[T]) allows(n *namespace[T], now time.Time) bool {
	switch {
	case s.perNamespace > 0 && n.held() >= s.perNamespace:
		return false
	case n.held() == 0:
		return true
	case s.borrow && (s.reclaimed.IsZero() || now.Sub(s.reclaimed) >= reserveFor):
		return true
	}
	free := s.slots - len(s.running) - 1
	return n.held()+1 <= share*free
}

// compare is negative where a goes before b.
func (s *scheduler[T]) compare(a, b *namespace[T], now time.Time) int {
	return cmp.Or(cmp.Compare(a.held(), b.held()), cmp.Compare(s.score(a, now), s.score(b, now)), a.since.Compare(b.since),
		cmp.Compare(a.name, b.name))
}

// score is the time that a namespace used lately, in seconds, less a part of the time that it waits.
func (s *scheduler[T]) score(n *namespace[T], now time.Time) float64 {
	return n.usedAll(now) - aging*now.Sub(n.since).Seconds()
}

func (s *scheduler[T]) namespaceFor(name string, now time.Time) *namespace[T] {
	if n, known := s.namespaces[name]; known {
		return n
	}
	for other, n := range s.namespaces {
		if n.held() == 0 && n.pending() == 0 && n.usedUntil(now) < forgotten {
			delete(s.namespaces, other)
		}
	}
	n := &namespace[T]{name: name, at: now, running: map[T]*run[T]{}}
	s.namespaces[name] = n
	return n
}

func (n *namespace[T]) held() int { return len(n.running) }

func (n *namespace[T]) pending() int { return n.urgent.Len() + n.low.Len() }

func (n *namespace[T]) line(low bool) *list.List {
	if low {
		return &n.low
	}
	return &n.urgent
}

// usedUntil is the time used by finished items, in seconds.
func (n *namespace[T]) usedUntil(now time.Time) float64 {
	return n.used * remains(now.Sub(n.at))
}

// usedAll is the time used by finished and running items, in seconds.
func (n *namespace[T]) usedAll(now time.Time) float64 {
	used := n.usedUntil(now)
	for _, r := range n.running {
		used += r.used(now)
	}
	return used
}

// used is the time that an item used, in seconds, of which earlier parts count less: the integral of remains since it began.
func (r *run[T]) used(now time.Time) float64 {
	return halfLife.Seconds() / math.Ln2 * (1 - remains(now.Sub(r.began)))
}

// remains is the part of a time used that still counts after a while.
func remains(after time.Duration) float64 { return math.Exp2(-after.Seconds() / halfLife.Seconds()) }
