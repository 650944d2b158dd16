package redact

import "strings"

// continued returns the position of a quoted value that a program assigns after a line break, in braces or as the default of a variable:
// key ||
// "x". Zero means that there is none.
func (f *finder) continued(at int) int {
	next := f.blanks(at)
	for _, operator := range []string{"||", "??", "or ", "{", "="} {
		if !strings.HasPrefix(f.text[next:], operator) || operator == "=" && next == f.spaces(at) {
			continue
		}
		value := f.blanks(next + len(operator))
		if length, _ := f.quote(value); length != 1 || f.text[value] == '`' {
			continue
		}
		literal, ok := f.literal(value, tight)
		end := f.spaces(literal.end)
		if ok && (end >= len(f.text) || strings.IndexByte("=!<>", f.text[end]) < 0) { // else compared with another value
			return value
		}
	}
	return 0
}

// blanks skips spaces and at most one line break.
func (f *finder) blanks(at int) int {
	at = f.spaces(at)
	if strings.HasPrefix(f.text[at:], "\r") {
		at++
	}
	if strings.HasPrefix(f.text[at:], "\n") {
		at = f.spaces(at + 1)
	}
	return at
}
