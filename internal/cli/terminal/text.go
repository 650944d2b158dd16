// Package terminal prints to terminals: wrapped and aligned text in which nothing of a cluster can act on the terminal or a CI system.
package terminal

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/text"
)

// Writer prints wrapped text and keeps the first error. It is the sink of all tables: what it gets may come from a cluster, so it
// prints nothing that a terminal or a CI system acts on.
type Writer struct {
	W     io.Writer
	Width int
	Err   error
}

// Line prints one line. Strings are made printable, except for styled ones; the format is a constant. CI systems find no command in the
// line.
func (t *Writer) Line(format string, args ...any) {
	if t.Err != nil {
		return
	}
	for i, arg := range args {
		if value := reflect.ValueOf(arg); value.Kind() == reflect.String && value.Type() != reflect.TypeFor[styled]() {
			args[i] = printable.Line(value.String())
		}
	}
	_, t.Err = io.WriteString(t.W, printable.NoCommand(fmt.Sprintf(format, args...))+"\n")
}

// Paragraph prints wrapped text after a prefix; further lines are indented by the width of the prefix.
func (t *Writer) Paragraph(prefix, text string) {
	t.Block(prefix, strings.Repeat(" ", utf8.RuneCountInString(prefix)), text)
}

// Block prints wrapped text with one prefix for its first line and another for all further lines. It keeps line breaks.
func (t *Writer) Block(first, further, text string) {
	prefix := first
	room := t.Width - max(utf8.RuneCountInString(first), utf8.RuneCountInString(further))
	for _, paragraph := range strings.Split(strings.TrimSpace(printable.Block(text)), "\n") {
		for _, line := range Wrap(paragraph, room) {
			t.Line("%s", strings.TrimRight(prefix+line, " "))
			prefix = further
		}
	}
}

// Wrap breaks text at spaces into lines of at most width runes. A word longer than that is not broken, and a command in backquotes is one
// word: a line break in the middle of it would end the command where it is pasted.
func Wrap(text string, width int) []string {
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

// Count writes a number with its noun.
func Count(n int, one, many string) string {
	return text.CountOf(n, one, many)
}

// JoinWords joins words by commas.
func JoinWords(words []string) string { return strings.Join(words, ", ") }
