package victorialogs_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// logsql is the part of LogsQL that the backend is known to use, written from the documented language: filters that must all hold,
// groups of alternatives, and one sort pipe with a limit. Anything else is an error, so that a value that gets out of its quotes
// fails the test.
type logsql struct {
	filters []filter
	sorted  bool
	desc    bool
	limit   int
}

type filter func(row) bool

type row struct {
	at     time.Time
	fields map[string]string
}

// parser reads from left to right.
type parser struct{ rest string }

func parseLogsQL(text string) (q logsql, err error) {
	defer func() {
		if failed := recover(); failed != nil {
			err = fmt.Errorf("%v in the query %s", failed, text)
		}
	}()
	p := &parser{rest: text}
	q.filters = append(q.filters, p.time())
	for p.take(" ") {
		if p.take("| sort by (_time") {
			q.sorted = true
			q.desc = p.take(" desc")
			p.need(") limit ")
			q.limit = p.number()
			break
		}
		q.filters = append(q.filters, p.group())
	}
	if p.rest != "" {
		panic(fmt.Sprintf("unexpected %q", p.rest))
	}
	return q, nil
}

func (q logsql) matches(r row) bool {
	return !slices.ContainsFunc(q.filters, func(f filter) bool { return !f(r) })
}

func (p *parser) take(text string) bool {
	rest, found := strings.CutPrefix(p.rest, text)
	p.rest = rest
	return found
}

func (p *parser) need(text string) {
	if !p.take(text) {
		panic(fmt.Sprintf("expected %q before %q", text, p.rest))
	}
}

func (p *parser) number() int {
	end := 0
	for end < len(p.rest) && p.rest[end] >= '0' && p.rest[end] <= '9' {
		end++
	}
	number, err := strconv.Atoi(p.rest[:end])
	if err != nil {
		panic(err)
	}
	p.rest = p.rest[end:]
	return number
}

// time is the filter that every query must begin with, or the server would read all that it holds.
func (p *parser) time() filter {
	p.need("_time:[")
	start := p.stamp(", ")
	end := p.stamp(")")
	return func(r row) bool { return !r.at.Before(start) && r.at.Before(end) }
}

func (p *parser) stamp(until string) time.Time {
	text, rest, found := strings.Cut(p.rest, until)
	at, err := time.Parse(time.RFC3339Nano, text)
	if !found || err != nil {
		panic(fmt.Sprintf("no time in %q", p.rest))
	}
	p.rest = rest
	return at
}

func (p *parser) group() filter {
	if !p.take("(") {
		return p.simple()
	}
	all := []filter{p.simple()}
	either := strings.HasPrefix(p.rest, " or ")
	separator := " "
	if either {
		separator = " or "
	}
	for p.take(separator) {
		all = append(all, p.simple())
	}
	p.need(")")
	return func(r row) bool {
		if either {
			return slices.ContainsFunc(all, func(f filter) bool { return f(r) })
		}
		return !slices.ContainsFunc(all, func(f filter) bool { return !f(r) })
	}
}

func (p *parser) simple() filter {
	name := p.quoted()
	switch {
	case p.take(":="):
		value := p.quoted()
		return func(r row) bool { return r.fields[name] == value }
	case p.take(":in("):
		values := []string{p.quoted()}
		for p.take(",") {
			values = append(values, p.quoted())
		}
		p.need(")")
		return func(r row) bool { return slices.Contains(values, r.fields[name]) }
	case p.take(":~"):
		pattern := regexp.MustCompile(p.quoted())
		return func(r row) bool { return pattern.MatchString(r.fields[name]) }
	}
	panic(fmt.Sprintf("unexpected %q", p.rest))
}

func (p *parser) quoted() string {
	if !strings.HasPrefix(p.rest, `"`) {
		panic(fmt.Sprintf("nothing quoted at %q", p.rest))
	}
	text, err := strconv.QuotedPrefix(p.rest)
	if err != nil {
		panic(err)
	}
	p.rest = p.rest[len(text):]
	plain, err := strconv.Unquote(text)
	if err != nil {
		panic(err)
	}
	return plain
}
