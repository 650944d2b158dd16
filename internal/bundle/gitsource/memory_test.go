package gitsource

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/testkit/gitserver"
	"kubeops.io/kubeops/internal/testkit/memory"
)

// maxFactor of what is allocated by one look at a revision, and its size; everything that was allocated counts, not the peak.
const maxFactor = 12

// TestALargeRevisionTakesBoundedMemory reads a revision of 8 MiB unpacked, with 3 MiB of manifests. Larger ones take long on a busy
// machine.
func TestALargeRevisionTakesBoundedMemory(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same content each time
	files := map[string]string{}
	for i := range 8 {
		var b strings.Builder
		for b.Len() < 1000<<10 {
			fmt.Fprintf(&b, "key-%08x: value\n", random.Uint32())
		}
		folder := "other"
		if i < 3 {
			folder = "apps"
		}
		files[fmt.Sprintf("%s/%d.yaml", folder, i)] = b.String()
	}
	w := newWorld(t)
	large := gitserver.New(t, files)
	large.Public()
	large.Git("config", "core.compression", "1")
	r := w.request(func(r *Request) { r.Spec.URL = large.URL })
	var c Content
	allocated := memory.Allocated(func() { c = w.read(r) })
	if c.Problem != nil || len(c.Files) != 3 {
		t.Fatalf("%d files, %+v", len(c.Files), c.Problem)
	}
	t.Logf("%d MiB were allocated", allocated>>20)
	if bound := uint64(maxFactor * 8 << 20); allocated > bound {
		t.Errorf("%d MiB were allocated, want at most %d", allocated>>20, bound>>20)
	}
	if again := memory.Allocated(func() { c = w.read(r) }); again > 4*3<<20 {
		t.Errorf("%d MiB were allocated to read it from memory", again>>20)
	}
}
