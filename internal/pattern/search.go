package pattern

import (
	"io"
	"regexp"
	"unicode/utf8"
)

const (
	// maxAtOnce is the number of steps, instructions times characters, that a search takes without asking its caller: some milliseconds.
	maxAtOnce = 1 << 20
	// chunk is the number of characters between two calls of Spend in a long text.
	chunk = 64
)

// Spend is called before each part of a search with the number of its steps: at most one per instruction and character. An error ends the
// search.
type Spend func(steps int) error

// Match reports whether a text contains a match.
func (e *Expression) Match(text string, spend Spend) (bool, error) {
	if steps := e.size * (len(text) + 1); steps <= maxAtOnce {
		if err := spend(steps); err != nil {
			return false, err
		}
		return e.compiled.MatchString(text), nil
	}
	r := &reader{text: text, size: e.size, spend: spend}
	found := e.compiled.MatchReader(r)
	return found, r.err
}

// FindAll returns the texts of at most limit matches, as regexp.FindAllString does; a negative limit means all. A search that looks at the
// whole text for each match is quadratic, so its cost is not known before.
func (e *Expression) FindAll(text string, limit int, spend Spend) ([]string, error) {
	searches := len(text) + 1
	if limit >= 0 {
		searches = min(searches, limit)
	}
	if steps := e.size * (len(text) + 1); steps <= maxAtOnce && steps*searches <= maxAtOnce {
		if err := spend(steps * searches); err != nil {
			return nil, err
		}
		return e.compiled.FindAllString(text, limit), nil
	}
	if limit < 0 {
		limit = len(text) + 1
	}
	var found []string
	previous := -1
	for pos := 0; len(found) < limit && pos <= len(text); {
		start, end, err := e.search(text, pos, spend)
		if err != nil || start < 0 {
			return found, err
		}
		accepted := end != pos || start != previous // an empty match right after a match does not count
		if end == pos {
			_, width := utf8.DecodeRuneInString(text[pos:])
			pos += max(width, 1)
		} else {
			pos = end
		}
		previous = end
		if accepted {
			found = append(found, text[start:end])
		}
	}
	return found, nil
}

// search returns the position of the first match at or after pos, or -1. The program sees the character before pos, since \b and ^ depend
// on it.
func (e *Expression) search(text string, pos int, spend Spend) (start, end int, err error) {
	if pos == 0 {
		r := &reader{text: text, size: e.size, spend: spend}
		return r.position(e.compiled.FindReaderIndex(r))
	}
	following, err := e.following()
	if err != nil {
		return -1, -1, err
	}
	_, width := utf8.DecodeLastRuneInString(text[:pos])
	r := &reader{text: text, offset: pos - width, pos: pos - width, size: e.size, spend: spend}
	return r.position(submatch(following, r))
}

// submatch returns the position of the first group, or nil.
func submatch(expression *regexp.Regexp, r io.RuneReader) []int {
	if found := expression.FindReaderSubmatchIndex(r); found != nil {
		return found[2:4]
	}
	return nil
}

// reader feeds a text to a search and pays for each chunk of it before it is read.
type reader struct {
	text        string
	offset, pos int
	size        int
	spend       Spend
	unpaid      int
	err         error
}

// ReadRune ends the text if the search cannot be paid for.
func (r *reader) ReadRune() (rune, int, error) {
	if r.err != nil || r.pos >= len(r.text) {
		return 0, 0, io.EOF
	}
	if r.unpaid == 0 {
		if r.err = r.spend(r.size * chunk); r.err != nil {
			return 0, 0, io.EOF
		}
		r.unpaid = chunk
	}
	r.unpaid--
	c, width := utf8.DecodeRuneInString(r.text[r.pos:])
	r.pos += width
	return c, width, nil
}

func (r *reader) position(found []int) (start, end int, err error) {
	if r.err != nil || found == nil {
		return -1, -1, r.err
	}
	return r.offset + found[0], r.offset + found[1], nil
}
