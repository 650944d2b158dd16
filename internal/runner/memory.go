package runner

import (
	"context"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// mergerPart of the limit is what the process of an Inspection over clusters gets until its peak is known: it holds reports and no
	// facts.
	mergerPart = 2
	// A process may need a quarter more than the last time.
	growth = 4
	// maxPeaks that are remembered. Beyond them, any one is forgotten for a new one, and counts as unknown.
	maxPeaks = 10_000
)

// Memory is what the processes of all runs of this machine share. Each takes what it needed the last time, with a quarter to spare, and
// waits until there is as much. What it takes is its limit, so that no one takes the memory of others: a process that needs more is
// repeated with the limit of all. It is safe for concurrent use.
type Memory struct {
	// total of all processes and limit of one, in bytes.
	total, limit int64

	mutex   sync.Mutex
	inUse   int64
	parts   int // processes that do work: they end without others
	waiting []*waitingProcess
	// of is the memory in use by namespace.
	of    map[string]int64
	peaks map[processKey]int64
}

// processKey identifies what a process does, from run to run.
type processKey struct {
	inspection types.NamespacedName
	cluster    string
	// merger is the process that has parts done by others, and shared one that does those of several clusters.
	merger, shared bool
}

type waitingProcess struct {
	key    processKey
	weight int64
	// behind is set for a process that may keep its memory until its deadline for nothing: others of its namespace, which asked within
	// MaxBehind of it, come first. since is when it asked.
	behind  bool
	since   time.Time
	granted chan struct{}
}

// NewMemory shares a number of bytes between processes that are each limited to another.
func NewMemory(total, limit int64) *Memory {
	return &Memory{total: max(total, limit), limit: limit, of: map[string]int64{}, peaks: map[processKey]int64{}}
}

// wanted reports whether a process of another namespace than this one waits for memory.
func (m *Memory) wanted(namespace string) bool {
	if m == nil {
		return false
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return slices.ContainsFunc(m.waiting, func(w *waitingProcess) bool { return w.key.inspection.Namespace != namespace })
}

// processes is how many there may be at the same time with the limit of one each, at least 1.
func (m *Memory) processes() int {
	if m == nil || m.limit <= 0 {
		return 1
	}
	return max(int(m.total/m.limit), 1)
}

// acquire waits for the memory of a process, which must not use more than it was given; 0 is no limit. release gives it back, and remembers
// the peak of the process in bytes; one of 0 is unknown.
func (m *Memory) acquire(ctx context.Context, key processKey) (given int64, release func(peak int64), err error) {
	return m.take(ctx, &waitingProcess{key: key})
}

func (m *Memory) take(ctx context.Context, w *waitingProcess) (given int64, release func(peak int64), err error) {
	if m == nil {
		return 0, func(int64) {}, nil
	}
	m.mutex.Lock()
	w.weight = m.weight(w.key)
	w.granted = make(chan struct{})
	w.since = time.Now()
	m.waiting = append(m.waiting, w)
	m.grant()
	m.mutex.Unlock()
	var once sync.Once
	release = func(peak int64) { once.Do(func() { m.release(w, peak) }) }
	select {
	case <-w.granted:
		return w.weight, release, nil
	case <-ctx.Done():
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if i := slices.Index(m.waiting, w); i >= 0 {
		m.waiting = slices.Delete(m.waiting, i, i+1)
		m.grant()
		return 0, nil, ctx.Err()
	}
	return w.weight, release, nil // it was granted meanwhile
}

// weight of a process: its last peak, or its limit where that is not known.
func (m *Memory) weight(key processKey) int64 {
	peak := m.peaks[key]
	switch {
	case peak > 0:
		return min(peak+peak/growth, m.limit)
	case key.merger:
		return m.limit / mergerPart
	}
	return m.limit
}

func (m *Memory) release(w *waitingProcess, peak int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if _, known := m.peaks[w.key]; !known && len(m.peaks) >= maxPeaks {
		for other := range m.peaks {
			delete(m.peaks, other)
			break
		}
	}
	if w.key.shared {
		// Those of one run have different numbers of clusters: the next one may have as many as any.
		peak = max(peak, m.peaks[w.key])
	}
	m.peaks[w.key] = peak
	m.add(w, -1)
	m.grant()
}

func (m *Memory) add(w *waitingProcess, sign int64) {
	m.inUse += sign * w.weight
	namespace := w.key.inspection.Namespace
	if m.of[namespace] += sign * w.weight; m.of[namespace] == 0 {
		delete(m.of, namespace)
	}
	if !w.key.merger {
		m.parts += int(sign)
	}
}

// before reports whether a process that waits is next before one that asked earlier.
func (m *Memory) before(later, earlier *waitingProcess) bool {
	ofLater := m.of[later.key.inspection.Namespace]
	ofEarlier := m.of[earlier.key.inspection.Namespace]
	if ofLater != ofEarlier {
		return ofLater < ofEarlier
	}
	return Passes(later.behind, earlier.behind, later.since.Sub(earlier.since))
}

// grant memory to those who wait: the namespace with the least first, and its oldest process first, but for those that are behind. What
// does not fit is waited for, so that a large process is not passed by small ones forever. One process is always granted while none does
// work: those that merge wait for it.
func (m *Memory) grant() {
	for len(m.waiting) > 0 {
		next := 0
		for i, w := range m.waiting {
			if m.before(w, m.waiting[next]) {
				next = i
			}
		}
		w := m.waiting[next]
		if m.inUse+w.weight > m.total && m.parts > 0 {
			return
		}
		m.waiting = slices.Delete(m.waiting, next, next+1)
		m.add(w, 1)
		close(w.granted)
	}
}
