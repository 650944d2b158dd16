package provider

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestTheMemoryForResponsesIsMeasured(t *testing.T) {
	memory := NewResponseMemory(MinResponseMemory)
	registry := prometheus.NewPedanticRegistry()
	if err := memory.Register(registry); err != nil {
		t.Fatal(err)
	}
	first := memory.For("shop").open()
	for range MinResponseMemory / 2 / grant {
		if err := first.grow(t.Context()); err != nil {
			break // its share is used up
		}
	}
	// Another response of the tenant waits until the first is closed.
	waiting := memory.For("shop").open()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- waiting.grow(ctx) }()
	deadline := time.After(10 * time.Second)
	for memory.Waiting() == 0 {
		select {
		case err := <-ended:
			t.Fatalf("the response did not wait: %v", err)
		case <-deadline:
			t.Fatal("timed out")
		case <-time.After(time.Millisecond):
		}
	}
	const want = `# HELP kubeops_response_memory_waiting Responses that wait for memory.
# TYPE kubeops_response_memory_waiting gauge
kubeops_response_memory_waiting 1
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "kubeops_response_memory_waiting"); err != nil {
		t.Error(err)
	}
	if used := memory.InUse(); used <= 0 || used > memory.Limit() {
		t.Errorf("%d of %d bytes are used", used, memory.Limit())
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("what was canceled got its memory")
	}
}
