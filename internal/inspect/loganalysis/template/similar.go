package template

import (
	"cmp"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/loganalysis/header"
)

const (
	// minSiblings lines that differ in a word show that it varies. Two may be two statements: connect to redis, connect to postgres.
	minSiblings = 3
	// maxVarying tokens of a template: a quarter of maxTokens.
	maxVarying = maxTokens/4 + 1
	// maxNear templates are compared with each other.
	maxNear = 32
)

// similar is a template that differs from the masked line in some tokens.
type similar[D any] struct {
	template *Template[D]
	// at are the positions that differ, words those of them where a word differs, not a value.
	at    [maxVarying]uint8
	count int
	words uint64
	// wild is the number of wildcards.
	wild int
}

// join adds the masked line to similar templates, if the difference is known to vary, and returns their common template; nil otherwise.
func (m *Miner[D]) join() *Template[D] {
	m.findNear()
	for i := range m.near {
		if m.near[i].words == 0 { // only values differ
			return m.unite(m.near[i : i+1])
		}
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
	if tolerated == 0 {
		return
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
		return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(b.template.Count, a.template.Count))
	})
	m.near = m.near[:min(len(m.near), maxNear)]
}

// compare finds the differences of a template from the masked line; false if there are too many, or one that must not vary.
func (m *Miner[D]) compare(t *Template[D], tolerated int) (similar[D], bool) {
	s := similar[D]{template: t}
	for i, token := range m.masker.tokens {
		p := &t.tokens[i]
		text := m.masker.text(token)
		switch {
		case !p.wild && string(text) == p.text:
			continue
		case p.wild && p.matches(string(text)):
			s.wild++
		default:
			if s.count < tolerated {
				s.at[s.count] = uint8(i)
			}
			s.count++
		}
		if s.wild+s.count > tolerated {
			return s, false
		}
	}
	for _, i := range s.at[:s.count] {
		switch difference(t.tokens[i].text, string(m.masker.text(m.masker.tokens[i]))) {
		case never:
			return s, false
		case ofWords:
			s.words |= 1 << i
		}
	}
	return s, true
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
		if len(texts) < minSiblings {
			return nil
		}
	}
	return found
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
	for i, token := range m.masker.tokens {
		t.tokens[i].widen(string(m.masker.text(token)))
	}
	for _, s := range list {
		from := s.template
		if from == t {
			continue
		}
		for i := range from.tokens {
			t.tokens[i].widenTo(&from.tokens[i])
		}
		t.Count += from.Count
		t.Rank = max(t.Rank, from.Rank)
		t.used = max(t.used, from.used)
		if m.merge != nil {
			m.merge(&t.Data, &from.Data)
		}
		m.remove(from)
	}
	texts := make([]string, len(t.tokens))
	for i := range t.tokens {
		texts[i] = t.tokens[i].text
	}
	t.text = strings.Join(texts, " ")
	m.index(t)
	return t
}

// widen makes a token match a text as well.
func (p *pattern) widen(text string) {
	if p.wild && p.matches(text) || !p.wild && p.text == text {
		return
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

// kind of a difference.
type kind uint8

const (
	ofValues kind = iota
	ofWords
	// never is a difference that must not vary.
	never
)

// difference of two tokens that are not equal.
func difference(a, b string) kind {
	if isLevel(a) || isLevel(b) {
		return never
	}
	prefix := commonPrefix(a, b)
	suffix := min(commonSuffix(a, b), min(len(a), len(b))-prefix)
	coreA := a[prefix : len(a)-suffix]
	coreB := b[prefix : len(b)-suffix]
	if marked(coreA) || marked(coreB) {
		return ofValues
	}
	if prefix > 1 && a[prefix-1] == '=' { // name=cart, name=shop
		if messageKey(a[:prefix-1]) {
			return ofWords
		}
		return ofValues
	}
	return ofWords
}

// marked reports whether a text has the mark of a value.
func marked(text string) bool {
	open := strings.IndexByte(text, '<')
	return text == "[redacted]" || open >= 0 && strings.IndexByte(text[open:], '>') > 0
}

// isLevel reports whether a token is a level: ERROR, [error], level=error.
func isLevel(token string) bool {
	key, name, keyed := strings.Cut(token, "=")
	if !keyed {
		name = token
	}
	trimmed := strings.Trim(name, `"'[]()<>:,|`)
	if trimmed == "" || len(trimmed) > 11 || header.Named(trimmed) == header.Unknown {
		return false
	}
	if keyed {
		switch strings.Trim(key, `"`) {
		case "level", "lvl", "severity", "levelname", "loglevel", "Level", "LEVEL":
			return true
		}
		return false
	}
	return token[0] == '[' || trimmed[0] <= 'Z' && trimmed[1] <= 'Z'
}
