package inspect

import (
	"slices"
	"testing"
)

func TestTextsOfTheLastJudgementAreRedactedOnce(t *testing.T) {
	t.Parallel()
	var asked []string
	r := &redactions{redact: func(text string) string {
		asked = append(asked, text)
		return "redacted " + text
	}}
	for _, judgement := range [][]string{{"a", "b", "a"}, {"a", "c"}, {"b", "c"}, {"c", "a"}} {
		r.begin()
		for _, text := range judgement {
			if got := r.text(text); got != "redacted "+text {
				t.Errorf("%s became %q", text, got)
			}
		}
	}
	// b was missing in the second judgement, and a in the third.
	if want := []string{"a", "b", "c", "b", "a"}; !slices.Equal(asked, want) {
		t.Errorf("redacted %q, want %q", asked, want)
	}
}
