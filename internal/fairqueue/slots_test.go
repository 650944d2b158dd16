package fairqueue

import (
	"context"
	"runtime"
	"testing"
	"time"
)

func TestKeysWhoseCallsHangLeaveSlotsToOthers(t *testing.T) {
	s := NewSlots(4, 3)
	hold := func(key string) func() {
		t.Helper()
		release, err := s.Acquire(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return release
	}
	var held []func()
	for range 3 {
		held = append(held, hold("hangs"))
	}
	full, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Acquire(full, "hangs"); err == nil {
		t.Error("a key has more slots than it may")
	}
	held = append(held, hold("other"))
	if _, err := s.Acquire(full, "third"); err == nil {
		t.Error("there are more slots than there may be")
	}
	// The key with the fewest calls is next, although it came last.
	got := make(chan string, 2)
	wait := func(key string, queued int) {
		go func() {
			if _, err := s.Acquire(t.Context(), key); err == nil {
				got <- key
			}
		}()
		deadline := time.Now().Add(30 * time.Second)
		for waiting := -1; waiting != queued; runtime.Gosched() {
			s.mutex.Lock()
			waiting = len(s.waiting)
			s.mutex.Unlock()
			if time.Now().After(deadline) {
				t.Fatalf("%d calls wait, want %d", waiting, queued)
			}
		}
	}
	wait("other", 1)
	wait("third", 2)
	held[0]()
	if first := <-got; first != "third" {
		t.Errorf("%s was served first", first)
	}
	held[1]()
	held[1]() // a second release changes nothing
	if second := <-got; second != "other" {
		t.Errorf("%s was served next", second)
	}
	if s.inUse != 4 || len(s.waiting) != 0 {
		t.Errorf("%d in use, %d waiting", s.inUse, len(s.waiting))
	}
}
