package terminal

import (
	"slices"
	"testing"
)

func TestCommandsAreNotWrapped(t *testing.T) {
	for text, want := range map[string][]string{
		"Delete it: `kubectl delete pod 'a  b' --now` now.": {"Delete it:", "`kubectl delete pod 'a  b' --now`", "now."},
		"odd ` one and more words":                          {"odd ` one and more", "words"},
		"``":                                                {"``"},
		"":                                                  {""},
	} {
		if got := Wrap(text, 20); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
