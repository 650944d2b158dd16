package loganalysis

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
	"kubeops.io/kubeops/internal/inspect/loganalysis/template"
)

const (
	// maxExamples of a template.
	maxExamples = 2
	// maxExample and maxTraceBytes are the sizes of an example of one line and of several, in bytes.
	maxExample    = 300
	maxTraceBytes = 1000
	// maxContainers of a template.
	maxContainers = 4
	// maxText of a template in bytes.
	maxText = 500
)

// data of a template.
type data struct {
	// window counts events in the window, pieces in each piece of the baseline.
	window int
	pieces []uint32
	fatal  bool
	trace  bool
	// examples as written, redacted and shortened.
	examples   []string
	containers []string
}

// merge adds the data of a template that turned out to be the same as another.
func merge(into, from *data) {
	into.window += from.window
	if into.pieces == nil {
		into.pieces = from.pieces
	} else {
		for i, n := range from.pieces {
			into.pieces[i] += n
		}
	}
	into.fatal = into.fatal || from.fatal
	into.trace = into.trace || from.trace
	for _, text := range from.examples {
		if len(into.examples) < maxExamples && !slices.Contains(into.examples, text) {
			into.examples = append(into.examples, text)
		}
	}
	for _, name := range from.containers {
		if len(into.containers) < maxContainers && !slices.Contains(into.containers, name) {
			into.containers = append(into.containers, name)
		}
	}
}

// learn counts an event that is an error. In the window it learns the template; in the baseline it only counts known ones, since
// templates without events in the window are not evaluated.
func (r *reader) learn(e *event.Event) {
	if !e.Level.Bad() {
		return
	}
	g := r.from.group
	if r.current.piece >= 0 {
		if g.miner == nil {
			return
		}
		if t := g.miner.Find(e.Message); t != nil {
			if t.Data.pieces == nil {
				t.Data.pieces = make([]uint32, len(r.shares))
			}
			t.Data.pieces[r.current.piece]++
		}
		return
	}
	if g.miner == nil {
		options := template.Options{MaxLine: maxLine, MaxTemplates: maxOfWorkload, Pool: r.pool, Clean: r.in.Redact}
		g.miner = template.New(options, merge)
	}
	t := g.miner.Learn(e.Message)
	if t == nil {
		return
	}
	d := &t.Data
	d.window++
	if e.Level == event.Fatal {
		d.fatal = true
		t.Rank = 1
	}
	d.trace = d.trace || e.Trace
	if len(d.containers) < maxContainers && r.from.container != "" && !slices.Contains(d.containers, r.from.container) {
		d.containers = append(d.containers, strings.Clone(r.from.container))
	}
	if len(d.examples) < maxExamples {
		r.example(d, e)
	}
}

// example stores an event unless there is an identical one.
func (r *reader) example(d *data, e *event.Event) {
	maxLength := maxExample
	if e.Lines > 1 {
		maxLength = maxTraceBytes
	}
	if text := excerpt(e.Excerpt, maxLength, r.in.Redact); !slices.Contains(d.examples, text) {
		d.examples = append(d.examples, text)
	}
}

// excerpt redacts and shortens a text. It redacts first, since a truncated secret may not be recognized, and ignores what is far
// beyond the limit to save time.
func excerpt(text string, maxLength int, redact func(string) string) string {
	const beyond = 1 << 10
	if redact == nil {
		return cut(text, maxLength)
	}
	return cut(redact(text[:min(len(text), maxLength+beyond)]), maxLength)
}

// cut shortens a text at a character boundary and appends an ellipsis. It removes control characters. The result shares no memory
// with the text.
func cut(text string, maxLength int) string {
	end := len(text)
	if end > maxLength {
		for end = maxLength; end > 0 && !utf8.RuneStart(text[end]); end-- {
		}
	}
	kept := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text[:end], "\uFFFD"))
	if end < len(text) {
		return kept + "…"
	}
	return strings.Clone(kept)
}
