package clusters

import (
	"context"
	"sync"
)

const (
	// maxCalls to all clusters at the same time, and to one.
	maxCalls        = 256
	maxClusterCalls = 16
)

// slots bound the calls to all clusters at the same time, and those to each. A free slot goes to the waiting cluster with the fewest
// calls, so that clusters that hang delay no others.
type slots struct {
	most, mostOfOne int

	mutex sync.Mutex
	inUse int
	calls map[string]int
	queue []*waiting
}

// waiting call of a cluster.
type waiting struct {
	cluster string
	granted chan struct{}
}

func newSlots(most, mostOfOne int) *slots {
	return &slots{most: most, mostOfOne: mostOfOne, calls: map[string]int{}}
}

// acquire a slot, or fail with the context's error. release gives it back.
func (s *slots) acquire(ctx context.Context, cluster string) (release func(), err error) {
	w := &waiting{cluster: cluster, granted: make(chan struct{})}
	s.mutex.Lock()
	s.queue = append(s.queue, w)
	s.grant()
	s.mutex.Unlock()
	release = sync.OnceFunc(func() { s.release(cluster) })
	select {
	case <-w.granted:
		return release, nil
	case <-ctx.Done():
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i, other := range s.queue {
		if other == w {
			s.queue = append(s.queue[:i], s.queue[i+1:]...)
			return nil, ctx.Err()
		}
	}
	return release, nil // it was granted meanwhile
}

func (s *slots) release(cluster string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.inUse--
	if s.calls[cluster]--; s.calls[cluster] == 0 {
		delete(s.calls, cluster)
	}
	s.grant()
}

// grant free slots: to the cluster with the fewest calls, the oldest of its calls first.
func (s *slots) grant() {
	for s.inUse < s.most {
		next := -1
		for i, w := range s.queue {
			calls := s.calls[w.cluster]
			if calls < s.mostOfOne && (next < 0 || calls < s.calls[s.queue[next].cluster]) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		w := s.queue[next]
		s.queue = append(s.queue[:next], s.queue[next+1:]...)
		s.inUse++
		s.calls[w.cluster]++
		close(w.granted)
	}
}
