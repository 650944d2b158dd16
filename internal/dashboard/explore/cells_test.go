package explore

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAgesAreShownAsTimes(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	columns := columnsOf([]metav1.TableColumnDefinition{
		{Name: "Age", Type: "string"}, {Name: "Last Seen", Type: "string"}, {Name: "Last Run", Type: "date"}, {Name: "Restarts", Type: "string"},
		{Name: "Duration", Type: "string"}, {Name: "Data", Type: "integer"},
	})
	const age, seen, run, restarts, duration, data = 0, 1, 2, 3, 4, 5
	for name, tc := range map[string]struct {
		column        int
		printed, want string
	}{
		"the creation time, whatever is printed": {age, "5m", "2026-11-01T00:00:00Z"},
		"an event":                               {seen, "5m10s", "2026-11-28T11:54:50Z"},
		"a date of a custom resource":            {run, "2d3h", "2026-11-26T09:00:00Z"},
		"years":                                  {run, "2y1d", "2024-11-27T12:00:00Z"},
		"no time yet":                            {run, "", ""},
		"no age":                                 {seen, "<unknown>", "<unknown>"},
		"a time of an aggregated API":            {run, "2026-11-28T09:00:00Z", "2026-11-28T09:00:00Z"},
		"an age that is too long":                {run, "99999999999999999999y", "99999999999999999999y"},
		"an age that is longer than times are":   {run, "250y250d", "250y250d"},
		"restarts":                               {restarts, "3 (5m ago)", "3 (2026-11-28T11:55:00Z ago)"},
		"restarts without an age":                {restarts, "3", "3"},
		"text in parentheses":                    {restarts, "3 (long ago)", "3 (long ago)"},
		"nothing in parentheses":                 {restarts, "( ago)", "( ago)"},
		"a duration, which does not grow":        {duration, "5m", "5m"},
		"a number":                               {data, "5", "5"},
	} {
		got := newCells().at(now).text(tc.printed, columns[tc.column], time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
		if got != tc.want {
			t.Errorf("%s: %s is shown as %s, want %s", name, tc.printed, got, tc.want)
		}
	}
	for i, want := range []string{typeAge, typeAge, typeAge, typeText, typeText, typeNumber} {
		if columns[i].Type != want {
			t.Errorf("column %s is of type %s", columns[i].Name, columns[i].Type)
		}
	}
}

func FuzzAges(f *testing.F) {
	for _, seed := range []string{"5m", "2y34d", "3 (5m ago)", "( ago)", "99999999999999999999d", "\x1b[31m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, printed string) {
		now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
		for _, column := range []Column{{Name: "Last Run", Type: typeAge}, {Name: "Restarts", Type: typeText}} {
			if shown := newCells().at(now).text(printed, column, now); strings.ContainsAny(shown, "\x1b\n") || !utf8.ValidString(shown) {
				t.Errorf("%q is shown as %q", printed, shown)
			}
		}
	})
}
