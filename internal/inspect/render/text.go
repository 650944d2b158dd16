package render

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean removes invisible characters from text of a cluster: control characters other than tab and line break, bidirectional marks,
// which can make a text look like another, and invalid UTF-8.
func clean(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return '\n'
		case r == utf8.RuneError, unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\uFEFF', r >= 0xFFFE && r <= 0xFFFF:
			return -1
		default:
			return r
		}
	}, text)
}

// oneLine is clean text with each run of white space replaced by a space.
func oneLine(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

// span is a piece of prose, or of code in backquotes.
type span struct {
	Text string
	Code bool
}

// spans splits prose at its backquotes. A backquote without a partner is prose.
func spans(text string) []span {
	var list []span
	for text != "" {
		start := strings.IndexByte(text, '`')
		length := -1
		if start >= 0 {
			length = strings.IndexByte(text[start+1:], '`')
		}
		if length < 0 {
			return append(list, span{Text: text})
		}
		if start > 0 {
			list = append(list, span{Text: text[:start]})
		}
		if length > 0 {
			list = append(list, span{Text: text[start+1 : start+1+length], Code: true})
		}
		text = text[start+length+2:]
	}
	return list
}

// longestRun of a byte in a text.
func longestRun(text string, of byte) int {
	var longest, run int
	for i := range len(text) {
		if text[i] != of {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}
