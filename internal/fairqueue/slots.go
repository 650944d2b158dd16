package fairqueue

import (
	"context"
	"sync"
)

// Slots bound the calls that are in progress at the same time, and those for each key, such as a cluster or a namespace. A free slot goes
// to the waiting key with the fewest calls, so that keys whose calls hang delay no others. It is for calls that are not items of a queue.
type Slots struct {
	total, perKey int

	mutex   sync.Mutex
	inUse   int
	calls   map[string]int
	waiting []*call
}

// call that waits for a slot.
type call struct {
	key     string
	granted chan struct{}
}

// NewSlots for a number of calls in all and for each key, both at least 1.
func NewSlots(total, perKey int) *Slots {
	return &Slots{total: total, perKey: perKey, calls: map[string]int{}}
}

// Acquire a slot, or fail with the context's error. release gives it back; calling it again changes nothing.
func (s *Slots) Acquire(ctx context.Context, key string) (release func(), err error) {
	c := &call{key: key, granted: make(chan struct{})}
	s.mutex.Lock()
	s.waiting = append(s.waiting, c)
	s.grant()
	s.mutex.Unlock()
	release = sync.OnceFunc(func() { s.release(key) })
	select {
	case <-c.granted:
		return release, nil
	case <-ctx.Done():
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i, other := range s.waiting {
		if other == c {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			return nil, ctx.Err()
		}
	}
	return release, nil // it was granted meanwhile
}

func (s *Slots) release(key string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.inUse--
	if s.calls[key]--; s.calls[key] == 0 {
		delete(s.calls, key)
	}
	s.grant()
}

// grant free slots: to the key with the fewest calls, the oldest of its calls first.
func (s *Slots) grant() {
	for s.inUse < s.total {
		next := -1
		for i, c := range s.waiting {
			calls := s.calls[c.key]
			if calls < s.perKey && (next < 0 || calls < s.calls[s.waiting[next].key]) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		c := s.waiting[next]
		s.waiting = append(s.waiting[:next], s.waiting[next+1:]...)
		s.inUse++
		s.calls[c.key]++
		close(c.granted)
	}
}
