package logroute

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

// A chunk with a line that cannot be written would be sent again and again, and keep its route from sending anything else.
func TestALineThatCannotBeWrittenCostsItself(t *testing.T) {
	t.Parallel()
	event := func(message any, second int) map[string]any {
		return map[string]any{
			"message": message, "timestamp": fmt.Sprintf("2026-01-02T03:04:%02d.000000006Z", second), "kubeops_id": "id", "stream": "stdout",
			"kubernetes": map[string]any{"pod_namespace": "shop"},
		}
	}
	events := []any{event("first", 2), event("INFINITE", 1), event("DEEP", 1), event("BYTES", 1), event("OBJECT", 1), event("second", 1), event("third", 1)}
	ruby := startRuby(t, "body.rb")
	for _, b := range []Backend{
		loki("shop", "logs", "", v1alpha1.LogCollection{}),
		elasticsearch("shop", "logs", v1alpha1.LogCollection{}),
		victorialogs("shop", "logs", v1alpha1.LogCollection{}),
	} {
		route := programsOf(t, b).ruby
		got := ruby.ask(t, map[string]any{"route": route, "events": events}).Event
		body, ok := got["body"].(string)
		if !ok || got["errors"] != 4.0 {
			t.Fatalf("%s: %v", b.Type, got)
		}
		for _, text := range strings.Split(strings.TrimSpace(body), "\n") {
			if !json.Valid([]byte(text)) {
				t.Errorf("%s: %s is no JSON", b.Type, text)
			}
		}
		for _, message := range []string{"first", "second", "third"} {
			if strings.Count(body, message) != 1 {
				t.Errorf("%s: %s is not there once: %s", b.Type, message, body)
			}
		}
		if b.Type == v1alpha1.LogBackendLoki {
			want := `{"streams":[{"stream":{"namespace":"shop","stream":"stdout"},"values":[` +
				`["1767323041000000006","second"],["1767323041000000006","third"],["1767323042000000006","first"]]}]}`
			if body != want {
				t.Errorf("the lines of Loki are not in order: %s", body)
			}
		}
		if got := ruby.ask(t, map[string]any{"route": route, "events": events[1:5]}).Event; got["body"] != nil || got["errors"] != 4.0 {
			t.Errorf("%s: without a line that can be written: %v", b.Type, got)
		}
	}
}

// A program that writes ever new names of fields would fill the memory of the collector, and stop the lines of all others.
func TestNamesOfFieldsTakeLittleMemory(t *testing.T) {
	t.Parallel()
	ruby := startRuby(t, "names.rb")
	for _, bytes := range []int{20, 128, 129, 60_000} {
		got := ruby.ask(t, map[string]any{"bytes": bytes, "count": 1000}).Event
		kept, ok := got["kept"].(float64)
		if !ok || kept > 1<<20 || got["names"] != 1000.0 {
			t.Errorf("1000 names of %d bytes: %v", bytes, got)
		}
	}
}
