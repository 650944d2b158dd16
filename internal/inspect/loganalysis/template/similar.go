package template

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"
)

const (
	// minSiblings lines that differ in a word show that it varies. Two may be two statements: connect to redis, connect to postgres.
	minSiblings = 3
	// minShort is the same for messages of fewer than longMessage words, of which a word says more.
	minShort    = 4
	longMessage = 6
	// minFirst is the same for the first word, which is more often that of another statement.
	minFirst = 8
	// maxNear templates are compared with each other.
	maxNear = 32
)

// similar is a template that differs from the masked line in some tokens.
type similar[D any] struct {
	template *Template[D]
	// words are the positions where a word differs, as bits, and count their number.
	words uint64
	count int
	// values is the number of positions where a value differs.
	values int
}

// join adds the masked line to similar templates, if the difference is known to vary, and returns their common template; nil otherwise.
func (m *Miner[D]) join() *Template[D] {
	m.findNear()
	if len(m.near) > 0 && m.near[0].words == 0 { // only values differ
		return m.unite(m.near[:1])
	}
	for i := range m.near {
		if siblings := m.siblings(&m.near[i]); siblings != nil {
			return m.unite(siblings)
		}
	}
	return nil
}

// findNear finds the templates that differ from the masked line in no more tokens than tolerated, the most similar first.
func (m *Miner[D]) findNear() {
	m.search++
	m.near = m.near[:0]
	tolerated := m.tolerated(len(m.masker.tokens))
	m.plain = 0
	m.hashes = m.hashes[:0]
	for i, token := range m.masker.tokens {
		m.hashes = append(m.hashes, hashOf(m.masker.text(token)))
		if isPlain(m.masker.text(token)) {
			m.plain |= 1 << i
		}
	}
	for _, b := range m.around() {
		if b == nil {
			continue
		}
		for _, list := range [2][]*Template[D]{b.wild, b.exact} {
			for _, t := range list {
				if t.seen == m.search {
					continue
				}
				t.seen = m.search
				if s, ok := m.compare(t, tolerated); ok {
					m.near = append(m.near, s)
				}
			}
		}
	}
	slices.SortStableFunc(m.near, func(a, b similar[D]) int {
		return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(a.values, b.values), cmp.Compare(b.template.Count, a.template.Count))
	})
	m.near = m.near[:min(len(m.near), maxNear)]
}

// compare finds the differences of a template from the masked line; false if there are too many, or one that must not vary.
func (m *Miner[D]) compare(t *Template[D], tolerated int) (similar[D], bool) {
	s := similar[D]{template: t}
	if !m.resembles(t) {
		return s, false
	}
	known := 0
	for i, token := range m.masker.tokens {
		p := &t.tokens[i]
		text := m.masker.text(token)
		switch {
		case !p.wild && string(text) == p.text:
			continue
		case p.plain && m.plain&(1<<i) != 0:
			s.words |= 1 << i
			s.count++
		case p.wild && p.matches(string(text)):
			if !p.value {
				known++
			}
		default:
			switch m.difference(i, p.text) {
			case never:
				return s, false
			case ofWords:
				s.words |= 1 << i
				s.count++
			case ofValues:
				s.values++
			}
		}
		if known+s.count > tolerated {
			return s, false
		}
	}
	return s, true
}

// resembles reports whether at least half of the tokens of a template are equal to those of the masked line. It is fast.
func (m *Miner[D]) resembles(t *Template[D]) bool {
	left := len(m.hashes) / 2
	for i, hash := range m.hashes {
		if known := t.hashes[i]; known == hash || known == hashOfWild {
			continue
		}
		if left--; left < 0 {
			return false
		}
	}
	return true
}

// hashOfWild is the hash of a wildcard.
const hashOfWild = 0

// hashOf returns a short hash of a token (FNV-1a), which is not that of a wildcard.
func hashOf[T string | []byte](token T) uint32 {
	hash := uint32(2166136261)
	for i := range len(token) {
		hash = (hash ^ uint32(token[i])) * 16777619
	}
	return max(hash, hashOfWild+1)
}

// siblings returns similar templates that differ from the masked line in the same tokens as one of them, if these have enough
// different texts.
func (m *Miner[D]) siblings(of *similar[D]) []similar[D] {
	var found []similar[D]
	for _, s := range m.near {
		if s.words&^of.words == 0 {
			found = append(found, s)
		}
	}
	for i, token := range m.masker.tokens {
		if of.words&(1<<i) == 0 {
			continue
		}
		texts := []string{string(m.masker.text(token))}
		for _, s := range found {
			if p := &s.template.tokens[i]; p.wild {
				texts = append(texts, "", "\x00") // it varies already
			} else if !slices.Contains(texts, p.text) {
				texts = append(texts, p.text)
			}
		}
		if len(texts) < m.needed(i) {
			return nil
		}
	}
	return found
}

// needed returns how many different words at a position show that it varies.
func (m *Miner[D]) needed(i int) int {
	if (i == 0 || i == 1 && m.named()) && !isName(string(m.masker.text(m.masker.tokens[i]))) {
		return minFirst
	}
	words := 0
	for _, token := range m.masker.tokens {
		if !isMark(m.masker.text(token)) {
			words++
		}
	}
	if m.named() {
		words--
	}
	if words < longMessage {
		return minShort
	}
	return minSiblings
}

// named reports whether the message starts with the name of a logger, a process or a file: shop.Order:, sshd[12]:, order.go:12].
func (m *Miner[D]) named() bool {
	first := m.masker.text(m.masker.tokens[0])
	c := first[len(first)-1]
	return c == ':' || c == ']'
}

// isMark reports whether a token is a mark, with or without punctuation.
func isMark(token []byte) bool {
	open := bytes.IndexByte(token, '<')
	end := bytes.IndexByte(token, '>')
	if open < 0 || end < open {
		return false
	}
	return !bytes.ContainsFunc(token[:open], unicode.IsLetter) && !bytes.ContainsFunc(token[end:], unicode.IsLetter)
}

// unite merges similar templates and the masked line into the most frequent of them.
func (m *Miner[D]) unite(list []similar[D]) *Template[D] {
	t := list[0].template
	for _, s := range list[1:] {
		if s.template.Count > t.Count {
			t = s.template
		}
	}
	m.unindex(t)
	words := uint64(0)
	for _, s := range list {
		words |= s.words
	}
	for i, token := range m.masker.tokens {
		if t.tokens[i].widen(string(m.masker.text(token))) {
			t.tokens[i].value = words&(1<<i) == 0
		}
	}
	for _, s := range list {
		from := s.template
		if from == t {
			continue
		}
		for i := range from.tokens {
			t.tokens[i].widenTo(&from.tokens[i])
		}
		m.take(t, from)
	}
	m.absorb(t)
	texts := make([]string, len(t.tokens))
	for i := range t.tokens {
		texts[i] = t.tokens[i].text
		if t.tokens[i].wild {
			t.hashes[i] = hashOfWild
		}
	}
	t.text = strings.Join(texts, " ")
	m.index(t)
	return t
}

// absorb merges the similar templates that a template has come to match.
func (m *Miner[D]) absorb(t *Template[D]) {
	for _, s := range m.near {
		from := s.template
		if from == t || from.tokens == nil || !t.covers(from) {
			continue
		}
		m.take(t, from)
	}
}

// covers reports whether all lines of another template match the template.
func (t *Template[D]) covers(other *Template[D]) bool {
	for i := range t.tokens {
		p := &t.tokens[i]
		o := &other.tokens[i]
		if o.wild && !p.wild || !p.wild && p.text != o.text || p.wild && !p.matches(o.text) {
			return false
		}
	}
	return true
}

// take adds what is known of another template, and removes it.
func (m *Miner[D]) take(t, from *Template[D]) {
	t.Count += from.Count
	t.Rank = max(t.Rank, from.Rank)
	t.used = max(t.used, from.used)
	if m.merge != nil {
		m.merge(&t.Data, &from.Data)
	}
	m.remove(from)
	from.tokens = nil
}

// widen makes a token match a text as well, and reports whether it changed.
func (p *pattern) widen(text string) bool {
	if p.wild && p.matches(text) || !p.wild && p.text == text {
		return false
	}
	prefix := p.text
	suffix := p.text
	if p.wild {
		prefix = p.text[:p.prefix]
		suffix = p.text[len(p.text)-int(p.suffix):]
	}
	prefix = prefix[:commonPrefix(prefix, text)]
	suffix = suffix[len(suffix)-commonSuffix(suffix, text):]
	if len(prefix)+len(suffix) >= min(len(p.text), len(text)) {
		suffix = ""
	}
	*p = pattern{text: prefix + wildcard + suffix, wild: true, prefix: uint16(len(prefix)), suffix: uint16(len(suffix))}
	return true
}

// widenTo makes a token match what another token matches.
func (p *pattern) widenTo(other *pattern) {
	if !other.wild {
		p.widen(other.text)
		return
	}
	prefix := other.text[:other.prefix]
	suffix := other.text[len(other.text)-int(other.suffix):]
	p.widen(prefix + "\x00" + suffix) // no text: it only has the prefix and the suffix in common
}

// commonPrefix returns the length of a common prefix that ends after punctuation, outside of a mark.
func commonPrefix(a, b string) int {
	n := 0
	for i := 0; i < min(len(a), len(b)) && a[i] == b[i]; i++ {
		if punctuation(a[i]) {
			n = i + 1
		}
	}
	return n
}

// commonSuffix returns the length of a common suffix that starts with punctuation, outside of a mark.
func commonSuffix(a, b string) int {
	n := 0
	for i := 1; i <= min(len(a), len(b)) && a[len(a)-i] == b[len(b)-i]; i++ {
		if punctuation(a[len(a)-i]) {
			n = i
		}
	}
	return n
}

func punctuation(c byte) bool { return classOf(c) != word && c != '<' && c != '>' && c != '*' }
