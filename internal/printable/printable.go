// Package printable shows text that others wrote, such as names and messages of a cluster, as what it is: characters that a reader does
// not see, or that a terminal, a browser or a CI system would act on, become escapes such as \n, \x1b and \u202e. Every sink uses it:
// the table, errors and progress of the command line, reports in all formats, conditions, events, chats and mail. It imports nothing of
// this project.
package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns a text as one line. Control characters, line breaks, bidirectional marks, invisible characters and invalid UTF-8 become
// escapes as in Go: \t, \n, \r, \xNN for other bytes below 0x80 and invalid bytes, \uNNNN and \UNNNNNNNN. A backslash stays as it is.
func Line(s string) string { return escape(s, false) }

// Block is Line for a text of several lines: it keeps line breaks and tabs. A carriage return before a line break is dropped.
func Block(s string) string {
	if strings.Contains(s, "\r\n") {
		s = strings.ReplaceAll(s, "\r\n", "\n")
	}
	return escape(s, true)
}

// Is reports whether Line would leave a text as it is.
func Is(s string) bool { return firstHidden(s, false) < 0 }

func escape(s string, block bool) string {
	first := firstHidden(s, block)
	if first < 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	b.WriteString(s[:first])
	previous := rune(0)
	if first > 0 {
		previous, _ = utf8.DecodeLastRuneInString(s[:first])
	}
	for i := first; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			r = 0 // what follows does not follow U+FFFD, which is a symbol
		case !hidden(r, previous, block):
			b.WriteString(s[i : i+size])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xFFFF:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		previous = r
		i += size
	}
	return b.String()
}

// firstHidden is the index of the first byte that is escaped, or -1.
func firstHidden(s string, block bool) int {
	var previous rune
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf { // nearly all text
			if hidden(rune(c), previous, block) {
				return i
			}
			previous = rune(c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || hidden(r, previous, block) {
			return i
		}
		previous = r
		i += size
	}
	return -1
}

// hidden reports whether a reader would not see a character, or not as what it is: controls, format characters, separators of lines,
// what UAX #44 calls Default_Ignorable_Code_Point, and noncharacters. An emoji may be followed by its variation selector.
func hidden(r, previous rune, block bool) bool {
	switch {
	case r >= ' ' && r < 0x7F:
		return false
	case r == '\n' || r == '\t':
		return !block
	case r < 0xA0:
		return true
	case r == 0xFE0F || r == 0xFE0E:
		return !unicode.Is(unicode.So, previous)
	case r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF:
		return true
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // visible, although of category Cf
		return false
	default:
		return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	}
}
