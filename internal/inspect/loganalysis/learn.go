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
	// maxExamples of a template, each of so many bytes; a trace may be longer than a line.
	maxExamples               = 2
	maxExample, maxTraceBytes = 300, 1000
	// maxContainers that a template names.
	maxContainers = 4
	// maxText of a template, in bytes.
	maxText = 500
)

// data of a template.
type data struct {
	// window events, and those of the pieces of the baseline.
	window int
	pieces []uint32
	fatal  bool
	trace  bool
	// examples as they were written; redacted and cut.
	examples   []string
	containers []string
}

// learn counts an event that is an error: in the window its template is learned, in the baseline it is only looked up, for what
// the window has nothing of is judged by nobody.
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
		g.miner = template.New[data](template.Options{MaxLine: maxLine, MaxTemplates: maxOfWorkload, Pool: r.pool, Clean: r.in.Redact})
	}
	t := g.miner.Learn(e.Message)
	if t == nil {
		return
	}
	d := &t.Data
	d.window++
	if e.Level == event.Fatal {
		d.fatal, t.Rank = true, 1
	}
	d.trace = d.trace || e.Trace
	if len(d.containers) < maxContainers && r.from.container != "" && !slices.Contains(d.containers, r.from.container) {
		d.containers = append(d.containers, strings.Clone(r.from.container))
	}
	if len(d.examples) < maxExamples {
		r.example(d, e)
	}
}

// example keeps an event, unless the same is kept already.
func (r *reader) example(d *data, e *event.Event) {
	most := maxExample
	if e.Lines > 1 {
		most = maxTraceBytes
	}
	if text := excerpt(e.Excerpt, most, r.in.Redact); !slices.Contains(d.examples, text) {
		d.examples = append(d.examples, text)
	}
}

// excerpt is a text redacted and cut. It is redacted first, for a half of a secret is not seen as one; what is far beyond the cut
// does not matter, and takes time.
func excerpt(text string, most int, redact func(string) string) string {
	const beyond = 1 << 10
	if redact == nil {
		return cut(text, most)
	}
	return cut(redact(text[:min(len(text), most+beyond)]), most)
}

// cut a text at a whole character, and mark that. What would move the cursor of a terminal is left out. The result shares no
// memory with the text.
func cut(text string, most int) string {
	end := len(text)
	if end > most {
		for end = most; end > 0 && !utf8.RuneStart(text[end]); end-- {
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
