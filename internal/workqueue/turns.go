package workqueue

import (
	"context"
	"slices"
	"sync"
	"time"

	"kubeops.io/kubeops/internal/runner"
)

const (
	// fewestTurns are there until workers were counted.
	fewestTurns = 8
	// turnsOfPlace is how many parts are queued or running for each place of a worker: one waits there for the end of the other.
	turnsOfPlace = 2
)

// turns bound how many parts of a leader are in the queue. Workers take them in their order, so that the parts of one namespace would
// stand before those of all others: a part is queued once a place is free, and the namespace with the fewest parts in the queue is next.
// Parts that may keep a worker until their deadline for nothing are behind others of their namespace.
type turns struct {
	mutex   sync.Mutex
	most    int
	used    int
	of      map[string]int
	waiting []*turn
}

type turn struct {
	namespace string
	// behind is set for a part that may hang, and since is when it asked.
	behind  bool
	since   time.Time
	granted chan struct{}
}

// take waits for a turn. release ends it.
func (t *turns) take(ctx context.Context, work *runner.Work) (release func(), err error) {
	mine := &turn{namespace: work.Inspection.Namespace, behind: work.MayHang(), since: time.Now(), granted: make(chan struct{})}
	t.mutex.Lock()
	t.waiting = append(t.waiting, mine)
	t.grant()
	t.mutex.Unlock()
	select {
	case <-mine.granted:
		return func() { t.end(mine) }, nil
	case <-ctx.Done():
	}
	t.mutex.Lock()
	i := slices.Index(t.waiting, mine)
	if i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
	}
	t.mutex.Unlock()
	if i < 0 { // it was granted meanwhile
		t.end(mine)
	}
	return nil, ctx.Err()
}

func (t *turns) end(mine *turn) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.used--
	if t.of[mine.namespace]--; t.of[mine.namespace] == 0 {
		delete(t.of, mine.namespace)
	}
	t.grant()
}

// resize to a number of places of workers.
func (t *turns) resize(places int) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.most = max(turnsOfPlace*places, 1)
	t.grant()
}

// before reports whether a turn that waits is next before one that was asked for earlier.
func (t *turns) before(later, earlier *turn) bool {
	if t.of[later.namespace] != t.of[earlier.namespace] {
		return t.of[later.namespace] < t.of[earlier.namespace]
	}
	return runner.Passes(later.behind, earlier.behind, later.since.Sub(earlier.since))
}

// grant turns to those who wait, the oldest of a namespace first.
func (t *turns) grant() {
	if t.of == nil {
		t.of = map[string]int{}
	}
	if t.most == 0 {
		t.most = fewestTurns
	}
	for len(t.waiting) > 0 && t.used < t.most {
		next := 0
		for i, one := range t.waiting {
			if t.before(one, t.waiting[next]) {
				next = i
			}
		}
		one := t.waiting[next]
		t.waiting = slices.Delete(t.waiting, next, next+1)
		t.used++
		t.of[one.namespace]++
		close(one.granted)
	}
}
