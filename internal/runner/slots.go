package runner

import (
	"context"
	"sync"
	"sync/atomic"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// heldSlots are the slots of query budgets that a child holds or waits for. They end with it.
type heldSlots struct {
	shared backends.QuerySlots
	mutex  sync.Mutex
	held   map[int64]*heldSlot
	closed bool
}

// heldSlot is one of them. Cancel ends the wait; release is set once it is taken.
type heldSlot struct {
	cancel  context.CancelFunc
	release func()
}

func (h *heldSlots) take(ctx context.Context, slot Slot) error {
	if h.shared == nil || slot.Backend == nil {
		return nil
	}
	waiting, cancel := context.WithCancel(ctx)
	entry := &heldSlot{cancel: cancel}
	h.mutex.Lock()
	if h.closed || h.held[slot.ID] != nil {
		h.mutex.Unlock()
		cancel()
		return context.Canceled
	}
	h.held[slot.ID] = entry
	h.mutex.Unlock()

	release, err := h.shared.Slots(slot.Backend, backends.BudgetOf(slot.Backend.Spec.QueryBudget)).Take(waiting)
	h.mutex.Lock()
	defer h.mutex.Unlock()
	switch {
	case err != nil:
		delete(h.held, slot.ID)
		cancel()
		return err
	case h.held[slot.ID] != entry: // released in the meantime
		release()
		return context.Canceled
	}
	entry.release = release
	return nil
}

func (h *heldSlots) release(id int64) {
	h.mutex.Lock()
	entry := h.held[id]
	delete(h.held, id)
	h.mutex.Unlock()
	entry.end()
}

func (h *heldSlots) releaseAll() {
	h.mutex.Lock()
	all := h.held
	h.held = nil
	h.closed = true
	h.mutex.Unlock()
	for _, entry := range all {
		entry.end()
	}
}

// end gives the slot back, or ends the wait for it.
func (s *heldSlot) end() {
	if s == nil {
		return
	}
	s.cancel()
	if s.release != nil {
		s.release()
	}
}

// parentSlots asks the parent for the slots of query budgets.
type parentSlots struct {
	call func(ctx context.Context, method string, arguments, reply any) error
	next atomic.Int64
}

// Slots implements backends.QuerySlots.
func (p *parentSlots) Slots(backend *v1alpha1.MetricsBackend, _ metrics.Budget) metrics.Slots {
	return &backendSlots{parent: p, backend: backend}
}

type backendSlots struct {
	parent  *parentSlots
	backend *v1alpha1.MetricsBackend
}

// Take implements metrics.Slots.
func (b *backendSlots) Take(ctx context.Context) (release func(), err error) {
	id := b.parent.next.Add(1)
	release = func() {
		// The parent releases all slots of a run that ends; without an answer there is nothing more to do.
		_ = b.parent.call(context.WithoutCancel(ctx), methodReleaseSlot, id, &None{})
	}
	if err := b.parent.call(ctx, methodTakeSlot, Slot{ID: id, Backend: b.backend}, &None{}); err != nil {
		release()
		return nil, metrics.NoSlot(err)
	}
	return release, nil
}
