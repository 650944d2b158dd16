package canary_test

import (
	"slices"
	"testing"

	"kubeops.io/kubeops/internal/testkit/canary"
)

type node struct {
	Name   string
	hidden []byte
	Labels map[string]any
	next   *node
}

func TestWordsAreFoundInEveryField(t *testing.T) {
	inner := &node{Name: "x", hidden: []byte("the Secret")}
	inner.next = inner
	for name, value := range map[string]any{
		"a field":             node{Name: "a-secret-b"},
		"an unexported field": &node{next: inner},
		"a key":               node{Labels: map[string]any{"SECRET": 1}},
		"a value in a list":   []any{1, nil, map[string][]string{"x": {"", "secret"}}},
	} {
		if found := canary.Find(value, "none", "secret"); len(found) == 0 {
			t.Errorf("%s: nothing found", name)
		}
	}
	if found := canary.Find(&node{next: &node{Name: "mine"}}, "secret"); found != nil {
		t.Errorf("got %q", found)
	}
	if found := canary.Find(node{Name: "secret"}, "secret"); !slices.Contains(found, `.Name: "secret"`) {
		t.Errorf("got %q", found)
	}
}
