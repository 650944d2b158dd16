package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// textWriter prints wrapped text and remembers the first error.
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

// paragraph prints text after a prefix, wrapped at the width; later lines are indented by the prefix's width.
func (t *textWriter) paragraph(prefix, text string) {
	t.block(prefix, strings.Repeat(" ", utf8.RuneCountInString(prefix)), text)
}

// block prints text with a first and a further prefix, wrapped at the width. Line breaks within the text are kept.
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

// wrap breaks a paragraph at spaces into lines of at most width runes; a longer word gets a line of its own.
func wrap(text string, width int) []string {
	width = max(width, 20)
	var lines []string
	line, length := "", 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if length > 0 && length+1+n > width {
			lines, line, length = append(lines, line), "", 0
		}
		if length > 0 {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+n
	}
	return append(lines, line)
}

// count writes a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
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
