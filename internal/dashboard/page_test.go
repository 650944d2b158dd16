package dashboard

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

func TestListsAreFilteredSortedAndPagedByTheServer(t *testing.T) {
	by := columns[string]{
		initial: "-name", text: func(row string) string { return row },
		sort: map[string]func(a, b string) int{"name": strings.Compare, "length": func(a, b string) int { return cmp.Compare(len(a), len(b)) }},
	}
	all := []string{"bb", "A", "ccc", "aa"}
	for name, tc := range map[string]struct {
		query Query
		want  []string
		total int
	}{
		"initial order":       {Query{Limit: 9}, []string{"ccc", "bb", "aa", "A"}, 4},
		"ascending":           {Query{Limit: 9, Sort: "name"}, []string{"A", "aa", "bb", "ccc"}, 4},
		"ties keep the order": {Query{Limit: 9, Sort: "-length"}, []string{"ccc", "bb", "aa", "A"}, 4},
		"a page":              {Query{Limit: 2, Offset: 1, Sort: "name"}, []string{"aa", "bb"}, 4},
		"after the end":       {Query{Limit: 2, Offset: 1_000_000}, []string{}, 4},
		"a text in any case":  {Query{Limit: 9, Q: "A", Sort: "name"}, []string{"A", "aa"}, 2},
		"no match":            {Query{Limit: 9, Q: "%"}, []string{}, 0},
	} {
		got, err := page(tc.query, slices.Clone(all), by, time.Time{})
		if err != nil || !slices.Equal(got.Items, tc.want) || got.Items == nil || got.Total != tc.total {
			t.Errorf("%s: %q of %d (%v), want %q of %d", name, got.Items, got.Total, err, tc.want, tc.total)
		}
	}
	var refused *huma.ErrorModel
	_, err := page(Query{Limit: 9, Sort: "-uid"}, all, by, time.Time{})
	if !errors.As(err, &refused) || refused.Status != 422 || !strings.Contains(refused.Detail, "Columns: length, name.") {
		t.Errorf("an unknown column: %v", err)
	}
}

func TestNewCausesComeFirstThenTheWorst(t *testing.T) {
	view := Overview{}
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	earlier := now.Add(-time.Hour)
	for _, cause := range []Cause{
		{ID: "a", Severity: "low", State: "new", FirstSeen: &now}, {ID: "b", Severity: "critical", State: "persisting"},
		{ID: "c", Severity: "high", State: "new", FirstSeen: &earlier}, {ID: "d", Severity: "high", Affects: 9},
		{ID: "e", Severity: "high", Affects: 2},
	} {
		view.add(cause)
	}
	for i := range maxCauses {
		view.add(Cause{ID: fmt.Sprint(i), Severity: "info"})
	}
	view.sort()
	var got []string
	for _, cause := range view.Causes[:5] {
		got = append(got, cause.ID)
	}
	if !slices.Equal(got, []string{"c", "a", "b", "d", "e"}) || len(view.Causes) != maxCauses {
		t.Errorf("%d causes, the first are %v", len(view.Causes), got)
	}
	if view.Totals.New != 2 || view.Problems.Total != maxCauses+5 || view.Problems.High != 3 || !view.NewSince.Equal(earlier) {
		t.Errorf("totals %+v, problems %+v, new since %v", view.Totals, view.Problems, view.NewSince)
	}
}
