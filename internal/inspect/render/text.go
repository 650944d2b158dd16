package render

import (
	"strings"

	"kubeops.io/kubeops/internal/printable"
)

// clean shows characters of text of a cluster that a reader would not see as escapes. Line breaks and tabs stay. Reports are printed in
// CI jobs, so no line is a command of a CI system.
func clean(text string) string {
	lines := strings.Split(printable.Block(text), "\n")
	for i, line := range lines {
		lines[i] = printable.NoCommand(line)
	}
	return strings.Join(lines, "\n")
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
