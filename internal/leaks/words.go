package leaks

// Ids of words that hint at no rule of gitleaks.
const (
	wordOfName = -1
	wordOfURL  = -2
)

// How much of a text around a keyword is tried, in bytes. The keyword stands at the beginning of most secrets, after the
// name of a variable at most; only private keys are longer.
const (
	before     = 192
	after      = 2048
	afterLong  = 16 << 10
	maxNames   = 4096
	maxAddress = 4096
)

// words finds many words in a text at once, in one pass and without regard to case. Most positions are dismissed by one
// look at a table of the words' first two bytes.
type words struct {
	pairs  [1 << 16 / 64]uint64
	byPair map[uint16][]word
}

type word struct {
	rest string
	id   int
}

func newWords() *words { return &words{byPair: map[uint16][]word{}} }

// add takes a word in lower case of at least two bytes.
func (w *words) add(text string, id int) {
	pair := uint16(text[0])<<8 | uint16(text[1])
	w.pairs[pair>>6] |= 1 << (pair & 63)
	w.byPair[pair] = append(w.byPair[pair], word{text[2:], id})
}

// hints are the places of a text that are worth a closer look.
type hints struct {
	// spans to try a rule on; those of one rule do not overlap.
	spans []span
	// names are positions of words such as key in names of variables, urls those of ://.
	names, urls []int
}

type span struct{ rule, from, to int }

// look collects the hints of a text.
func (s *Scanner) look(text string) hints {
	var found hints
	if len(text) < 2 {
		return found
	}
	previous := lower(text[0])
	for i := 1; i < len(text); i++ {
		current := lower(text[i])
		pair := uint16(previous)<<8 | uint16(current)
		previous = current
		if s.words.pairs[pair>>6]&(1<<(pair&63)) == 0 {
			continue
		}
		for _, w := range s.words.byPair[pair] {
			if hasPrefixFold(text[i+1:], w.rest) {
				found.add(w.id, i-1, len(text), s.rules)
			}
		}
	}
	return found
}

func (h *hints) add(id, at, length int, rules *ruleSet) {
	switch id {
	case wordOfName:
		if len(h.names) < maxNames {
			h.names = append(h.names, at)
		}
		return
	case wordOfURL:
		if len(h.urls) < maxAddress {
			h.urls = append(h.urls, at)
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

// hasPrefixFold says whether a text begins with a word in lower case.
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

// containsAny says whether a text holds one of the words.
func (w *words) containsAny(text string) bool {
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
