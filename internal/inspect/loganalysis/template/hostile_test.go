package template

import (
	"strings"
	"testing"
	"time"
)

// TestAListInBracketsIsOneValue has lists of repeated values, which are shortened before their bracket is closed.
func TestAListInBracketsIsOneValue(t *testing.T) {
	m := New[int](Options{}, nil)
	for line, want := range map[string]string{
		"[1 2 3 4 5 6 7] of shards":       "[<*>] of shards",
		"[1 2 3] [1 2 3] [1 2 3] a b":     "[<*>] [<*>] [<*>] a b",
		"shards [1 2 3 4 5 6 7] failed":   "shards [<*>] failed",
		"shards [1 2 3 4] failed":         "shards [<*>] failed",
		"1 2 3 [4 5 6 7] failed":          "<num> <num> <num> [<*>] failed",
		"[1 2 3 4 5 6 7] [1 2 3 4] 5 6 7": "[<*>] [<*>] <num> <num> <num>",
	} {
		if got := m.Learn(line).String(); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

// TestUnclosedQuotesTakeLinearTime compares a line with a thousand quotes that nothing closes to one without.
func TestUnclosedQuotesTakeLinearTime(t *testing.T) {
	const length = 4 << 10
	took := func(unit string) time.Duration {
		m := New[int](Options{MaxLine: length}, nil)
		line := strings.Repeat(unit, length/len(unit))
		least := time.Hour
		for range 20 {
			start := time.Now()
			m.Learn(line)
			least = min(least, time.Since(start))
		}
		return least
	}
	plain := took("a=xb")
	for _, unit := range []string{"a='b", "a=`\\"} {
		if quoted := took(unit); quoted > 20*plain {
			t.Errorf("%s takes %s, without quotes %s", unit, quoted, plain)
		}
	}
}

// TestFindDoesNotEvictWhatWasLearned finds lines that are similar to the templates of a full Miner.
func TestFindDoesNotEvictWhatWasLearned(t *testing.T) {
	const most = 20
	line := func(i int, last string) string {
		letter := string(rune('g' + i))
		return letter + "ab rejects " + letter + "ij " + letter + "kl " + letter + "mn " + last
	}
	for name, options := range map[string]Options{"Miner": {MaxTemplates: most}, "Pool": {Pool: &Pool{Max: most}}} {
		m := New[int](options, nil)
		for i := range most {
			m.Learn(line(i, "order"))
		}
		if len(m.all) != most {
			t.Fatalf("%s: %d templates", name, len(m.all))
		}
		for i := range most {
			m.Find(line(i, "invoice"))
			m.Find(line(i, "parcel"))
		}
		if templates, lines := m.Evicted(); templates > 0 || lines > 0 || len(m.all) != most {
			t.Errorf("%s: %d templates of %d lines were evicted, %d are left", name, templates, lines, len(m.all))
		}
	}
}
