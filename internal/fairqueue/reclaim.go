package fairqueue

import (
	"cmp"
	"slices"
	"time"
)

// nextChange is when waiting alone lets an item start: when reclaim has something to do, or a namespace may take all slots again.
func (s *scheduler[T]) nextChange() (after time.Duration, needed bool) {
	if !s.borrow || len(s.waiting) == 0 {
		return 0, false
	}
	if len(s.running) < s.slots {
		after = reserveFor - s.clock.Now().Sub(s.reclaimed)
		return after, !s.reclaimed.IsZero() && after > 0
	}
	return s.reclaimAfter()
}

// reclaimAfter is when reclaim has something to do; needed is false where it has not, as things are.
func (s *scheduler[T]) reclaimAfter() (after time.Duration, needed bool) {
	starved := s.starved()
	free := s.free()
	now := s.clock.Now()
	switch {
	case len(starved) <= free:
		return 0, false
	case s.holder() == nil:
		next, after := s.overdue(now)
		return after, next != nil || after > 0
	}
	return max(Grace-now.Sub(starved[free].since), 0), true
}

// reclaim returns the items to interrupt, so that each namespace that has waited for Grace without a slot gets one: those of namespaces
// that hold several first, then one that is overdue.
func (s *scheduler[T]) reclaim() (items []T) {
	now := s.clock.Now()
	free := s.free()
	for _, n := range s.starved() {
		if now.Sub(n.since) < Grace {
			break
		}
		if free > 0 {
			free--
			continue
		}
		holder := s.holder()
		if holder == nil {
			break
		}
		youngest := s.youngest(holder)
		youngest.interrupted = true
		holder.interrupted++
		items = append(items, youngest.item)
		s.reclaimed = now
	}
	if len(items) > 0 || s.holder() != nil {
		return items
	}
	if next, after := s.overdue(now); next != nil && after == 0 {
		next.interrupted = true
		next.namespace.interrupted++
		items = append(items, next.item)
	}
	return items
}

// free are the slots that are free, or will be.
func (s *scheduler[T]) free() int {
	free := s.slots - len(s.running)
	for _, r := range s.running {
		if r.interrupted {
			free++
		}
	}
	return free
}

// starved are the namespaces that wait and hold no slot, the longest wait first.
func (s *scheduler[T]) starved() (starved []*namespace[T]) {
	for _, n := range s.namespaces {
		if n.held() == 0 && n.pending() > 0 {
			starved = append(starved, n)
		}
	}
	slices.SortFunc(starved, func(a, b *namespace[T]) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.name, b.name)) })
	return starved
}

// holder is the namespace that holds the most slots, if it holds two or more.
func (s *scheduler[T]) holder() (most *namespace[T]) {
	for _, n := range s.namespaces {
		kept := n.held() - n.interrupted
		if kept < 2 {
			continue
		}
		if most == nil || cmp.Or(cmp.Compare(kept, most.held()-most.interrupted), cmp.Compare(most.name, n.name)) > 0 {
			most = n
		}
	}
	return most
}

// youngest item of a namespace that is not interrupted yet: the one with the least work to lose.
func (s *scheduler[T]) youngest(n *namespace[T]) (youngest *run[T]) {
	for _, r := range n.running {
		if !r.interrupted && (youngest == nil || r.number > youngest.number) {
			youngest = r
		}
	}
	return youngest
}
