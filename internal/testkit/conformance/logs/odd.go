package conformance

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"context"

	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

// oddLines come back as they were written, invalid UTF-8 replaced.
func (s *suite) oddLines() {
	odd := []string{
		`quotes " ' ` + "`" + ` and backslashes \ \\ \n \"`,
		"tabs\tand\nline\r\nbreaks",
		"unicode: žluťoučký кот 日本語 😀 e\u0301 \u202e right to left",
		"a zero\x00byte and escape \x1b[31mred\x1b[0m",
		"invalid \xff\xfe\x80 UTF-8 \xe2\x82",
		`{"json":"in a line","n":1e400,"nested":{"a":[1,2,{"b":null}]}}`,
		"percent %s %d %00 %zz and plus + and & = ; # ?",
		"<html><script>alert(1)</script></html>",
		"${jndi:ldap://x} {{ .Values }} $(id) `id`",
		"true", "null", "0", "{}", "[]",
	}
	var entries []logs.Entry
	for i, line := range odd {
		entries = append(entries, s.entry(time.Duration(i)*time.Second, line, logs.LabelPod, fmt.Sprint("odd-", i)))
	}
	s.write(entries...)
	for i, line := range odd {
		want := strings.ToValidUTF8(line, "\uFFFD")
		got := s.search(s.where(logs.LabelPod, fmt.Sprint("odd-", i))).Entries
		// Backends differ in how many replacement characters they use for consecutive bytes.
		if len(got) != 1 || squeeze(got[0].Line) != squeeze(want) {
			s.Errorf("%q came back as %q", want, linesOf(got))
			continue
		}
		if !utf8.ValidString(got[0].Line) {
			s.Errorf("%q is not valid UTF-8", got[0].Line)
		}
	}
}

func squeeze(line string) string {
	for strings.Contains(line, "\uFFFD\uFFFD") {
		line = strings.ReplaceAll(line, "\uFFFD\uFFFD", "\uFFFD")
	}
	return line
}

// longLine of 100 KiB is cut at logs.LineLimit, at a whole character.
func (s *suite) longLine() {
	long := strings.Repeat("0123456789 abcdé ", 100<<10/18+1)
	s.write(s.entry(0, long), s.entry(time.Second, "short"))
	got := s.until(s.query(), 2)[0].Line
	if len(got) > logs.LineLimit || len(got) < logs.LineLimit-8 || !strings.HasPrefix(long, got) || !utf8.ValidString(got) {
		s.Errorf("a line of %d bytes came back with %d bytes, want its first %d or a character less", len(long), len(got), logs.LineLimit)
	}
}

// hostileValues hold what ends a text, a group or a stage in some query language, or means something in a regular expression.
func hostileValues() []string {
	return []string{
		`"`, `\`, `\"`, `'`, "`", `.*`, `.+`, `(?i)x`, `[a-z`, `a|b`, `^$`, `(`, `)`, `*`, `?`, `{`, `}`,
		`{namespace=~".+"}`, `"} or {namespace=~".+`, `"} | json | line_format "{{.x}}`, "` | drop", `" or ""="`, `"} #`, `# comment`,
		`*) or (*`, `") or *:* or ("`,
		`" | delete _msg | fields "`, `" | stats count() | "`, `:="x"`, `:~".*"`, `in(*)`, `!x`, `-x`, `_time:1y`,
		`","match_all":{},"x":"`, `"}},{"match_all":{}},{"term":{"a":"`,
		`AND NOT x`, `[* TO *]`, `/.*/`, `a:b`, `~2`, `\u0022`, `%22&limit=0`,
		`$1`, `{{.x}}`, `--`, `;`, `/*`, `<>`, "\t", "日本語", "😀",
	}
}

// injection asks with hostile values, each of which stands in one line and in one label. A decoy must never be found.
func (s *suite) injection() {
	values := hostileValues()
	entries := []logs.Entry{s.entry(0, "decoy", logs.LabelPod, "decoy")}
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = fmt.Sprintf("word%dx", i)
		line := "begin " + value + " " + words[i] + " end"
		entries = append(entries, s.entry(time.Duration(i+1)*time.Second, line, logs.LabelPod, value+words[i]))
	}
	s.write(entries...)
	for i, value := range values {
		line := "begin " + value + " " + words[i] + " end"
		s.finds(fmt.Sprintf("label %q", value), s.where(logs.LabelPod, value+words[i]), line)
		q := s.query()
		q.AnyOf = map[string][]string{logs.LabelPod: {value + words[i], "nobody"}}
		s.finds(fmt.Sprintf("any of %q", value), q, line)
		q = s.query()
		q.Contains = []string{value + " " + words[i]}
		s.finds(fmt.Sprintf("text %q", value), q, line)
		q.Contains = []string{"begin " + value + " nowhere"}
		s.finds(fmt.Sprintf("text %q that is nowhere", value), q)
	}
}

// future lines are stored or refused by a problem; what is stored is found in its own time only.
func (s *suite) future() {
	near := s.entry(0, "a little in the future")
	near.Time = time.Now().Add(5 * time.Minute).Truncate(time.Millisecond)
	s.writeOnly(near)
	q := s.query()
	q.End = near.Time.Add(time.Hour)
	got := s.until(q, 1)[0]
	if !sameTime(got.Time, near.Time) {
		s.Errorf("the line is found at %s, want %s", got.Time, near.Time)
	}
	q.End = time.Now().Add(time.Minute)
	s.finds("until now", q)
	far := s.entry(0, "far in the future")
	far.Time = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := s.writer.Write(s.ctx, []logs.Entry{far}); err != nil && problem.As(err) == nil {
		s.Errorf("a line of the year 2200: got %v, want a problem or none", err)
	}
}

func (s *suite) writeNothing() {
	if err := s.writer.Write(s.ctx, nil); err != nil {
		s.Error(err)
	}
}

// canceled calls end soon and with an error.
func (s *suite) canceled() {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	began := time.Now()
	if _, err := s.p.Search(ctx, s.query()); err == nil {
		s.Error("a search with a context that has ended returned no error")
	}
	if took := time.Since(began); took > 2*time.Second {
		s.Errorf("it took %s", took)
	}
}

// concurrent searches share one backend.
func (s *suite) concurrent() {
	s.write(s.entry(0, "shared"))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			page, err := s.p.Search(s.ctx, s.query())
			if err != nil || len(page.Entries) != 1 {
				s.Errorf("got %d lines, %v", len(page.Entries), err)
			}
		})
	}
	wait.Wait()
}
