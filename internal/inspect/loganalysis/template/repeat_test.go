package template

import "testing"

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
