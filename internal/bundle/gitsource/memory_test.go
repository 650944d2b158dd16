package gitsource

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/testkit/gitserver"
	"kubeops.io/kubeops/internal/testkit/memory"
)

// maxAllocated of one look at a revision of almost the largest size, in bytes; everything that was allocated counts, not the peak.
const maxAllocated = 208 << 20

// TestALargeRevisionTakesBoundedMemory reads a revision of about 7 MiB as it is sent and 22 MiB unpacked, with 7 MiB of manifests.
func TestALargeRevisionTakesBoundedMemory(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same content each time
	files := map[string]string{}
	for i := range 22 {
		var b strings.Builder
		for b.Len() < 1000<<10 {
			fmt.Fprintf(&b, "key-%08x: value\n", random.Uint32())
		}
		folder := "other"
		if i < 7 {
			folder = "apps"
		}
		files[fmt.Sprintf("%s/%d.yaml", folder, i)] = b.String()
	}
	w := newWorld(t)
	large := gitserver.New(t, files)
	large.Public()
	r := w.request(func(r *Request) { r.Spec.URL = large.URL })
	var c Content
	allocated := memory.Allocated(func() { c = w.read(r) })
	if c.Problem != nil || len(c.Files) != 7 {
		t.Fatalf("%d files, %+v", len(c.Files), c.Problem)
	}
	t.Logf("%d MiB were allocated", allocated>>20)
	if allocated > maxAllocated {
		t.Errorf("%d MiB were allocated, want at most %d", allocated>>20, maxAllocated>>20)
	}
	if again := memory.Allocated(func() { c = w.read(r) }); again > 4*7<<20 {
		t.Errorf("%d MiB were allocated to read it from memory", again>>20)
	}
}
