// Package memory measures what decoders of foreign input allocate.
package memory

import (
	"runtime"
	"testing"

	"kubeops.io/kubeops/internal/provider/stream"
)

// What decoding may allocate: a multiple of its input, and a part that does not depend on it.
const (
	factor   = 10
	constant = 1 << 20
)

// Bounded runs a decoder of an input of a number of bytes within the limits that a provider.Client sets for it, and fails the test if it
// allocates more than a multiple of the input. Everything that was allocated counts, not the peak, so that the result does not depend on
// the garbage collector. Nothing else may run in the process at the same time.
func Bounded(t testing.TB, bytes int, decode func(stream.Limits)) {
	t.Helper()
	allocated := Allocated(func() { decode(stream.Limits{Memory: int64(2 * bytes)}) })
	if bound := uint64(factor*bytes + constant); allocated > bound {
		t.Errorf("decoding %d bytes allocated %d bytes, want at most %d", bytes, allocated, bound)
	}
}

// Allocated is how many bytes a function allocates.
func Allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
