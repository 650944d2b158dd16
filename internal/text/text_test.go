package text_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/text"
)

func TestClipCountsRunesAndMarksTheCut(t *testing.T) {
	for name, tc := range map[string]struct {
		in    string
		limit int
		want  string
	}{
		"short text":            {"pod", 5, "pod"},
		"exact length":          {"abcde", 5, "abcde"},
		"one rune too long":     {"abcdef", 5, "ab..."},
		"multi-byte and fits":   {"äöüäö", 5, "äöüäö"},
		"multi-byte and is cut": {"äöüäöü", 5, "äö..."},
		"no room for text":      {"abcdef", 3, "..."},
		"no room for the dots":  {"abcdef", 2, ".."},
		"limit zero":            {"abcdef", 0, ""},
		"negative limit":        {"abcdef", -1, ""},
		"invalid UTF-8":         {"\xff\xfe\xfd\xfc", 4, "\xff\xfe\xfd\xfc"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := text.Clip(tc.in, tc.limit); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzClipNeverExceedsTheLimit(f *testing.F) {
	f.Add("CrashLoopBackOff", 5)
	f.Add("äöü", 2)
	f.Fuzz(func(t *testing.T, in string, limit int) {
		if got := text.Clip(in, limit); utf8.RuneCountInString(got) > max(limit, 0) {
			t.Errorf("%q cut to %d is %q", in, limit, got)
		}
	})
}

func TestCountsTakeThePlural(t *testing.T) {
	for want, got := range map[string]string{
		"1 Pod":      text.Count(1, "Pod"),
		"0 Pods":     text.Count(0, "Pod"),
		"1 policy":   text.CountOf(1, "policy", "policies"),
		"2 policies": text.CountOf(2, "policy", "policies"),
		"have":       text.Plural(2, "has", "have"),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestListNamesUpToALimit(t *testing.T) {
	names := []string{"a", "b", "c"}
	for limit, want := range map[int]string{3: "a, b, c", 2: "a, b and 1 more", 1: "a and 2 more"} {
		if got := text.List(names, limit); got != want {
			t.Errorf("limit %d: got %q, want %q", limit, got, want)
		}
	}
}

func TestPatternsMatchWholeNames(t *testing.T) {
	for pattern, want := range map[string]bool{"pod-*": true, "pod-?rash": true, "[a-p]od-crash": true, "pod": false, "[": false} {
		if got := text.Match(pattern, "pod-crash"); got != want {
			t.Errorf("%s: got %v, want %v", pattern, got, want)
		}
	}
	if !text.Match("[", "[") {
		t.Error("a malformed pattern does not match itself")
	}
	for name, want := range map[string]bool{"pod-crash": true, "node": true, "nodes": false} {
		if got := text.MatchAny([]string{"pod-*", "node"}, name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestClosestSuggestsOnlyLikelyTypos(t *testing.T) {
	candidates := []string{"checkout", "cart", "carts", strings.Repeat("x", 100)}
	for name, want := range map[string]string{
		"chekout": "checkout", "catr": "", "crt": "cart", "cart": "carts", "payments": "", strings.Repeat("x", 99): "",
	} {
		if got := text.Closest(candidates, name, text.Typo(name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
