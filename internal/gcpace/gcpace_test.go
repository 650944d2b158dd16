package gcpace

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestASmallHeapIsCollectedByTheStepAndALargeOneByThePercentage(t *testing.T) {
	t.Parallel()
	p := Pacer{Step: 8 << 20, Percent: 20}
	for live, want := range map[uint64]int{0: 200, 4 << 20: 200, 16 << 20: 50, 40 << 20: 20, 400 << 20: 20} {
		if got := p.percent(live); got != want {
			t.Errorf("%d MiB: %d percent, want %d", live>>20, got, want)
		}
	}
}

// It changes the settings of the process, so no other test runs beside it.
func TestThePercentageFollowsTheHeap(t *testing.T) {
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	Pacer{Step: 64 << 20, Percent: 20}.Start()
	within(t, func(percent int) bool { return percent > 200 })
	kept := make([][]byte, 128)
	for i := range kept {
		kept[i] = make([]byte, 1<<20)
	}
	within(t, func(percent int) bool { return percent >= 20 && percent < 60 })
	runtime.KeepAlive(kept)
}

// within some collections the percentage is as wanted: the finalizer of the sentinel runs some time after each.
func within(t *testing.T, holds func(percent int) bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(percentage()); runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("the percentage is %d", percentage())
		}
	}
}

// percentage that is set.
func percentage() int {
	now := debug.SetGCPercent(100)
	debug.SetGCPercent(now)
	return now
}
