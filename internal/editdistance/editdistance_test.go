package editdistance

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2},
		{strings.Repeat("a", 65), "a", maxLength},
	} {
		if got := Distance(tc.a, tc.b); got != tc.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}

func TestClosest(t *testing.T) {
	candidates := []string{"level", "format", "maxConcurrent"}
	for name, want := range map[string]string{
		"levl": "level", "lvel": "level", "maxConcurent": "maxConcurrent", "maxconcurrent": "maxConcurrent", "bindAddress": "", "": "",
	} {
		if got := Closest(name, candidates); got != want {
			t.Errorf("Closest(%q) = %q, want %q", name, got, want)
		}
	}
}
