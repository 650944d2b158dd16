package logs

import (
	"context"
	"maps"
	"testing"
)

// asked is a backend that remembers the labels of its last query.
type asked struct {
	Provider
	labels map[string]string
}

func (a *asked) Search(_ context.Context, query Query) (Page, error) {
	a.labels = query.Labels
	return Page{Entries: []Entry{{Line: "x"}}}, nil
}

// askedLister lists values, too.
type askedLister struct{ asked }

func (a *askedLister) LabelValues(_ context.Context, _ string, query Query, _ int) ([]string, error) {
	a.labels = query.Labels
	return []string{"x"}, nil
}

func TestOnlyLinesWithTheLabelsAreFound(t *testing.T) {
	for _, tc := range []struct {
		name        string
		query, want map[string]string
		found       int
	}{
		{"all lines", nil, map[string]string{"cluster": "east"}, 1},
		{"a namespace", map[string]string{LabelNamespace: "shop"}, map[string]string{"cluster": "east", LabelNamespace: "shop"}, 1},
		{"the same cluster", map[string]string{"cluster": "east"}, map[string]string{"cluster": "east"}, 1},
		{"another cluster", map[string]string{"cluster": "west"}, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			backend := &askedLister{}
			selected := Only(backend, map[string]string{"cluster": "east"})
			page, err := selected.Search(t.Context(), Query{Labels: tc.query})
			if err != nil || len(page.Entries) != tc.found || !maps.Equal(backend.labels, tc.want) {
				t.Errorf("%d lines by %v, %v", len(page.Entries), backend.labels, err)
			}
			backend.labels = nil
			values, err := selected.(LabelLister).LabelValues(t.Context(), LabelPod, Query{Labels: tc.query}, 1)
			if err != nil || len(values) != tc.found || !maps.Equal(backend.labels, tc.want) {
				t.Errorf("%d values by %v, %v", len(values), backend.labels, err)
			}
		})
	}
}

func TestOnlyAddsNoCapability(t *testing.T) {
	backend := &asked{}
	if _, lists := Only(backend, map[string]string{"a": "b"}).(LabelLister); lists {
		t.Error("a backend that lists no values does")
	}
	if Only(backend, nil) != Provider(backend) {
		t.Error("a backend without labels to select is another one")
	}
}
