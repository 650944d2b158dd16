package fairqueue

import (
	"fmt"
	"testing"
	"time"
)

// TestTheOnlyItemOfANamespaceIsInterruptedOnlyIfAllSlotsAreHeldForLong checks one and two slots.
func TestTheOnlyItemOfANamespaceIsInterruptedOnlyIfAllSlotsAreHeldForLong(t *testing.T) {
	for name, c := range map[string]struct {
		slots int
		// running are started one after the other, each a second after the last; then waiting is pushed.
		running []string
		waiting string
		// after the wait, want is interrupted.
		after time.Duration
		want  []string
	}{
		"the only slot":                          {1, []string{"a/0"}, "b/0", Grace, []string{"a/0"}},
		"not before the grace is over":           {1, []string{"a/0"}, "b/0", Grace - time.Second, nil},
		"the youngest of two":                    {2, []string{"a/0", "b/0"}, "c/0", Grace, []string{"b/0"}},
		"not for another item of the namespace":  {1, []string{"a/0"}, "a/1", time.Hour, nil},
		"not while a slot is free":               {3, []string{"a/0", "b/0"}, "c/0", time.Hour, nil},
		"a namespace with two items comes first": {3, []string{"a/0", "a/1", "b/0"}, "c/0", Grace, []string{"a/1"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.slots, borrowing)
			for _, item := range c.running {
				b.Push(item)
				b.want(b.start(), item)
				b.clock.Step(time.Second)
			}
			b.Push(c.waiting)
			b.start()
			b.clock.Step(c.after)
			b.want(b.reclaim(), c.want...)
			b.want(b.reclaim()) // one is enough
		})
	}
}

func TestASlotThatIsHandedOnIsWaitedFor(t *testing.T) {
	b := newBench(t, 2, borrowing)
	b.Push("long/0")
	b.push("short", 10)
	b.want(b.start(), "long/0", "short/0")
	b.push("b", 1)
	b.push("c", 1)
	for _, next := range []string{"b/0", "c/0"} {
		b.clock.Step(Grace - time.Second)
		b.want(b.reclaim())
		for _, ended := range []string{"short/0", "b/0"} {
			b.release(ended)
		}
		b.want(b.start(), next)
	}
}

func TestNoItemIsInterruptedForANamespaceThatUsedMoreTime(t *testing.T) {
	b := newBench(t, 1, borrowing)
	b.Push("much/0")
	b.start()
	b.Push("little/0")
	b.clock.Step(time.Minute)
	b.release("much/0")
	b.want(b.start(), "little/0")
	b.Push("much/1")
	b.clock.Step(30 * time.Second)
	b.want(b.reclaim())
	after, needed := b.reclaimAfter()
	if !needed || after <= 0 || after > time.Minute {
		t.Fatalf("looked at again after %s, %v", after, needed)
	}
	for range 20 { // time used counts less as it gets older
		after, _ = b.reclaimAfter()
		b.clock.Step(after)
	}
	b.want(b.reclaim(), "little/0")
}

// TestTwoLongItemsDoNotKeepEachOtherFromEnding: the one that was interrupted waits for the other.
func TestTwoLongItemsDoNotKeepEachOtherFromEnding(t *testing.T) {
	b := newBench(t, 1, borrowing)
	b.Push("a/0")
	b.start()
	b.Push("b/0")
	b.clock.Step(Grace)
	b.want(b.reclaim(), "a/0")
	b.release("a/0")
	b.Push("a/0")
	b.want(b.start(), "b/0")
	if _, needed := b.reclaimAfter(); needed {
		t.Error("the item that was interrupted interrupts the other")
	}
	b.clock.Step(time.Hour)
	b.want(b.reclaim())
	b.release("b/0")
	b.want(b.start(), "a/0")
	b.release("a/0")
	if len(b.repeats) > 0 {
		t.Errorf("%d items are remembered that have ended", len(b.repeats))
	}
}

// TestAnItemThatIsInterruptedAgainAndAgainEnds beside a namespace that asks for short items all the time, and the waits stay short until
// that namespace used much more time itself.
func TestAnItemThatIsInterruptedAgainAndAgainEnds(t *testing.T) {
	const (
		needs = 20 * time.Second
		short = time.Second
	)
	b := newBench(t, 1, borrowing)
	b.Push("long/0")
	b.start()
	var used, longest time.Duration
	for n := range 1000 {
		item := fmt.Sprintf("short/%d", n)
		b.Push(item)
		ran := time.Duration(0)
		for len(b.reclaim()) == 0 {
			if b.clock.Step(100 * time.Millisecond); ran >= needs {
				if allowed := Grace + time.Duration(aging*float64(used)) + short; longest > allowed {
					t.Errorf("a short item waited for %s, more than %s", longest, allowed)
				}
				t.Logf("ended after %d interruptions and %s of others; the longest wait was %s", n, used, longest)
				return
			}
			ran += 100 * time.Millisecond
		}
		longest = max(longest, ran)
		b.release("long/0")
		b.want(b.start(), item)
		b.Push("long/0")
		b.clock.Step(short)
		used += short
		b.release(item)
		b.want(b.start(), "long/0")
	}
	t.Error("the long item did not end")
}

// TestItemsOfANamespaceDoNotEarnTimeByWaitingForEachOther: 20 hanging items of one namespace delay another one no longer than one does.
func TestItemsOfANamespaceDoNotEarnTimeByWaitingForEachOther(t *testing.T) {
	b := newBench(t, 1, borrowing)
	b.push("hanging", 20)
	running := b.start()[0]
	for n := range 200 {
		item := fmt.Sprintf("short/%d", n)
		b.Push(item)
		waited := time.Duration(0)
		for len(b.reclaim()) == 0 {
			b.clock.Step(100 * time.Millisecond)
			if waited += 100 * time.Millisecond; waited > 10*time.Second {
				t.Fatalf("item %d waited for more than %s", n, waited)
			}
		}
		b.release(running)
		b.want(b.start(), item)
		b.Push(running)
		b.clock.Step(200 * time.Millisecond)
		b.release(item)
		running = b.start()[0]
	}
}
