package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
	"kubeops.io/kubeops/internal/inspect/loganalysis/template"
)

// row of the tables: the scores of a set.
type row struct {
	name            string
	messages, whole scores
	// warnings is the number of lines that are a warning or worse, with the scores of these lines alone.
	warnings                       int
	warningMessages, warningsWhole scores
}

// scoreSet scores a set in all ways.
func scoreSet(s set, c *corrector) row {
	var warnings []line
	for _, l := range s.lines {
		if l.warning {
			warnings = append(warnings, l)
		}
	}
	message := func(l line) string { return l.message }
	return row{
		name: s.name, messages: score(s.lines, c, message), whole: score(s.lines, c, wholeMessage),
		warnings: len(warnings), warningMessages: score(warnings, c, message), warningsWhole: score(warnings, c, wholeMessage),
	}
}

// wholeMessage is what an inspection passes to the miner for a line that is no part of a stack trace.
func wholeMessage(l line) string {
	message := l.whole
	var f event.Folder
	emit := func(e *event.Event) { message = e.Message }
	f.Add(time.Time{}, l.whole, event.Unknown, emit)
	f.Flush(emit)
	return message
}

// join adds the lines of a template that turned out to be the same as another.
func join(into, from *[]int) { *into = append(*into, *from...) }

// score finds the templates of the texts of lines, and compares them with the ground truth.
func score(lines []line, c *corrector, text func(line) string) scores {
	const maxTemplates = 2000 // as for `kubeops logs templates`
	m := template.New(template.Options{MaxTemplates: maxTemplates, MaxMisses: len(lines)}, join)
	for i, l := range lines {
		if t := m.Learn(text(l)); t != nil {
			t.Data = append(t.Data, i)
		}
	}
	samples := make([]sample, len(lines))
	for i, l := range lines {
		// A line without a template is a group.
		samples[i] = sample{group: -1 - i, wantGroup: l.template, want: c.correct(l.template)}
	}
	for n, t := range m.Templates() {
		corrected := c.correct(t.String())
		for _, i := range t.Data {
			samples[i].group = n
			samples[i].template = corrected
		}
	}
	return measure(samples)
}

// print prints the tables of the sets that the rules were tuned on, of the others, and of all.
func print(out io.Writer, rows []row) {
	halves := [2][]row{}
	for i, r := range rows {
		halves[i%2] = append(halves[i%2], r)
	}
	table(out, "Tuned on", halves[0])
	table(out, "Not tuned on", halves[1])
	heading(out, "All")
	write(out, mean("mean", rows))
}

func heading(out io.Writer, title string) {
	fmt.Fprintf(out, "| %s | GA | FGA | PTA | FTA | whole: GA | FGA | warnings | GA | whole: GA |\n", title)
	fmt.Fprintln(out, strings.Repeat("|---", 10)+"|")
}

func table(out io.Writer, title string, rows []row) {
	heading(out, title)
	for _, r := range rows {
		write(out, r)
	}
	write(out, mean("mean", rows))
	fmt.Fprintln(out)
}

func write(out io.Writer, r row) {
	fmt.Fprintf(out, "| %s | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f | %d |", r.name, r.messages.GA, r.messages.FGA, r.messages.PTA,
		r.messages.FTA, r.whole.GA, r.whole.FGA, r.warnings)
	if r.warnings == 0 {
		fmt.Fprintln(out, " - | - |")
		return
	}
	fmt.Fprintf(out, " %.3f | %.3f |\n", r.warningMessages.GA, r.warningsWhole.GA)
}

// mean of the scores of sets; of warnings, over the sets that have some.
func mean(name string, rows []row) row {
	m := row{name: name}
	withWarnings := 0
	for _, r := range rows {
		add(&m.messages, r.messages, 1/float64(len(rows)))
		add(&m.whole, r.whole, 1/float64(len(rows)))
		if m.warnings += r.warnings; r.warnings > 0 {
			withWarnings++
		}
	}
	for _, r := range rows {
		if r.warnings > 0 {
			add(&m.warningMessages, r.warningMessages, 1/float64(withWarnings))
			add(&m.warningsWhole, r.warningsWhole, 1/float64(withWarnings))
		}
	}
	return m
}

func add(to *scores, s scores, weight float64) {
	to.GA += weight * s.GA
	to.FGA += weight * s.FGA
	to.PTA += weight * s.PTA
	to.FTA += weight * s.FTA
}
