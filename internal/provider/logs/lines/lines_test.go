package lines

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

func TestCleanCutsAtAWholeCharacterAndReplacesInvalidBytes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		line string
		size int
	}{
		"short":                       {"short", 5},
		"empty":                       {"", 0},
		"just at the limit":           {strings.Repeat("x", logs.LineLimit), logs.LineLimit},
		"one more":                    {strings.Repeat("x", logs.LineLimit+1), logs.LineLimit},
		"a character over the limit":  {strings.Repeat("x", logs.LineLimit-1) + "é", logs.LineLimit - 1},
		"a large character":           {strings.Repeat("x", logs.LineLimit-2) + "😀", logs.LineLimit - 2},
		"a character up to the limit": {strings.Repeat("x", logs.LineLimit-2) + "éx", logs.LineLimit},
		"invalid":                     {"a\xffb", 5},
		"invalid bytes over and over": {strings.Repeat("\xffa", logs.LineLimit), logs.LineLimit},
		"invalid bytes in a row":      {strings.Repeat("\xff", 2*logs.LineLimit), 3},
		"much longer than it is kept": {strings.Repeat("y", 10*logs.LineLimit), logs.LineLimit},
	} {
		got := Clean(test.line)
		if len(got) != test.size || !utf8.ValidString(got) {
			t.Errorf("%s: got %d bytes, want %d, valid %t", name, len(got), test.size, utf8.ValidString(got))
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\xff", uint16(3))
	f.Add("é", uint16(40000))
	f.Fuzz(func(t *testing.T, text string, times uint16) {
		if len(text) > 64 {
			return
		}
		line := strings.Repeat(text, int(times))
		got := Clean(line)
		if len(got) > logs.LineLimit || !utf8.ValidString(got) {
			t.Errorf("got %d bytes, valid %t", len(got), utf8.ValidString(got))
		}
		if utf8.ValidString(line) && !strings.HasPrefix(line, got) {
			t.Error("it is not a prefix")
		}
	})
}

// store is a server that is asked by time, and gives lines of the same time in any order.
type store struct {
	entries []logs.Entry
	fetched int
}

func (s *store) pager(backward bool, most int) Pager {
	return Pager{Most: most, Fetch: func(_ context.Context, start, end time.Time, limit int) ([]logs.Entry, error) {
		s.fetched++
		var found []logs.Entry
		for _, entry := range s.entries {
			if !entry.Time.Before(start) && entry.Time.Before(end) {
				found = append(found, entry)
			}
		}
		rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
		slices.SortStableFunc(found, func(a, b logs.Entry) int {
			if backward {
				a, b = b, a
			}
			return a.Time.Compare(b.Time)
		})
		return found[:min(limit, len(found))], nil
	}}
}

func TestPagesLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, group := range []int{1, 2, 3, 7, 50, 99} {
		var s store
		for i := range 200 {
			// Every line twice, to the last byte.
			s.entries = append(s.entries, logs.Entry{Time: begin.Add(time.Duration(i / group)), Line: fmt.Sprint(i / 2),
				Labels: map[string]string{"a": "b"}})
		}
		for _, size := range []int{1, 2, 3, 10, 49, 50, 51, 99, 199, 200, 201} {
			for _, backward := range []bool{false, true} {
				q := logs.Query{Start: begin, End: begin.Add(time.Second), Limit: size, Backward: backward}
				var got []logs.Entry
				for q.Limit > 0 {
					page, err := s.pager(backward, 100).Page(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					if len(page.Entries) > size || (len(page.Entries) < size && page.Next != "" && size < 100) {
						t.Fatalf("a page of %d has %d lines and says %q", size, len(page.Entries), page.Next)
					}
					got = append(got, page.Entries...)
					if q.Cursor = page.Next; q.Cursor == "" {
						break
					}
				}
				want := slices.Clone(s.entries)
				Sort(want, backward)
				same := slices.EqualFunc(got, want, func(a, b logs.Entry) bool { return a.Line == b.Line && a.Time.Equal(b.Time) })
				if !same {
					t.Errorf("%d at once, pages of %d, backward %t: got %d lines, want %d in order", group, size, backward, len(got),
						len(want))
				}
			}
		}
	}
}

func TestPageSaysThatTooManyLinesHaveOneTime(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var s store
	for i := range 30 {
		s.entries = append(s.entries, logs.Entry{Time: begin, Line: fmt.Sprint(i)})
	}
	_, err := s.pager(false, 20).Page(t.Context(), logs.Query{Start: begin, End: begin.Add(time.Second), Limit: 10})
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonBudgetExceeded {
		t.Errorf("got %v", err)
	}
}

func TestAFullPageOfDifferentTimesTakesOneFetch(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var s store
	for i := range 30 {
		s.entries = append(s.entries, logs.Entry{Time: begin.Add(time.Duration(i)), Line: fmt.Sprint(i)})
	}
	page, err := s.pager(false, 100).Page(t.Context(), logs.Query{Start: begin, End: begin.Add(time.Second), Limit: 10})
	if err != nil || len(page.Entries) != 10 || page.Next == "" || s.fetched != 1 {
		t.Errorf("%d lines, next %q, %d fetches, %v", len(page.Entries), page.Next, s.fetched, err)
	}
}

func FuzzCursor(f *testing.F) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f.Add(cursor{at: begin, done: 3}.String())
	f.Add("1+-1")
	f.Add("+")
	f.Fuzz(func(t *testing.T, text string) {
		q := logs.Query{Start: begin, End: begin.Add(time.Hour)}
		c, err := parseCursor(text, q)
		if err == nil && (c.done < 0 || c.at.Before(q.Start) || !c.at.Before(q.End)) {
			t.Errorf("%q gave %+v", text, c)
		}
	})
}

func TestFollowTellsEachLineOnceAlsoWhenItComesLate(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds int) logs.Entry {
		return logs.Entry{Time: begin.Add(time.Duration(seconds) * time.Second), Line: fmt.Sprint("line ", seconds)}
	}
	enough := errors.New("enough")
	// What is stored at each look: line 2 comes after line 3, line 500 is in the future.
	looks := [][]logs.Entry{{at(-1)}, {at(1), at(3)}, {at(2), at(500)}, {at(4)}}
	look := 0
	now := begin
	var s store
	var got []string
	f := Follower{
		Every: time.Millisecond, Now: func() time.Time { return now },
		Search: func(ctx context.Context, q logs.Query) (logs.Page, error) {
			if q.Cursor == "" && look < len(looks) {
				s.entries = append(s.entries, looks[look]...)
				look++
				now = now.Add(2 * time.Second)
			}
			return s.pager(false, 5000).Page(ctx, q)
		},
	}
	err := f.Follow(t.Context(), logs.Query{Start: begin}, func(entry logs.Entry) error {
		if got = append(got, entry.Line); entry.Line == "line 4" {
			return enough
		}
		return nil
	})
	want := []string{"line 1", "line 3", "line 2", "line 500", "line 4"}
	if !errors.Is(err, enough) || !slices.Equal(got, want) {
		t.Errorf("got %q and %v, want %q", got, err, want)
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := Follower{Every: time.Millisecond, Search: func(context.Context, logs.Query) (logs.Page, error) {
		cancel()
		return logs.Page{}, nil
	}}
	if err := f.Follow(ctx, logs.Query{}, func(logs.Entry) error { return nil }); err != nil {
		t.Error(err)
	}
}

func BenchmarkSortPageOf5000(b *testing.B) {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var entries []logs.Entry
	for i := range 5000 {
		entries = append(entries, logs.Entry{Time: begin.Add(time.Duration(i*7919%5000) * time.Millisecond), Line: fmt.Sprint("line ", i),
			Labels: map[string]string{"pod": fmt.Sprint(i % 50)}})
	}
	b.ReportAllocs()
	for b.Loop() {
		Sort(slices.Clone(entries), true)
	}
}

func FuzzPeriod(f *testing.F) {
	for _, seed := range []string{"31d", "4w3d", "744h1m", "0", "0s", "100y", "", "d", "99999999999y", "292y292y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := Period(text); err == nil && got < 0 {
			t.Errorf("%q is %s", text, got)
		}
	})
}

func TestPeriodsArePositiveNumbersWithUnits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"31d": 744 * time.Hour, "4w3d": 744 * time.Hour,
		"1h1m1s1ms": time.Hour + time.Minute + time.Second + time.Millisecond, "1y": 8760 * time.Hour, "0": 0, "0s": 0} {
		if got, err := Period(text); err != nil || got != want {
			t.Errorf("%q is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "1", "1.5d", "-1d", "1 d", "1dd", "soon", "99999999999999999999d", "9999999y"} {
		if got, err := Period(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}
