package ai_test

import (
	"testing"

	"kubeops.io/kubeops/internal/provider/ai"
)

func TestWhatModelsPutAroundJSONIsRemoved(t *testing.T) {
	const want = `{"answer": "yes"}`
	for _, text := range []string{
		want, " \n" + want + "\n", "```json\n" + want + "\n```", "```JSON\n" + want + "\n```", "```\n" + want + "```", "```" + want + "```",
		"<think>\nIs it {\"answer\": \"no\"}?\n</think>\n\n" + want, "<THINK></THINK>" + want, "<think>x</think>```json\n" + want + "\n```",
	} {
		if got := ai.Unwrap(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{"", "Yes.", "<think>" + want, want + " <think>so</think>", "```json"} {
		if got := ai.Unwrap(text); got == want {
			t.Errorf("%q became an answer", text)
		}
	}
}
