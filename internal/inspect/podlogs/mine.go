package podlogs

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis/event"
	"kubeops.io/kubeops/internal/inspect/loganalysis/template"
	"kubeops.io/kubeops/internal/text"
)

const (
	// minRepeats is how often a line is repeated at least to be kept.
	minRepeats = 3
	// maxLines of one container are kept.
	maxLines = 6
	// maxTemplates and maxMisses bound the miner of one container, whose lines are few.
	maxTemplates = 200
	maxMisses    = 1000
	// maxText of a template or example, in characters: clients quote denied requests in full.
	maxText = 700
)

// repeated is what the lines of a template have in common.
type repeated struct {
	level       event.Level
	first, last time.Time
	// example is the newest line as written.
	example string
}

// join adds what the lines of another template had in common, which turned out to be the same one.
func join(into, from *repeated) {
	into.level = max(into.level, from.level)
	if !from.first.IsZero() && (into.first.IsZero() || from.first.Before(into.first)) {
		into.first = from.first
	}
	if from.last.After(into.last) {
		into.last, into.example = from.last, from.example
	}
}

// mine finds the lines that repeat in a log whose lines begin with a timestamp.
func mine(log string, redact func(string) string) facts.ContainerLog {
	var found facts.ContainerLog
	miner := template.New[repeated](template.Options{MaxTemplates: maxTemplates, MaxMisses: maxMisses, Clean: redact}, join)
	learn := func(e *event.Event) {
		found.Events++
		t := miner.Learn(e.Message)
		if t == nil {
			return
		}
		d := &t.Data
		if d.level = max(d.level, e.Level); d.level.Bad() {
			t.Rank = int8(d.level)
		}
		if d.first.IsZero() {
			d.first = e.Time
		}
		if !e.Time.Before(d.last) {
			d.last = e.Time
			d.example = e.Excerpt
			if e.Lines > 1 {
				d.example = e.Message // the exception of a trace, which its first line may lack
			}
		}
	}
	var folder event.Folder
	for line := range strings.SplitSeq(log, "\n") {
		if stamp, rest, ok := strings.Cut(line, " "); ok {
			if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
				folder.Add(at, rest, event.Unknown, learn)
			}
		}
	}
	folder.Flush(learn)
	for _, t := range miner.Templates() {
		if t.Count >= minRepeats {
			found.Lines = append(found.Lines, facts.RepeatedLine{
				Text: clip(t.String(), redact), Example: clip(t.Data.example, redact), Error: t.Data.level.Bad(),
				Fatal: t.Data.level == event.Fatal, Count: t.Count, First: t.Data.first, Last: t.Data.last,
			})
		}
	}
	slices.SortStableFunc(found.Lines, func(a, b facts.RepeatedLine) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	found.Lines = found.Lines[:min(len(found.Lines), maxLines)]
	return found
}

func rank(l facts.RepeatedLine) int {
	switch {
	case l.Fatal:
		return 0
	case l.Error:
		return 1
	default:
		return 2
	}
}

// clip redacts a text and keeps its first line, as plain text. It redacts first, since a secret that was cut off may not be recognized.
func clip(line string, redact func(string) string) string {
	if redact != nil {
		line = redact(line)
	}
	line, _, _ = strings.Cut(line, "\n")
	line = strings.Map(func(r rune) rune {
		if r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(line, "\uFFFD"))
	return strings.Clone(text.Clip(line, maxText))
}
