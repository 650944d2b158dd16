package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

func (s *suite) health() {
	health, err := s.p.Health(s.ctx)
	if err != nil {
		s.Fatal(err)
	}
	if health.Failed != "" || health.State == "" || health.Version == "" || health.Flavor == "" {
		s.Errorf("health is %+v, want a version, a flavor, a state, and no failure", health)
	}
}

func (s *suite) givesBack() {
	written := s.entry(1500*time.Millisecond, "one line", logs.LabelPod, "web-1", logs.LabelContainer, "nginx",
		logs.LabelNode, "node-a", logs.LabelLevel, "error")
	if s.target.ForeignLabels {
		written.Labels["request"] = "r-1"
	}
	s.write(written)
	got := s.until(s.query(), 1)[0]
	if !sameTime(got.Time, written.Time) || got.Line != written.Line {
		s.Errorf("got %q at %s, want %q at %s", got.Line, got.Time, written.Line, written.Time)
	}
	if wrong := hasLabels(got.Labels, written.Labels); wrong != "" {
		s.Errorf("labels: %s", wrong)
	}
}

func (s *suite) labels() {
	s.write(
		s.entry(0, "a", logs.LabelPod, "web-1", logs.LabelContainer, "nginx", logs.LabelNode, "node-a", logs.LabelLevel, "error"),
		s.entry(time.Second, "b", logs.LabelPod, "web-1", logs.LabelContainer, "side", logs.LabelNode, "node-a", logs.LabelLevel, "info"),
		s.entry(
			2*time.Second, "c", logs.LabelPod, "web-2", logs.LabelContainer, "nginx", logs.LabelNode, "node-b", logs.LabelLevel, "error",
		),
	)
	s.finds("namespace", s.query(), "a", "b", "c")
	s.finds("pod", s.where(logs.LabelPod, "web-1"), "a", "b")
	s.finds("container", s.where(logs.LabelContainer, "nginx"), "a", "c")
	s.finds("node", s.where(logs.LabelNode, "node-b"), "c")
	s.finds("level", s.where(logs.LabelLevel, "error"), "a", "c")
	s.finds("all at once", s.where(logs.LabelPod, "web-1", logs.LabelContainer, "nginx", logs.LabelLevel, "error"), "a")
	s.finds("a value that is the beginning of another", s.where(logs.LabelPod, "web"))
	s.finds("a value in another case", s.where(logs.LabelPod, "WEB-1"))
	s.finds("a value that is not there", s.where(logs.LabelPod, "web-3"))
}

func (s *suite) anyOf() {
	for i, pod := range []string{"a", "b", "c", "a.c", "abc"} {
		s.writeOnly(s.entry(time.Duration(i)*time.Second, "of "+pod, logs.LabelPod, pod, logs.LabelContainer, fmt.Sprint("c", i%2)))
	}
	s.until(s.query(), 5)
	q := s.query()
	q.AnyOf = map[string][]string{logs.LabelPod: {"a", "c", "zzz"}}
	s.finds("two of three", q, "of a", "of c")
	q.AnyOf = map[string][]string{logs.LabelPod: {"a.c"}}
	s.finds("one with a dot", q, "of a.c")
	q.AnyOf = map[string][]string{logs.LabelPod: {"a", "b", "c"}, logs.LabelContainer: {"c1"}}
	s.finds("two labels", q, "of b")
	q.AnyOf = map[string][]string{logs.LabelPod: {}}
	s.finds("an empty list, which asks for nothing", q, "of a", "of b", "of c", "of a.c", "of abc")
	q = s.query()
	delete(q.Labels, logs.LabelNamespace)
	q.AnyOf = map[string][]string{logs.LabelNamespace: {s.namespace, s.namespace + "-other"}, logs.LabelPod: {"abc"}}
	s.finds("without other labels", q, "of abc")
}

// writeOnly writes and does not wait.
func (s *suite) writeOnly(entries ...logs.Entry) {
	s.Helper()
	if err := s.writer.Write(s.ctx, entries); err != nil {
		s.Fatalf("write: %v", err)
	}
}

func (s *suite) text() {
	s.write(s.entry(0, "connection refused by database primary"), s.entry(time.Second, "connection accepted from 10.0.0.7:443"),
		s.entry(2*time.Second, "Database is READY"))
	contains := func(texts ...string) logs.Query {
		q := s.query()
		q.Contains = texts
		return q
	}
	s.finds("one word", contains("connection"), "connection refused by database primary", "connection accepted from 10.0.0.7:443")
	s.finds("two words in a row", contains("connection refused"), "connection refused by database primary")
	s.finds("two texts", contains("database", "connection"), "connection refused by database primary")
	s.finds("an address", contains("10.0.0.7:443"), "connection accepted from 10.0.0.7:443")
	s.finds("words that do not stand in a row", contains("refused database"))
	s.finds("an empty text, which asks for nothing", contains("", "accepted"), "connection accepted from 10.0.0.7:443")
	if !s.target.CaseMatters {
		s.finds("any case", contains("ready"), "Database is READY")
		s.finds("any case", contains("DATABASE"), "connection refused by database primary", "Database is READY")
	}
	if !s.target.WholeWords {
		s.finds("a part of a word", contains("fuse"), "connection refused by database primary")
	}
}

func (s *suite) time() {
	var entries []logs.Entry
	for i := range 10 {
		entries = append(entries, s.entry(time.Duration(i)*time.Second, fmt.Sprint("line ", i)))
	}
	s.write(entries...)
	between := func(from, to time.Duration) logs.Query {
		q := s.query()
		q.Start, q.End = s.base.Add(from), s.base.Add(to)
		return q
	}
	s.finds("the start is included and the end is not", between(3*time.Second, 5*time.Second), "line 3", "line 4")
	s.finds("one millisecond later", between(3001*time.Millisecond, 5001*time.Millisecond), "line 4", "line 5")
	s.finds("between two lines", between(3001*time.Millisecond, 3999*time.Millisecond))
	s.finds("before all", between(-time.Minute, 0))
	s.finds("after all", between(9001*time.Millisecond, time.Minute))
	backward := between(3*time.Second, 5*time.Second)
	backward.Backward = true
	s.finds("backward", backward, "line 3", "line 4")
}

func (s *suite) order() {
	var entries []logs.Entry
	for i := range 20 {
		// Written out of order, and in several streams.
		at := (i * 7) % 20
		entries = append(
			entries, s.entry(time.Duration(at)*time.Second, fmt.Sprintf("line %02d", at), logs.LabelPod, fmt.Sprint("pod-", at%3)),
		)
	}
	s.write(entries...)
	q := s.query()
	forward := s.search(q).Entries
	q.Backward = true
	backward := s.search(q).Entries
	if len(forward) != 20 || len(backward) != 20 {
		s.Fatalf("found %d forward and %d backward, want 20", len(forward), len(backward))
	}
	for i := range 20 {
		want := fmt.Sprintf("line %02d", i)
		if forward[i].Line != want || backward[19-i].Line != want {
			s.Fatalf("line %d is %q forward and %q backward, want %q", i, forward[i].Line, backward[19-i].Line, want)
		}
	}
	q.Limit = 3
	if got := linesOf(s.search(q).Entries); !slices.Equal(got, []string{"line 19", "line 18", "line 17"}) {
		s.Errorf("the newest three are %q", got)
	}
	q.Backward = false
	if got := linesOf(s.search(q).Entries); !slices.Equal(got, []string{"line 00", "line 01", "line 02"}) {
		s.Errorf("the oldest three are %q", got)
	}
}

// paging reads 1,000 lines of which many have the same time: more of them than fit on a page, over several streams.
func (s *suite) paging() {
	var entries []logs.Entry
	for i := range 1000 {
		var at time.Duration
		switch {
		case i < 300:
			at = time.Duration(i) * time.Millisecond
		case i < 700:
			at = 5 * time.Second // 400 at once
		default:
			at = 10*time.Second + time.Duration(i/10)*time.Millisecond // ten at once
		}
		entries = append(entries, s.entry(at, fmt.Sprintf("line %04d", i), logs.LabelPod, fmt.Sprint("pod-", i%4)))
	}
	s.write(entries...)
	for _, size := range []int{37, 100, 500, 1000} {
		for _, backward := range []bool{false, true} {
			q := s.query()
			q.Limit, q.Backward = size, backward
			s.pages(fmt.Sprintf("pages of %d, backward %t", size, backward), q, entries)
		}
	}
}

func (s *suite) pages(what string, q logs.Query, written []logs.Entry) {
	s.Helper()
	var got []logs.Entry
	for range len(written) + 2 {
		page := s.search(q)
		if len(page.Entries) > q.Limit {
			s.Fatalf("%s: a page has %d lines", what, len(page.Entries))
		}
		got = append(got, page.Entries...)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	if q.Cursor != "" {
		s.Fatalf("%s: there is always one more page", what)
	}
	lines := linesOf(got)
	slices.Sort(lines)
	if unique := slices.Compact(slices.Clone(lines)); len(unique) != len(written) || len(lines) != len(written) {
		s.Fatalf("%s: got %d lines, %d of them different, want %d", what, len(lines), len(unique), len(written))
	}
	inOrder := slices.IsSortedFunc(got, func(a, b logs.Entry) int {
		if q.Backward {
			a, b = b, a
		}
		return a.Time.Compare(b.Time)
	})
	if !inOrder {
		s.Errorf("%s: the lines are not in the order of their time", what)
	}
}

func (s *suite) foreignCursor() {
	for _, cursor := range []string{
		"x", "-1", "0", "\x00", "9999999999999999999999", `{"from":0}`, "../../x", strings.Repeat("9", 100000),
	} {
		q := s.query()
		q.Cursor = cursor
		_, err := s.p.Search(s.ctx, q)
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonInvalidQuery {
			s.Errorf("cursor %.20q: got %v, want a problem with reason %s", cursor, err, v1alpha1.ReasonInvalidQuery)
		}
	}
}

func (s *suite) nothing() {
	for _, backward := range []bool{false, true} {
		q := s.query()
		q.Backward = backward
		if page := s.search(q); len(page.Entries) != 0 || page.Next != "" {
			s.Errorf("got %d lines and cursor %q", len(page.Entries), page.Next)
		}
	}
	q := s.query()
	q.Start = q.End
	if page := s.search(q); len(page.Entries) != 0 || page.Next != "" {
		s.Errorf("no time at all: got %d lines and cursor %q", len(page.Entries), page.Next)
	}
}

// withoutLabels finds by time and text alone.
func (s *suite) withoutLabels() {
	word := token(s)
	s.write(s.entry(0, "only the text tells "+word))
	q := s.query()
	q.Labels = nil
	q.Contains = []string{word}
	s.until(q, 1)
	q.Contains = nil
	q.Limit = 1
	if got := s.search(q).Entries; len(got) != 1 {
		s.Errorf("without labels and text, %d lines are found, want one", len(got))
	}
}
