package loganalysis

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
	"kubeops.io/kubeops/internal/inspect/loganalysis/template"
)

// maxOfText templates per text.
const maxOfText = 2000

// Summary of a text of log lines.
type Summary struct {
	// Lines that are not blank, and the events that they form.
	Lines, Events int
	// Templates, the most severe and most frequent first.
	Templates []TextTemplate
	// Evicted templates because of the limit, and EvictedEvents, the events that they had.
	Evicted, EvictedEvents int
}

// TextTemplate is a template of a text.
type TextTemplate struct {
	// Template in readable form.
	Template string
	// Level is the highest of its events; empty if none has a level.
	Level string
	// Count of events, and their Lines in total.
	Count, Lines int
	// Trace is true if an event contains a stack trace.
	Trace bool
	// Example is the first event as written, redacted and shortened.
	Example string
}

// textData of a template.
type textData struct {
	level   event.Level
	lines   int
	trace   bool
	example string
}

// mergeText adds the data of a template that turned out to be the same as another.
func mergeText(into, from *textData) {
	into.level = max(into.level, from.level)
	into.lines += from.lines
	into.trace = into.trace || from.trace
	if into.example == "" {
		into.example = from.example
	}
}

// text is the state of Text.
type text struct {
	miner   *template.Miner[textData]
	folders map[string]*event.Folder
	redact  func(string) string
	events  int
}

// Text finds the templates in log lines such as the output of kubectl logs. Memory depends only on the number of templates. It
// separates the lines of containers by the prefix of `kubectl logs --prefix`. redact may be nil.
func Text(r io.Reader, redact func(string) string) (Summary, error) {
	t := &text{
		miner:   template.New(template.Options{MaxTemplates: maxOfText, MaxMisses: 200_000, Clean: redact}, mergeText),
		folders: map[string]*event.Folder{}, redact: redact,
	}
	var s Summary
	buffer := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := buffer.ReadSlice('\n')
		kept := string(line)
		for errors.Is(err, bufio.ErrBufferFull) { // ignore the rest of a long line
			_, err = buffer.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return s, fmt.Errorf("read lines: %w", err)
		}
		if strings.TrimSpace(kept) != "" {
			s.Lines++
		}
		t.line(kept)
		if err != nil {
			break
		}
	}
	t.flush()
	s.Events = t.events
	s.Evicted, s.EvictedEvents = t.miner.Evicted()
	for _, found := range t.miner.Templates() {
		s.Templates = append(s.Templates, TextTemplate{
			Template: cut(found.String(), 2*maxText), Level: found.Data.level.String(), Count: found.Count, Lines: found.Data.lines,
			Trace: found.Data.trace, Example: found.Data.example,
		})
	}
	return s, nil
}

func (t *text) line(line string) {
	prefix := ""
	if strings.HasPrefix(line, "[pod/") {
		if end := strings.Index(line[:min(len(line), 2*maxName)], "] "); end > 0 {
			prefix, line = line[:end+1], line[end+2:]
		}
	}
	folder := t.folders[prefix]
	if folder == nil {
		if len(t.folders) >= maxStreams {
			t.flush()
			clear(t.folders)
		}
		folder = &event.Folder{}
		t.folders[prefix] = folder
	}
	folder.Add(time.Time{}, line, event.Unknown, t.learn)
}

func (t *text) flush() {
	for _, folder := range t.folders {
		folder.Flush(t.learn)
	}
}

func (t *text) learn(e *event.Event) {
	t.events++
	found := t.miner.Learn(e.Message)
	if found == nil {
		return
	}
	d := &found.Data
	d.lines += e.Lines
	d.trace = d.trace || e.Trace
	d.level = max(d.level, e.Level)
	if d.level.Bad() {
		found.Rank = int8(d.level)
	}
	if d.example != "" {
		return
	}
	d.example = excerpt(e.Excerpt, maxTraceBytes, t.redact)
}
