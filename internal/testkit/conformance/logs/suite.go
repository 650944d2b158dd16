// Package conformance is the suite of every log backend. It runs against the backend's strict fake and against its real server, and
// depends on the contract only. The differences between backends are fields of Target.
package conformance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
)

// Target is a server.
type Target struct {
	// New creates a backend for the server. It must implement logs.Writer, because the suite reads what it wrote. It is called once
	// per test, which closes the backend.
	New func(t *testing.T) logs.Provider
	// Patience is the maximum time from writing a line until it is found. Default 30s.
	Patience time.Duration
	// WholeWords is set if Contains finds whole words only.
	WholeWords bool
	// CaseMatters is set if Contains is case-sensitive.
	CaseMatters bool
	// ForeignLabels is set if labels outside the contract keep their names.
	ForeignLabels bool
}

// Run the suite. Each test writes to its own namespace, so a server can be reused and contain other lines. Times of lines are whole
// milliseconds within the last hour, which every backend can store.
func Run(t *testing.T, target Target) {
	if target.Patience == 0 {
		target.Patience = 30 * time.Second
	}
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"tells how it is", (*suite).health},
		{"gives back what was written", (*suite).givesBack},
		{"finds by labels", (*suite).labels},
		{"finds by one of several values", (*suite).anyOf},
		{"finds by text", (*suite).text},
		{"keeps to both ends of the time", (*suite).time},
		{"orders both ways", (*suite).order},
		{"pages without loss or duplicates", (*suite).paging},
		{"refuses a cursor that it did not make", (*suite).foreignCursor},
		{"gives an empty page where nothing matches", (*suite).nothing},
		{"searches without labels", (*suite).withoutLabels},
		{"keeps odd lines", (*suite).oddLines},
		{"cuts long lines", (*suite).longLine},
		{"takes values as values, never as a part of a query", (*suite).injection},
		{"takes times in the future", (*suite).future},
		{"writes nothing when there is nothing to write", (*suite).writeNothing},
		{"counts over time", (*suite).histogram},
		{"lists values of labels", (*suite).labelValues},
		{"follows new lines", (*suite).tail},
		{"is proven by a round trip", (*suite).prove},
		{"ends when its context ends", (*suite).canceled},
		{"serves many at once", (*suite).concurrent},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := target.New(t)
			t.Cleanup(p.Close)
			writer, can := p.(logs.Writer)
			if !can {
				t.Fatal("the backend does not implement logs.Writer, which the suite needs")
			}
			ctx, cancel := context.WithTimeout(t.Context(), 4*target.Patience)
			t.Cleanup(cancel)
			test.run(&suite{
				T: t, target: target, ctx: ctx, p: p, writer: writer, namespace: "conformance-" + token(t),
				// One half hour back: nothing here is in the future by accident, or too old for any server.
				base: time.Now().Add(-30 * time.Minute).Truncate(time.Minute).UTC(),
			})
		})
	}
}

// suite is one test of the suite.
type suite struct {
	*testing.T
	target    Target
	ctx       context.Context
	p         logs.Provider
	writer    logs.Writer
	namespace string
	base      time.Time
}

// token is a text that nothing else on the server holds.
func token(t testing.TB) string {
	t.Helper()
	random := make([]byte, 6)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(random)
}

// entry is a line of this test's namespace, some milliseconds after base.
func (s *suite) entry(after time.Duration, line string, labels ...string) logs.Entry {
	s.Helper()
	if len(labels)%2 != 0 {
		s.Fatal("labels come in pairs")
	}
	all := map[string]string{logs.LabelNamespace: s.namespace, logs.LabelPod: "pod-0", logs.LabelContainer: "main"}
	for i := 0; i < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
	}
	return logs.Entry{Time: s.base.Add(after), Line: line, Labels: all}
}

// query of all lines of this test.
func (s *suite) query() logs.Query {
	return logs.Query{
		Start: s.base.Add(-10 * time.Minute), End: s.base.Add(20 * time.Minute),
		Labels: map[string]string{logs.LabelNamespace: s.namespace}, Limit: 1000,
	}
}

// where is query with more labels.
func (s *suite) where(labels ...string) logs.Query {
	q := s.query()
	for i := 0; i < len(labels); i += 2 {
		q.Labels[labels[i]] = labels[i+1]
	}
	return q
}

// write lines and wait until all of them are found.
func (s *suite) write(entries ...logs.Entry) {
	s.Helper()
	for batch := range slices.Chunk(entries, 500) {
		if err := s.writer.Write(s.ctx, batch); err != nil {
			s.Fatalf("write: %v", err)
		}
	}
	q := s.query()
	q.Limit = 5000
	s.until(q, len(entries))
}

// until a query finds a number of lines.
func (s *suite) until(q logs.Query, want int) []logs.Entry {
	s.Helper()
	var found []logs.Entry
	s.eventually(fmt.Sprintf("%d lines are found", want), func() error {
		page, err := s.p.Search(s.ctx, q)
		if err != nil {
			s.Fatalf("search: %v", err)
		}
		if found = page.Entries; len(found) != want {
			return fmt.Errorf("%d are found", len(found))
		}
		return nil
	})
	return found
}

// eventually retries until there is no error, and fails the test after Patience.
func (s *suite) eventually(what string, ask func() error) {
	s.Helper()
	deadline := time.NewTimer(s.target.Patience)
	defer deadline.Stop()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			s.Fatalf("not within %s: %s: %v", s.target.Patience, what, err)
		case <-ticker.C:
		}
	}
}

// search one page; an error fails the test.
func (s *suite) search(q logs.Query) logs.Page {
	s.Helper()
	page, err := s.p.Search(s.ctx, q)
	if err != nil {
		s.Fatalf("search %+v: %v", q, err)
	}
	return page
}

// finds checks that a query finds these lines, in any order.
func (s *suite) finds(what string, q logs.Query, want ...string) {
	s.Helper()
	got := linesOf(s.search(q).Entries)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("%s: found %s, want %s", what, short(got), short(want))
	}
}

func linesOf(entries []logs.Entry) []string {
	list := make([]string, 0, len(entries))
	for _, entry := range entries {
		list = append(list, entry.Line)
	}
	return list
}

// short keeps messages of failed tests readable.
func short(list []string) string {
	text := fmt.Sprintf("%q", list)
	if len(text) > 2000 {
		text = text[:2000] + "…"
	}
	return fmt.Sprintf("%d: %s", len(list), text)
}

// sameTime compares to the millisecond, the precision of every backend.
func sameTime(a, b time.Time) bool { return a.UnixMilli() == b.UnixMilli() }

// hasLabels says which of the labels are not there as wanted.
func hasLabels(got, want map[string]string) string {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			wrong = append(wrong, fmt.Sprintf("%s is %q, want %q", name, got[name], want[name]))
		}
	}
	return strings.Join(wrong, "; ")
}
