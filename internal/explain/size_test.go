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
	if size := SizeOf(kept...); size > MaxBytes+51*1024 || left < 0 {
		t.Errorf("%d bytes, %d left", size, left)
	}
}
