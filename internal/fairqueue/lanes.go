package fairqueue

import "time"

// lanes are two schedulers with slots of their own: quick items wait for no other. It implements workqueue.Queue; its caller holds a lock.
type lanes[T comparable] struct {
	usual, quick *scheduler[T]
	isQuick      func(T) bool
	// quickNext says which of the schedulers has chosen an item for Pop.
	quickNext bool
}

func newLanes[T comparable](o Options[T]) *lanes[T] {
	l := &lanes[T]{usual: newScheduler(o), isQuick: func(T) bool { return false }}
	if o.Quick == nil {
		o.QuickSlots = 0
	}
	quick := o
	quick.Slots = max(o.QuickSlots, 1)
	quick.PerNamespace = 0
	quick.Interrupts = nil
	l.quick = newScheduler(quick)
	if o.QuickSlots > 0 {
		l.isQuick = o.Quick
	}
	return l
}

// setLow sets the priority of the item that is added next.
func (l *lanes[T]) setLow(low bool) { l.usual.low, l.quick.low = low, low }

// Len implements workqueue.Queue.
func (l *lanes[T]) Len() int { return l.usual.Len() + l.quick.Len() }

// Push implements workqueue.Queue. The lane of an item is decided here, and kept until it was processed.
func (l *lanes[T]) Push(item T) {
	if l.isQuick(item) {
		l.quick.Push(item)
		return
	}
	l.usual.Push(item)
}

// Touch implements workqueue.Queue.
func (l *lanes[T]) Touch(item T) {
	if _, waits := l.quick.waiting[item]; waits {
		l.quick.Touch(item)
		return
	}
	l.usual.Touch(item)
}

// Pop implements workqueue.Queue. It is called after choose returned true.
func (l *lanes[T]) Pop() T {
	if l.quickNext {
		return l.quick.Pop()
	}
	return l.usual.Pop()
}

// choose reports whether an item may be processed now, and remembers its lane for Pop.
func (l *lanes[T]) choose() bool {
	l.quickNext = l.quick.choose()
	return l.quickNext || l.usual.choose()
}

// release ends the processing of an item, in the lane that has it.
func (l *lanes[T]) release(item T) {
	l.quick.release(item)
	l.usual.release(item)
}

// nextChange is when waiting alone lets an item start; see scheduler. Quick items are not interrupted.
func (l *lanes[T]) nextChange() (after time.Duration, needed bool) { return l.usual.nextChange() }

// reclaim returns the items to interrupt; see scheduler.
func (l *lanes[T]) reclaim() []T { return l.usual.reclaim() }
