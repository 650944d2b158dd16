package leaks

// Ids of words that do not belong to a rule of gitleaks.
const (
	wordOfName   = -1
	wordOfURL    = -2
	wordOfBearer = -3
)

const (
	// before and after a keyword, in bytes, is the part of a text in which a rule is matched. Most secrets start with the keyword,
	// at most after the name of a variable; only private keys are longer.
	before    = 192
	after     = 2048
	afterLong = 16 << 10
	// maxNames, maxURLs and maxBearers bound the hints of a text.
	maxNames   = 4096
	maxURLs    = 4096
	maxBearers = 4096
)

// Words finds many words in a text in one pass, ignoring the case of ASCII letters. A table of the words' first two bytes rules out
// most positions with one lookup. It is safe for concurrent use once all words are added.
type Words struct {
	pairs  [1 << 16 / 64]uint64
	byPair map[uint16][]word
}

type word struct {
	rest string
	id   int
}

// NewWords returns a finder of no words.
func NewWords() *Words { return &Words{byPair: map[uint16][]word{}} }

// Add adds a word in lower case of at least two bytes. Its id is reported with each place in a text.
func (w *Words) Add(text string, id int) {
	pair := uint16(text[0])<<8 | uint16(text[1])
	w.pairs[pair>>6] |= 1 << (pair & 63)
	w.byPair[pair] = append(w.byPair[pair], word{text[2:], id})
}

// hints are the positions in a text that may contain a secret.
type hints struct {
	// spans in which to match a rule; those of one rule do not overlap.
	spans []span
	// names are positions of words such as key, urls are positions of ://, bearers are positions of the scheme of authorization.
	names, urls, bearers []int
}

type span struct{ rule, from, to int }

// scanHints collects the hints of a text.
func (s *Scanner) scanHints(text string) hints {
	var found hints
	s.words.Each(text, func(id, at int) { found.add(id, at, len(text), s.rules) })
	return found
}

// Each calls found with the id and position of each word in a text, in order.
func (w *Words) Each(text string, found func(id, at int)) {
	if len(text) < 2 {
		return
	}
	previous := lower(text[0])
	for i := 1; i < len(text); i++ {
		current := lower(text[i])
		pair := uint16(previous)<<8 | uint16(current)
		previous = current
		if w.pairs[pair>>6]&(1<<(pair&63)) == 0 {
			continue
		}
		for _, word := range w.byPair[pair] {
			if hasPrefixFold(text[i+1:], word.rest) {
				found(word.id, i-1)
			}
		}
	}
}

func (h *hints) add(id, at, length int, rules *ruleSet) {
	switch id {
	case wordOfName:
		if len(h.names) < maxNames {
			h.names = append(h.names, at)
		}
		return
	case wordOfURL:
		if len(h.urls) < maxURLs {
			h.urls = append(h.urls, at)
		}
		return
	case wordOfBearer:
		if len(h.bearers) < maxBearers {
			h.bearers = append(h.bearers, at)
		}
		return
	}
	reach := after
	if rules.rules[id].long {
		reach = afterLong
	}
	from, to := max(at-before, 0), min(at+reach, length)
	for i := len(h.spans) - 1; i >= 0; i-- {
		if last := &h.spans[i]; last.rule == id {
			if last.to >= from {
				last.to = to
				return
			}
			break
		}
	}
	h.spans = append(h.spans, span{id, from, to})
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b | 0x20
	}
	return b
}

// hasPrefixFold reports whether a text starts with a word, which is in lower case, ignoring case.
func hasPrefixFold(text, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(text[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// containsAny reports whether a text contains one of the words.
func (w *Words) containsAny(text string) bool {
	for i := 0; i+1 < len(text); i++ {
		pair := uint16(lower(text[i]))<<8 | uint16(lower(text[i+1]))
		if w.pairs[pair>>6]&(1<<(pair&63)) == 0 {
			continue
		}
		for _, word := range w.byPair[pair] {
			if hasPrefixFold(text[i+2:], word.rest) {
				return true
			}
		}
	}
	return false
}
