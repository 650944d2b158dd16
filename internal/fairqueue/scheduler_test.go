package fairqueue

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

// bench is a scheduler that a test drives by hand: items are texts such as "a/1", whose namespace is before the slash.
type bench struct {
	*scheduler[string]
	t     *testing.T
	clock *clocktesting.FakeClock
}

func namespaceOf(item string) string { return strings.Split(item, "/")[0] }

func newBench(t *testing.T, slots int, with ...func(*Options[string])) *bench {
	t.Helper()
	clock := clocktesting.NewFakeClock(time.Unix(1_700_000_000, 0))
	o := Options[string]{Slots: slots, NamespaceOf: namespaceOf, Clock: clock}
	for _, change := range with {
		change(&o)
	}
	return &bench{newScheduler(o), t, clock}
}

func borrowing(o *Options[string]) { o.Interrupts = NewInterrupts[string]() }

// push items 0 to n-1 of a namespace.
func (b *bench) push(namespace string, n int) {
	for i := range n {
		b.Push(fmt.Sprintf("%s/%d", namespace, i))
	}
}

// start as many items as the rules allow.
func (b *bench) start() (started []string) {
	for b.choose() {
		started = append(started, b.Pop())
	}
	return started
}

func (b *bench) want(got []string, want ...string) {
	b.t.Helper()
	if strings.Join(got, " ") != strings.Join(want, " ") {
		b.t.Fatalf("got %v, want %v", got, want)
	}
}

func TestNamespacesTakeTurnsAndKeepTheirOrder(t *testing.T) {
	b := newBench(t, 1)
	b.push("a", 300)
	b.push("b", 3)
	b.push("c", 1)
	var order []string
	for range 8 {
		started := b.start()
		b.clock.Step(time.Second)
		b.release(started[0])
		order = append(order, started...)
	}
	b.want(order, "a/0", "b/0", "c/0", "a/1", "b/1", "a/2", "b/2", "a/3")
}

func TestANamespaceThatUsedMuchTimeWaitsBehindOneThatUsedLittle(t *testing.T) {
	b := newBench(t, 1)
	b.push("heavy", 10)
	b.push("light", 10)
	b.want(b.start(), "heavy/0")
	b.clock.Step(time.Minute)
	b.release("heavy/0")
	for i := range 3 {
		b.want(b.start(), fmt.Sprintf("light/%d", i))
		b.clock.Step(20 * time.Second)
		b.release(fmt.Sprintf("light/%d", i))
	}
	b.want(b.start(), "heavy/1")
}

func TestAPartOfTheSlotsIsLeftForOthers(t *testing.T) {
	for slots, want := range map[int][3]int{ // held by one namespace, by a second one after it, by a third one
		1: {1, 0, 0}, 2: {1, 1, 0}, 3: {2, 1, 0}, 4: {3, 1, 0}, 8: {6, 1, 1}, 32: {24, 6, 1},
	} {
		b := newBench(t, slots)
		for i, name := range []string{"a", "b", "c"} {
			b.push(name, 100)
			b.start()
			if got := b.namespaces[name].held(); got != want[i] {
				t.Errorf("%d slots: namespace %s holds %d, want %d", slots, name, got, want[i])
			}
		}
	}
}

func TestANamespaceHoldsAtMostItsOwnLimit(t *testing.T) {
	b := newBench(t, 8, func(o *Options[string]) { o.PerNamespace = 2 })
	b.push("a", 5)
	b.push("b", 5)
	b.want(b.start(), "a/0", "b/0", "a/1", "b/1")
	b.release("a/0")
	b.want(b.start(), "a/2")
}

func TestAllSlotsAreTakenWhileNoOtherNamespaceNeedsOne(t *testing.T) {
	b := newBench(t, 2, borrowing)
	b.push("a", 10)
	b.want(b.start(), "a/0", "a/1")
	if _, needed := b.reclaimAfter(); needed {
		t.Error("an item is to be interrupted for no one")
	}
	b.clock.Step(time.Second)
	b.push("b", 1)
	if after, needed := b.reclaimAfter(); !needed || after != Grace {
		t.Errorf("got %v, %v, want the grace", after, needed)
	}
	b.clock.Step(Grace)
	b.want(b.reclaim(), "a/1")
	b.want(b.reclaim()) // one is enough
	b.release("a/1")
	b.want(b.start(), "b/0")
	b.release("b/0")
	b.want(b.start()) // one slot stays free
	b.clock.Step(reserveFor)
	b.want(b.start(), "a/2")
}

func TestTheYoungestItemOfTheLargestHolderIsInterrupted(t *testing.T) {
	b := newBench(t, 6, borrowing)
	for _, namespace := range []string{"a", "b", "c", "a", "b", "a"} {
		b.Push(fmt.Sprintf("%s/%d", namespace, b.clock.Now().Unix()-1_700_000_000))
		b.start()
		b.clock.Step(time.Second)
	}
	b.push("d", 1)
	b.clock.Step(Grace)
	b.want(b.reclaim(), "a/5")
}

func TestEachNamespaceThatWaitsGetsASlotBack(t *testing.T) {
	b := newBench(t, 4, borrowing)
	b.push("a", 9)
	if got := b.start(); len(got) != 4 {
		t.Fatalf("started %v", got)
	}
	b.push("b", 1)
	b.clock.Step(time.Second)
	b.push("c", 1)
	b.clock.Step(Grace - time.Second)
	if got := b.reclaim(); len(got) != 1 {
		t.Errorf("interrupted %v, want one: c has not waited long enough", got)
	}
	b.clock.Step(time.Second)
	if got := b.reclaim(); len(got) != 1 {
		t.Errorf("interrupted %v, want one for c", got)
	}
	b.push("d", 1)
	b.push("e", 1)
	b.clock.Step(Grace)
	if got := b.reclaim(); len(got) != 1 {
		t.Errorf("interrupted %v, want one: a namespace with several loses the slots first", got)
	}
}

func TestItemsOfLowPriorityGoBehindTheOthersOfTheirNamespace(t *testing.T) {
	b := newBench(t, 1)
	b.low = true
	b.push("a", 3)
	b.low = false
	b.Push("a/new")
	b.Touch("a/2")
	b.Touch("a/new")
	var order []string
	for range 4 {
		started := b.start()
		b.release(started[0])
		order = append(order, started...)
	}
	b.want(order, "a/new", "a/2", "a/0", "a/1")
}

func TestNamespacesWithoutItemsAreForgotten(t *testing.T) {
	b := newBench(t, 1)
	for i := range 1000 {
		b.Push(fmt.Sprintf("n%d/0", i))
		b.release(b.start()[0])
	}
	if len(b.namespaces) > 2 {
		t.Errorf("%d namespaces are known", len(b.namespaces))
	}
}

// TestAHeavyNamespaceIsServedAmongNamespacesThatAppearAllTheTime checks that none starves.
func TestAHeavyNamespaceIsServedAmongNamespacesThatAppearAllTheTime(t *testing.T) {
	b := newBench(t, 1)
	b.push("heavy", 2)
	b.start()
	b.clock.Step(24 * time.Hour)
	b.Push("n0/0")
	b.release("heavy/0")
	for i := range 1800 { // half an hour
		started := b.start()
		if started[0] == "heavy/1" {
			return
		}
		b.clock.Step(time.Second)
		b.Push(fmt.Sprintf("n%d/0", i+1))
		b.release(started[0])
	}
	t.Error("heavy was not served within half an hour")
}

// TestABusyNamespaceWaitsAtMostTenSecondsForACrowd checks the only slot: what a namespace used before does not make up for a crowd.
func TestABusyNamespaceWaitsAtMostTenSecondsForACrowd(t *testing.T) {
	b := newBench(t, 1)
	const item = 150 * time.Millisecond
	round := func(pushed string) (waited time.Duration) {
		b.Push(pushed)
		for {
			started := b.start()
			b.clock.Step(item)
			b.release(started[0])
			if started[0] == pushed {
				return waited
			}
			waited += item
		}
	}
	for i := range 4000 { // ten minutes
		round(fmt.Sprintf("busy/%d", i))
	}
	b.push("crowd", 300)
	for i := range 300 {
		if waited := round(fmt.Sprintf("busy/after-%d", i)); waited > 10*time.Second {
			t.Fatalf("the busy namespace waited for %s", waited)
		}
	}
	if left := b.Len(); left > 0 {
		t.Errorf("%d items of the crowd were not served beside as many of the busy namespace", left)
	}
}

// FuzzRules drives the scheduler with random arrivals and ends, and checks the rules of the package after each step.
func FuzzRules(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint8(seed%9), uint8(seed%4), seed%2 == 0)
	}
	f.Fuzz(checkRules)
}

func checkRules(t *testing.T, seed uint64, slots, perNamespace uint8, borrow bool) {
	b := newBench(t, int(slots%40)+1, func(o *Options[string]) {
		o.PerNamespace = int(perNamespace % 5)
		if borrow {
			borrowing(o)
		}
	})
	random := rand.New(rand.NewPCG(seed, 1))
	model := &model{bench: b, running: map[string]bool{}, pending: map[string][]string{}}
	for range 2000 {
		model.step(random)
	}
	model.drain(random)
}

// model knows what waits and runs, without the rules.
type model struct {
	*bench
	pushed, popped int
	running        map[string]bool
	pending        map[string][]string // by namespace, in order
}

func (m *model) step(random *rand.Rand) {
	m.clock.Step(time.Duration(random.IntN(20_000)) * time.Millisecond)
	switch {
	case random.IntN(3) > 0 || len(m.running) == 0:
		namespace := fmt.Sprintf("n%d", int(random.ExpFloat64()*2))
		for range 1 + random.IntN(5) {
			item := fmt.Sprintf("%s/%d", namespace, m.pushed)
			m.pushed++
			m.pending[namespace] = append(m.pending[namespace], item)
			m.Push(item)
		}
	default:
		m.endOne(random)
	}
	m.startAll()
	m.interruptAll(random)
}

func (m *model) endOne(random *rand.Rand) {
	left := random.IntN(len(m.running))
	for item := range m.running {
		if left == 0 {
			delete(m.running, item)
			m.release(item)
			return
		}
		left--
	}
}

func (m *model) startAll() {
	m.t.Helper()
	for m.choose() {
		held := m.held()
		item := m.Pop()
		name := namespaceOf(item)
		if m.pending[name][0] != item {
			m.t.Fatalf("%s started before %s of its namespace", item, m.pending[name][0])
		}
		m.pending[name] = m.pending[name][1:]
		for other, pending := range m.pending {
			if len(pending) > 0 && held[other] < held[name] && (m.perNamespace == 0 || held[other] < m.perNamespace) {
				m.t.Fatalf("%s with %d slots got another before %s with %d", name, held[name], other, held[other])
			}
		}
		if m.perNamespace > 0 && held[name] >= m.perNamespace {
			m.t.Fatalf("%s holds %d slots, its limit is %d", name, held[name]+1, m.perNamespace)
		}
		free := m.slots - len(m.running) - 1
		if !m.borrow && held[name] > 0 && held[name]+1 > share*free {
			m.t.Fatalf("%s holds %d slots with %d free", name, held[name]+1, free)
		}
		m.running[item] = true
		m.popped++
	}
	if len(m.running) > m.slots {
		m.t.Fatalf("%d items run in %d slots", len(m.running), m.slots)
	}
	held := m.held()
	for name, pending := range m.pending {
		if len(pending) > 0 && held[name] == 0 && len(m.running) < m.slots {
			m.t.Fatalf("%s waits, holds no slot, and %d are free", name, m.slots-len(m.running))
		}
	}
}

// interruptAll ends what is to be interrupted; then no namespace waits without a slot while another holds two. The only item of a namespace
// is interrupted if no slot was free for the grace, and no namespace has two.
func (m *model) interruptAll(random *rand.Rand) {
	m.t.Helper()
	if !m.borrow {
		return
	}
	if random.IntN(4) == 0 {
		m.clock.Step(Grace)
	}
	for items := m.reclaim(); len(items) > 0; items = m.reclaim() { // what is freed goes to those that used little
		for _, item := range items {
			if held := m.held(); held[namespaceOf(item)] < 2 {
				m.checkOnly(item, held)
			}
			delete(m.running, item)
			m.release(item)
			m.startAll()
		}
	}
	if after, needed := m.reclaimAfter(); needed && after == 0 {
		m.t.Fatal("a namespace has waited for the grace, and nothing was interrupted for it")
	}
}

// checkOnly checks whether the only item of its namespace may be interrupted.
func (m *model) checkOnly(item string, held map[string]int) {
	m.t.Helper()
	for other := range m.running {
		if age := m.clock.Now().Sub(m.bench.running[other].began); age < Grace || held[namespaceOf(other)] > 1 {
			m.t.Fatalf("the only item of its namespace, %s, was interrupted, although %s began %s ago, and its namespace holds %d slots",
				item, other, age, held[namespaceOf(other)])
		}
	}
	if len(m.running) < m.slots {
		m.t.Fatalf("%s was interrupted, although %d slots are free", item, m.slots-len(m.running))
	}
}

func (m *model) held() map[string]int {
	held := map[string]int{}
	for item := range m.running {
		held[namespaceOf(item)]++
	}
	return held
}

// drain ends everything: each item that was pushed was started once.
func (m *model) drain(random *rand.Rand) {
	m.t.Helper()
	for len(m.running) > 0 {
		m.endOne(random)
		m.startAll()
	}
	if m.popped != m.pushed || m.Len() != 0 {
		m.t.Fatalf("%d items of %d were started, %d wait", m.popped, m.pushed, m.Len())
	}
}
