// Package yamledit changes single scalars in YAML files of people. The file is parsed to find the scalar, and its text is replaced in
// place: comments, order, quotes and line breaks of everything else stay byte for byte. The result is parsed again, and must differ in
// that scalar only.
package yamledit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxPath is the length of a path in bytes, and maxSteps the number of its steps.
	maxPath, maxSteps = 512, 32
)

// Path leads to a scalar: keys separated by dots, ["key"] for keys with other characters, [N] for items of a list, and [KEY=VALUE] for the
// item of a list that has that value.
type Path struct {
	steps []step
	text  string
}

// step is a key of a mapping, the index of an item, or what an item has.
type step struct {
	key          string
	isIndex      bool
	index        int
	isMatch      bool
	field, value string
}

// String is the path as it was written.
func (p Path) String() string { return p.text }

// Parse a path.
func Parse(text string) (Path, error) {
	p := Path{text: text}
	if len(text) > maxPath {
		return p, fmt.Errorf("the path has %d bytes, at most %d are allowed", len(text), maxPath)
	}
	for rest := text; rest != "" || len(p.steps) == 0; {
		next, left, err := parseStep(rest, len(p.steps) == 0)
		if err != nil {
			return p, fmt.Errorf("path %q: %w", text, err)
		}
		if p.steps = append(p.steps, next); len(p.steps) > maxSteps {
			return p, fmt.Errorf("the path has more than %d steps", maxSteps)
		}
		rest = left
	}
	return p, nil
}

func parseStep(text string, first bool) (next step, left string, err error) {
	if strings.HasPrefix(text, "[") {
		return parseBracket(text[1:])
	}
	if !first {
		after, dotted := strings.CutPrefix(text, ".")
		if !dotted {
			return next, "", errors.New("a dot is missing after ]")
		}
		text = after
	}
	end := strings.IndexAny(text, `.[]"`)
	if end < 0 {
		end = len(text)
	}
	switch {
	case end == 0:
		return next, "", errors.New("a key is empty")
	case end < len(text) && (text[end] == ']' || text[end] == '"'):
		return next, "", fmt.Errorf(`the key with %q must be written as ["KEY"]`, text[end])
	}
	return step{key: text[:end]}, text[end:], nil
}

// parseBracket parses what follows an opening bracket.
func parseBracket(text string) (next step, left string, err error) {
	if strings.HasPrefix(text, `"`) {
		quoted, err := strconv.QuotedPrefix(text)
		if err != nil {
			return next, "", errors.New("a closing quote is missing")
		}
		key, err := strconv.Unquote(quoted)
		after, closed := strings.CutPrefix(text[len(quoted):], "]")
		switch {
		case err != nil || key == "":
			return next, "", errors.New("a key in quotes is empty or not valid")
		case !closed:
			return next, "", errors.New("] is missing after a key in quotes")
		}
		return step{key: key}, after, nil
	}
	inside, after, closed := strings.Cut(text, "]")
	if !closed {
		return next, "", errors.New("] is missing")
	}
	if field, value, isMatch := strings.Cut(inside, "="); isMatch {
		if field == "" || value == "" {
			return next, "", errors.New("[KEY=VALUE] needs both")
		}
		return step{isMatch: true, field: field, value: value}, after, nil
	}
	index, err := strconv.ParseUint(inside, 10, 16)
	if err != nil {
		return next, "", fmt.Errorf(`[%s] is neither [N], [KEY=VALUE] nor ["KEY"]`, inside)
	}
	return step{isIndex: true, index: int(index)}, after, nil
}
