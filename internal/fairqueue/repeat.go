package fairqueue

import (
	"math"
	"time"
)

// repeat is what a scheduler remembers of an item that was interrupted, until it ends.
type repeat struct {
	// others is the time, in seconds, that items of other namespaces had used when it began to wait again.
	others float64
	// earned is how much longer than Grace it runs before it may be interrupted again.
	earned time.Duration
}

// othersUsed is the time, in seconds, that finished items of other namespaces used.
func (s *scheduler[T]) othersUsed(n *namespace[T]) float64 { return s.spent - n.spent }

// remember that an item was interrupted.
func (s *scheduler[T]) remember(item T, n *namespace[T]) {
	known := s.repeats[item]
	if known == nil {
		known = &repeat{}
		s.repeats[item] = known
	}
	known.others = s.othersUsed(n)
}

// protection is how long an item runs before it may be interrupted while it is the only one of its namespace. It grows by a part of the
// time that others used while the item waited: one that is interrupted repeatedly ends at last.
func (s *scheduler[T]) protection(item T, n *namespace[T]) time.Duration {
	known := s.repeats[item]
	if known == nil {
		return Grace
	}
	known.earned += seconds(aging * (s.othersUsed(n) - known.others))
	return Grace + known.earned
}

// overdue is the item to interrupt although its namespace holds no other slot, and when; nil where there is none. All slots are held for
// longer than Grace, by one namespace each, and another one waits that used less time than the namespace of the item. Of several, the
// youngest has the least work to lose. Who waits only for what was interrupted before does not interrupt others in turn: two long items
// would keep each other from ending.
func (s *scheduler[T]) overdue(now time.Time) (next *run[T], after time.Duration) {
	waits := s.firstStarved()
	if waits == nil || len(s.running) < s.slots {
		return nil, 0
	}
	used := waits.usedAll(now)
	after = Grace - now.Sub(waits.since)
	soonest := time.Duration(math.MaxInt64)
	for _, r := range s.running {
		if r.interrupted {
			return nil, 0 // its slot is for the one that waits
		}
		age := now.Sub(r.began)
		after = max(after, Grace-age)
		due := r.protected - age
		if ahead := used - r.namespace.usedAll(now); ahead >= 0 {
			due = max(due, seconds(ahead)+time.Millisecond)
		}
		soonest = min(soonest, due)
		if due <= 0 && (next == nil || r.number > next.number) {
			next = r
		}
	}
	return next, max(after, soonest, 0)
}

// firstStarved is the namespace without a slot that waits for the longest time, and not only for items that were interrupted.
func (s *scheduler[T]) firstStarved() *namespace[T] {
	for _, n := range s.starved() {
		if n.pending() > n.repeats {
			return n
		}
	}
	return nil
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
