package managerconfig

import (
	"cmp"
	"slices"
	"strings"
)

// Error is one thing that is wrong with a configuration.
type Error struct {
	// Origin of the wrong value; zero if nothing set it.
	Origin Origin
	// Path of the field; empty for a whole file.
	Path string
	// Message without the path. It does not quote values that may be secret.
	Message string
}

// Error is ORIGIN: PATH: MESSAGE.
func (e Error) Error() string {
	var parts []string
	for _, part := range []string{e.Origin.place(), e.Path, e.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// Errors are all errors of a configuration.
type Errors []Error

// Error has one line for each error.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted by file in the order of reading, then by place. Flags are last.
func (e Errors) sorted(files []string) Errors {
	rank := func(origin Origin) int {
		if at := slices.Index(files, origin.File); at >= 0 {
			return at
		}
		return len(files)
	}
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(rank(a.Origin), rank(b.Origin)), cmp.Compare(a.Origin.Line, b.Origin.Line),
			cmp.Compare(a.Origin.Column, b.Origin.Column))
	})
	return e
}
