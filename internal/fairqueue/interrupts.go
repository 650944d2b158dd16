package fairqueue

import (
	"context"
	"errors"
	"sync"
)

// Interrupts cancels the contexts of items whose slot another namespace needs. Work that may be interrupted runs in a context that
// Begin made; an item that returns early is added again by its controller. A nil Interrupts interrupts nothing.
type Interrupts[T comparable] struct {
	mutex sync.Mutex
	// running has the items that began.
	running map[T]context.CancelCauseFunc
	// early has the items that were interrupted before they began.
	early map[T]bool
}

// NewInterrupts is for one queue.
func NewInterrupts[T comparable]() *Interrupts[T] {
	return &Interrupts[T]{running: map[T]context.CancelCauseFunc{}, early: map[T]bool{}}
}

// interruption is the cause of a context that was cancelled for another namespace.
type interruption struct{}

func (interruption) Error() string {
	return "interrupted, because another namespace waits for the slot"
}

// Interrupted reports whether a context was cancelled because another namespace needs the slot.
func Interrupted(ctx context.Context) bool {
	var cause interruption
	return ctx.Err() != nil && errors.As(context.Cause(ctx), &cause)
}

// Begin returns the context of the work on an item, and what to call when it is done.
func (i *Interrupts[T]) Begin(ctx context.Context, item T) (context.Context, func()) {
	if i == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.running[item] = cancel
	if i.early[item] {
		cancel(interruption{})
	}
	return ctx, func() {
		i.mutex.Lock()
		defer i.mutex.Unlock()
		delete(i.running, item)
		cancel(nil)
	}
}

func (i *Interrupts[T]) interrupt(item T) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if cancel, running := i.running[item]; running {
		cancel(interruption{})
		return
	}
	i.early[item] = true
}

// forget drops an interruption that the work on an item did not see.
func (i *Interrupts[T]) forget(item T) {
	if i == nil {
		return
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	delete(i.early, item)
}
