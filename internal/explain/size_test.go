package explain

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestExplanationsFitIntoAReport(t *testing.T) {
	left := MaxBytes
	var kept []v1alpha1.Explanation
	for range 51 {
		var e v1alpha1.Explanation
		e, left = Within(v1alpha1.Explanation{ID: "f", Key: "k", Summary: "It fails.", Evidence: []v1alpha1.Evidence{
			{ID: "log1", Text: strings.Repeat("满", 20_000/3)},
		}}, left)
		kept = append(kept, e)
	}
	if first, last := kept[0], kept[50]; first.Dropped != "" || last.Dropped != DroppedTooLarge || last.Key != "k" || last.Summary != "" {
		t.Errorf("got %.80v and %v", first, last)
	}
	if size := SizeOf(kept...); size > MaxBytes || size != MaxBytes-left {
		t.Errorf("%d bytes, %d left", size, left)
	}
}

func TestDroppedExplanationsAreCounted(t *testing.T) {
	large := v1alpha1.Explanation{Key: strings.Repeat("k", 64), Model: strings.Repeat("m", 256), Provider: strings.Repeat("p", 253)}
	large.Investigation = &v1alpha1.Investigation{Calls: []v1alpha1.ToolCall{{ID: "t1", Text: strings.Repeat("x", 8192)}}}
	large.Summary = strings.Repeat("<", 3000) // JSON takes six bytes for each
	left := MaxBytes
	var kept []v1alpha1.Explanation
	for i := range 51 {
		var e v1alpha1.Explanation
		e, left = Within(large, left)
		kept = append(kept, e)
		if got := MaxBytes - SizeOf(kept...); got != left || left < 0 {
			t.Fatalf("after %d: %d bytes are left, %d counted", i+1, got, left)
		}
	}
	if first, last := kept[0], kept[50]; first.Investigation == nil || last.Dropped != DroppedTooLarge {
		t.Errorf("got %.80v and %.80v", first, last)
	}
}
