package redact

import (
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/testkit/corpus"
)

// each is the number of texts per shape.
const each = 7

// TestRecallOnTheCorpus measures how many secrets are replaced and how many harmless texts are not changed. docs/redaction.md
// quotes its output.
func TestRecallOnTheCorpus(t *testing.T) {
	r := redactor(t)
	measure := func(texts []corpus.Text, wrong func(c corpus.Text, got string) bool) (share float64) {
		bad := 0
		for _, c := range texts {
			if got := r.Text(c.Text); wrong(c, got) {
				bad++
				t.Logf("%s: %q", c.Shape, got)
			}
		}
		return float64(bad) / float64(len(texts))
	}
	secrets := corpus.Secrets(each, 1)
	harmless := corpus.Harmless(each, 2)
	recall := 1 - measure(secrets, func(c corpus.Text, got string) bool { return strings.Contains(got, c.Secret) })
	t.Logf("%d secrets of %d shapes: recall %.4f", len(secrets), len(secrets)/each, recall)
	if len(secrets) < 300 || recall < 0.99 {
		t.Errorf("recall %.4f on %d secrets, want at least 0.99 on 300", recall, len(secrets))
	}
	rate := measure(harmless, func(c corpus.Text, got string) bool { return c.Text != got })
	t.Logf("%d harmless texts of %d shapes: %.4f replaced", len(harmless), len(harmless)/each, rate)
	if len(harmless) < 300 || rate > 0.02 {
		t.Errorf("%.4f of %d harmless texts were changed, want at most 0.02 of 300", rate, len(harmless))
	}
}

func TestRedactionIsIdempotent(t *testing.T) {
	r := redactor(t)
	for _, c := range slices.Concat(corpus.Secrets(1, 3), corpus.Harmless(1, 3)) {
		if once := r.Text(c.Text); r.Text(once) != once {
			t.Errorf("%s: a second pass gives %q for %q", c.Shape, r.Text(once), once)
		}
	}
}
