package runner

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

func processOf(namespace, name, cluster string) processKey {
	return processKey{inspection: types.NamespacedName{Namespace: namespace, Name: name}, cluster: cluster}
}

// waiter asks for memory and says when it has it.
type waiter struct {
	t       *testing.T
	granted chan func(int64)
}

func ask(t *testing.T, m *Memory, key processKey) *waiter {
	t.Helper()
	m.mutex.Lock()
	before := len(m.waiting)
	m.mutex.Unlock()
	w := &waiter{t: t, granted: make(chan func(int64), 1)}
	asked := make(chan struct{})
	go func() {
		_, release, err := m.acquire(t.Context(), key)
		if err == nil {
			w.granted <- release
		}
		close(asked)
	}()
	for {
		select {
		case <-asked:
			return w
		default:
		}
		m.mutex.Lock()
		queued := len(m.waiting) > before
		m.mutex.Unlock()
		if queued {
			return w
		}
	}
}

func (w *waiter) has() bool { return len(w.granted) == 1 }

func (w *waiter) release(peak int64) {
	w.t.Helper()
	select {
	case release := <-w.granted:
		release(peak)
	case <-w.t.Context().Done():
		w.t.Fatal("no memory")
	}
}

func TestAProcessWeighsItsLastPeak(t *testing.T) {
	t.Parallel()
	m := NewMemory(200, 100)
	key := processOf("a", "i", "c")
	for _, step := range []struct{ peak, want int64 }{{0, 100}, {40, 100}, {99, 50}, {0, 100}, {1, 100}} {
		if got := m.weight(key); got != step.want {
			t.Errorf("weight %d, want %d", got, step.want)
		}
		_, release, err := m.acquire(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		release(step.peak)
		release(7) // only the first one counts
	}
	if m.inUse != 0 || m.parts != 0 || len(m.of) != 0 {
		t.Errorf("in use %d, parts %d, of %v", m.inUse, m.parts, m.of)
	}
}

func TestSmallProcessesRunTogetherAndLargeOnesWait(t *testing.T) {
	t.Parallel()
	m := NewMemory(200, 100)
	for _, name := range []string{"a", "b", "c", "d"} {
		_, release, err := m.acquire(t.Context(), processOf("n", "i", name))
		if err != nil {
			t.Fatal(err)
		}
		release(40) // weighs 50 from now on
	}
	var small []*waiter
	for _, name := range []string{"a", "b", "c"} {
		small = append(small, ask(t, m, processOf("n", "i", name)))
	}
	large := ask(t, m, processOf("n", "i", "unknown"))
	last := ask(t, m, processOf("n", "i", "d"))
	if !small[0].has() || !small[1].has() || !small[2].has() {
		t.Error("three processes of 50 do not run together in 200")
	}
	if large.has() || last.has() {
		t.Error("150 and 100 do not fit into 200, and no one passes one that waits")
	}
	small[0].release(40)
	large.release(0)
	last.release(0)
}

func TestTheNamespaceWithTheLeastMemoryIsNext(t *testing.T) {
	t.Parallel()
	m := NewMemory(200, 100)
	first, second := ask(t, m, processOf("busy", "i", "1")), ask(t, m, processOf("busy", "i", "2"))
	third, other := ask(t, m, processOf("busy", "i", "3")), ask(t, m, processOf("quiet", "i", "1"))
	first.release(0)
	releaseOther := <-other.granted
	if third.has() {
		t.Error("the namespace with more memory got more of it")
	}
	second.release(0)
	third.release(0)
	releaseOther(0)
}

func TestProcessesThatWaitForOthersNeverBlockThem(t *testing.T) {
	t.Parallel()
	m := NewMemory(100, 100)
	m.peaks[processKey{merger: true, inspection: types.NamespacedName{Name: "x"}}] = 80
	m.peaks[processKey{merger: true, inspection: types.NamespacedName{Name: "y"}}] = 80
	mergers := []*waiter{
		ask(t, m, processKey{merger: true, inspection: types.NamespacedName{Name: "x"}}),
		ask(t, m, processKey{merger: true, inspection: types.NamespacedName{Name: "y"}}),
	}
	part := ask(t, m, processOf("", "x", "c"))
	other := ask(t, m, processOf("", "y", "c"))
	part.release(0)
	other.release(0)
	mergers[0].release(80)
	mergers[1].release(80)
}

func TestOneWhoGivesUpLeavesTheQueue(t *testing.T) {
	t.Parallel()
	m := NewMemory(100, 100)
	running := ask(t, m, processOf("a", "i", "1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := m.acquire(ctx, processOf("a", "i", "2")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	next := ask(t, m, processOf("a", "i", "3"))
	running.release(0)
	next.release(0)
	if m.inUse != 0 || len(m.waiting) != 0 {
		t.Errorf("in use %d, %d wait", m.inUse, len(m.waiting))
	}
}

// One that began late has few clusters, and one without any has ended at once.
func TestASharedProcessGetsWhatTheLargestNeeded(t *testing.T) {
	m := NewMemory(800, 400)
	key := processKey{inspection: types.NamespacedName{Namespace: "a", Name: "all"}, shared: true}
	for _, peak := range []int64{200, 80, 0} {
		_, release, err := m.acquire(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		release(peak)
	}
	if given, release, err := m.acquire(t.Context(), key); err != nil || given != 250 {
		t.Errorf("got %d bytes, %v", given, err)
	} else {
		release(0)
	}
}

// A process that may keep its memory for nothing waits for others of its namespace, but not forever.
func TestAProcessThatMayHangIsBehindOthersOfItsNamespace(t *testing.T) {
	for name, tc := range map[string]struct {
		earlier, later waitingProcess
		before         bool
	}{
		"both may hang": {waitingProcess{key: processOf("a", "i", "c"), behind: true}, waitingProcess{key: processOf("a", "i", "d"), behind: true}, false},
		"none may hang": {waitingProcess{key: processOf("a", "i", "c")}, waitingProcess{key: processOf("a", "i", "d")}, false},
		"the earlier one may hang": {
			waitingProcess{key: processOf("a", "i", "c"), behind: true}, waitingProcess{key: processOf("a", "i", "d")}, true,
		},
		"it has waited long": {
			waitingProcess{key: processOf("a", "i", "c"), behind: true, since: time.Now().Add(-MaxBehind)},
			waitingProcess{key: processOf("a", "i", "d"), since: time.Now()}, false,
		},
		"another namespace has as much": {
			waitingProcess{key: processOf("a", "i", "c"), behind: true}, waitingProcess{key: processOf("b", "i", "d")}, true,
		},
		"another namespace has more": {
			waitingProcess{key: processOf("a", "i", "c"), behind: true}, waitingProcess{key: processOf("more", "i", "d")}, false,
		},
	} {
		m := &Memory{of: map[string]int64{"more": 5}}
		if got := m.before(&tc.later, &tc.earlier); got != tc.before {
			t.Errorf("%s: the later one is first: %t", name, got)
		}
	}
}

func TestMemoryIsGrantedToThoseThatMayHangLast(t *testing.T) {
	t.Parallel()
	m := NewMemory(100, 100)
	held := ask(t, m, processOf("a", "i", "held"))
	order := make(chan string, 3)
	wait := func(cluster string, behind bool) {
		m.mutex.Lock()
		before := len(m.waiting)
		m.mutex.Unlock()
		go func() {
			_, release, err := m.take(t.Context(), &waitingProcess{key: processOf("a", "i", cluster), behind: behind})
			if err != nil {
				t.Error(err)
				return
			}
			order <- cluster
			release(0)
		}()
		await(t, "it does not wait", func() bool {
			m.mutex.Lock()
			defer m.mutex.Unlock()
			return len(m.waiting) > before
		})
	}
	wait("unknown", true)
	wait("known", false)
	held.release(0)
	if first := <-order; first != "known" {
		t.Errorf("%s is first", first)
	}
	<-order
}
