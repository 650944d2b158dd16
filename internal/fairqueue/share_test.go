package fairqueue

import (
	"fmt"
	"testing"
	"time"
)

// TestLongItemsThatComeOneAtATimeDoNotTakeMoreThanTheirShare checks the only slot: who asks again only once its item ended still owes the
// time that it used beside others.
func TestLongItemsThatComeOneAtATimeDoNotTakeMoreThanTheirShare(t *testing.T) {
	b := newBench(t, 1)
	b.push("short", 10_000)
	b.Push("long/0")
	used := map[string]time.Duration{}
	for n := 1; used["long"]+used["short"] < time.Hour; {
		item := b.start()[0]
		takes := time.Second
		if namespaceOf(item) == "long" {
			takes = time.Minute
		}
		b.clock.Step(takes)
		b.release(item)
		used[namespaceOf(item)] += takes
		if namespaceOf(item) == "long" {
			b.Push(fmt.Sprintf("long/%d", n))
			n++
		}
	}
	if used["long"] > 36*time.Minute {
		t.Errorf("long items took %s of an hour, and short ones %s", used["long"], used["short"])
	}
}
