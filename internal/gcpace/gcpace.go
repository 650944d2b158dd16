// Package gcpace collects garbage by how much was allocated, where Go's percentage alone collects a small heap too often: a program that
// builds a model and ends needs the memory of its peak anyway.
package gcpace

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// minHeap is the heap in bytes for which the runtime takes the percentage of a smaller one.
const minHeap = 4 << 20

// liveMetric is the memory of the objects that the last collection has left, in bytes.
const liveMetric = "/gc/heap/live:bytes"

// Pacer sets the percentage after each collection.
type Pacer struct {
	// Step is how much is allocated between two collections at least, in bytes.
	Step uint64
	// Percent is that of the live heap that is allocated between two collections at least; see GOGC.
	Percent int
}

// sentinel is garbage, whose finalizer runs after each collection.
type sentinel struct{ pacer Pacer }

// Start paces the collections of this process until it ends.
func (p Pacer) Start() {
	debug.SetGCPercent(p.percent(live()))
	runtime.SetFinalizer(&sentinel{p}, again)
}

// again sets the percentage for the next collection. The sentinel is garbage again by then.
func again(s *sentinel) {
	debug.SetGCPercent(s.pacer.percent(live()))
	runtime.SetFinalizer(s, again)
}

// percent of the live heap at which to collect again.
func (p Pacer) percent(live uint64) int {
	const all = 100
	return max(p.Percent, int(p.Step*all/max(live, minHeap))) //nolint:gosec // a step has no petabytes
}

// live heap in bytes.
func live() uint64 {
	sample := []metrics.Sample{{Name: liveMetric}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
