package cli

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

// textWriter prints wrapped text and keeps the first error. It is the sink of all tables: what it gets may come from a cluster, so it
// prints nothing that a terminal or a CI system acts on.
type textWriter struct {
	w     io.Writer
	width int
	err   error
}

// styled is text that a palette has made printable and colored.
type styled string

// line prints one line. Strings are made printable, except for styled ones; the format is a constant. CI systems find no command in the
// line.
func (t *textWriter) line(format string, args ...any) {
	if t.err != nil {
		return
	}
	for i, arg := range args {
		if value := reflect.ValueOf(arg); value.Kind() == reflect.String && value.Type() != reflect.TypeFor[styled]() {
			args[i] = printable.Line(value.String())
		}
	}
	_, t.err = io.WriteString(t.w, printable.NoCommand(fmt.Sprintf(format, args...))+"\n")
}

// paragraph prints wrapped text after a prefix; further lines are indented by the width of the prefix.
func (t *textWriter) paragraph(prefix, text string) {
	t.block(prefix, strings.Repeat(" ", utf8.RuneCountInString(prefix)), text)
}

// block prints wrapped text with one prefix for its first line and another for all further lines. It keeps line breaks.
func (t *textWriter) block(first, further, text string) {
	prefix := first
	room := t.width - max(utf8.RuneCountInString(first), utf8.RuneCountInString(further))
	for _, paragraph := range strings.Split(strings.TrimSpace(printable.Block(text)), "\n") {
		for _, line := range wrap(paragraph, room) {
			t.line("%s", strings.TrimRight(prefix+line, " "))
			prefix = further
		}
	}
}

// wrap breaks text at spaces into lines of at most width runes. A word longer than that is not broken, and a command in backquotes is one
// word: a line break in the middle of it would end the command where it is pasted.
func wrap(text string, width int) []string {
	width = max(width, 20)
	var lines []string
	line := ""
	for _, word := range words(text) {
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

// words splits a text at its spaces, but not between backquotes. A backquote without a partner is a character like any other.
func words(text string) []string {
	var list []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		end := 0
		for end < len(text) && text[end] != ' ' && text[end] != '\t' {
			if text[end] == '`' {
				end += max(strings.IndexByte(text[end+1:], '`')+1, 0)
			}
			end++
		}
		list = append(list, text[:end])
		text = text[end:]
	}
	return list
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
