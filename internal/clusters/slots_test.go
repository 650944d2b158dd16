package clusters

import (
	"context"
	"testing"
)

func TestClustersThatHangLeaveSlotsToOthers(t *testing.T) {
	s := newSlots(4, 3)
	hold := func(cluster string) func() {
		t.Helper()
		release, err := s.acquire(t.Context(), cluster)
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
	if _, err := s.acquire(full, "hangs"); err == nil {
		t.Error("a cluster has more slots than it may")
	}
	held = append(held, hold("other"))
	if _, err := s.acquire(full, "third"); err == nil {
		t.Error("there are more slots than there may be")
	}
	// The cluster with the fewest calls is next, although it came last.
	got := make(chan string, 2)
	wait := func(cluster string, queued int) {
		go func() {
			if _, err := s.acquire(t.Context(), cluster); err == nil {
				got <- cluster
			}
		}()
		await(t, func() bool {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			return len(s.queue) == queued
		})
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
	if s.inUse != 4 || len(s.queue) != 0 {
		t.Errorf("%d in use, %d waiting", s.inUse, len(s.queue))
	}
}
