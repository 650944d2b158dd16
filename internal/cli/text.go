package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/text"
)

// textWriter prints wrapped text and keeps the first error.
type textWriter struct {
	w     io.Writer
	width int
	err   error
}

func (t *textWriter) line(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format+"\n", args...)
	}
}

// paragraph prints wrapped text after a prefix; further lines are indented by the width of the prefix.
func (t *textWriter) paragraph(prefix, text string) {
	t.block(prefix, strings.Repeat(" ", utf8.RuneCountInString(prefix)), text)
}

// block prints wrapped text with one prefix for its first line and another for all further lines. It keeps line breaks.
func (t *textWriter) block(first, further, text string) {
	prefix := first
	room := t.width - max(utf8.RuneCountInString(first), utf8.RuneCountInString(further))
	for _, paragraph := range strings.Split(strings.TrimSpace(text), "\n") {
		for _, line := range wrap(paragraph, room) {
			t.line("%s", strings.TrimRight(prefix+line, " "))
			prefix = further
		}
	}
}

// wrap breaks text at spaces into lines of at most width runes. A word longer than that is not broken.
func wrap(text string, width int) []string {
	width = max(width, 20)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch length := utf8.RuneCountInString(line); {
		case length == 0:
			line = word
		case length+1+utf8.RuneCountInString(word) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// count writes a number with its noun.
func count(n int, one, many string) string {
	return text.CountOf(n, one, many)
}

func joinWords(words []string) string { return strings.Join(words, ", ") }

func joinKinds(needs, uses []facts.Kind) string {
	var words []string
	for _, k := range slices.Concat(needs, uses) {
		if !slices.Contains(words, string(k)) {
			words = append(words, string(k))
		}
	}
	return joinWords(words)
}
