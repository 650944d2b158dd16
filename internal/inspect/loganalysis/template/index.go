package template

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/loganalysis/header"
)

// maxBucket templates per bucket.
const maxBucket = 100

// exactKey identifies a template without a wildcard.
type exactKey struct {
	level header.Level
	text  string
}

// bucketKey identifies the templates with a level, a number of tokens, and their first or last token. Two templates that differ in one
// token have one of the two in common.
type bucketKey struct {
	level  header.Level
	side   side
	tokens uint8
	text   string
}

type side uint8

const (
	firstToken side = iota
	lastToken
	noToken // both are wildcards
)

// bucket has templates with a token in common.
type bucket[D any] struct {
	// exact templates have no wildcard, wild ones have.
	exact, wild []*Template[D]
}

// find masks a line and returns its template, or nil.
func (m *Miner[D]) find(line string) *Template[D] {
	m.masker.mask(line)
	tokens := m.masker.tokens
	if len(tokens) == 0 {
		return nil
	}
	if t := m.exact[exactKey{m.masker.level, string(m.masker.body())}]; t != nil {
		return t
	}
	for _, b := range m.around() {
		if t := m.matching(b); t != nil {
			return t
		}
	}
	return nil
}

// around returns the buckets that may contain the template of the masked line; nil for those that do not exist.
func (m *Miner[D]) around() [3]*bucket[D] {
	tokens := m.masker.tokens
	level := m.masker.level
	n := uint8(len(tokens))
	return [3]*bucket[D]{
		m.buckets[bucketKey{level, firstToken, n, string(m.masker.text(tokens[0]))}],
		m.buckets[bucketKey{level, lastToken, n, string(m.masker.text(tokens[n-1]))}],
		m.buckets[bucketKey{level, noToken, n, ""}],
	}
}

// matching returns the template with wildcards of a bucket that the masked line belongs to, or nil.
func (m *Miner[D]) matching(b *bucket[D]) *Template[D] {
	if b == nil {
		return nil
	}
	for i, t := range b.wild {
		if !m.matches(t) {
			continue
		}
		if i > 0 { // move frequent templates to the front
			b.wild[i], b.wild[i-1] = b.wild[i-1], t
		}
		return t
	}
	return nil
}

// matches reports whether the masked line has all constants of a template.
func (m *Miner[D]) matches(t *Template[D]) bool {
	for i, token := range m.masker.tokens {
		p := &t.tokens[i]
		text := m.masker.text(token)
		if !p.wild {
			if string(text) != p.text {
				return false
			}
			continue
		}
		if !p.matches(string(text)) {
			return false
		}
	}
	return true
}

// matches reports whether a text has the prefix and the suffix of a wildcard, and is no level.
func (p *pattern) matches(text string) bool {
	prefix := p.text[:p.prefix]
	suffix := p.text[len(p.text)-int(p.suffix):]
	return len(text) >= len(prefix)+len(suffix) && strings.HasPrefix(text, prefix) && strings.HasSuffix(text, suffix) && !isLevel(text)
}

// index makes a template findable.
func (m *Miner[D]) index(t *Template[D]) {
	n := uint8(len(t.tokens))
	wild := false
	for _, p := range t.tokens {
		wild = wild || p.wild
	}
	if !wild {
		m.exact[exactKey{t.level, t.text}] = t
	}
	head, tail := t.tokens[0], t.tokens[n-1]
	if !head.wild {
		t.first = m.put(bucketKey{t.level, firstToken, n, head.text}, t, wild)
	}
	if !tail.wild {
		t.last = m.put(bucketKey{t.level, lastToken, n, tail.text}, t, wild)
	}
	if head.wild && tail.wild {
		t.last = m.put(bucketKey{t.level, noToken, n, ""}, t, wild)
	}
}

// put adds a template to a bucket.
func (m *Miner[D]) put(key bucketKey, t *Template[D], wild bool) *bucket[D] {
	b := m.buckets[key]
	if b == nil {
		b = &bucket[D]{}
		m.buckets[key] = b
	}
	if wild {
		b.wild = append(b.wild, t)
	} else {
		b.exact = append(b.exact, t)
	}
	return b
}

// unindex is the reverse of index.
func (m *Miner[D]) unindex(t *Template[D]) {
	if m.exact[exactKey{t.level, t.text}] == t {
		delete(m.exact, exactKey{t.level, t.text})
	}
	n := uint8(len(t.tokens))
	head, tail := t.tokens[0], t.tokens[n-1]
	if t.first != nil {
		m.removeFrom(bucketKey{t.level, firstToken, n, head.text}, t.first, t)
	}
	if t.last != nil {
		key := bucketKey{t.level, lastToken, n, tail.text}
		if tail.wild {
			key = bucketKey{t.level, noToken, n, ""}
		}
		m.removeFrom(key, t.last, t)
	}
	t.first = nil
	t.last = nil
}

// removeFrom removes a template from a bucket, and the bucket if it is empty.
func (m *Miner[D]) removeFrom(key bucketKey, b *bucket[D], t *Template[D]) {
	if i := slices.Index(b.exact, t); i >= 0 {
		b.exact = slices.Delete(b.exact, i, i+1)
	}
	if i := slices.Index(b.wild, t); i >= 0 {
		b.wild = slices.Delete(b.wild, i, i+1)
	}
	if len(b.exact)+len(b.wild) == 0 {
		delete(m.buckets, key)
	}
}
