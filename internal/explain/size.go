package explain

import (
	"encoding/json"

	"kubeops.io/kubeops/api/v1alpha1"
)

// MaxBytes is the size of all explanations of a report. With the report itself, which can have 512 KiB, they fit into an object.
const MaxBytes = 640 << 10

// maxExplanations of a report: the limit of spec.ai.maxExplanations, and the one of the whole.
const maxExplanations = 51

// Within returns an explanation that takes at most so many bytes, and the bytes that are left after it. One that takes more loses the lines
// that the model read, of which the hashes stay. One that is still too large is dropped, so that the model is not asked for it in each run.
// Room for a report full of dropped ones is never given to others, so that all together take at most MaxBytes.
func Within(e v1alpha1.Explanation, left int) (fitting v1alpha1.Explanation, after int) {
	dropped := v1alpha1.Explanation{
		ID: e.ID, Key: e.Key, Provider: e.Provider, Model: e.Model, Language: e.Language, Dropped: DroppedTooLarge,
	}
	own := SizeOf(dropped)
	room := left - (maxExplanations-1)*own
	if size := SizeOf(e); size <= max(room, own) {
		return e, left - size
	}
	if e.Investigation != nil {
		e.Investigation = e.Investigation.DeepCopy()
		for i := range e.Investigation.Calls {
			e.Investigation.Calls[i].Text = ""
		}
		if size := SizeOf(e); size <= room {
			return e, left - size
		}
	}
	return dropped, left - own
}

// SizeOf explanations in bytes.
func SizeOf(explanations ...v1alpha1.Explanation) int {
	size := 0
	for _, e := range explanations {
		content, err := json.Marshal(e)
		if err != nil {
			return MaxBytes // cannot happen for strings and numbers
		}
		size += len(content) + 1
	}
	return size
}
