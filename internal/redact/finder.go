package redact

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/leaks"
)

// span is the location of a secret in a text.
type span struct {
	from, to int
	rule     string
	// label of the replacement. Default: redacted.
	label string
}

// lexicon is what a finder looks for. It is safe for concurrent use.
type lexicon struct {
	*vocabulary
	words *leaks.Words
	// names are the words of a text by their ids: a name in another language, or empty. The ids after them are those of providers.
	names     []string
	providers providerPatterns
	programs  *programs
	wrapper   *regexp.Regexp
	bytes     *regexp.Regexp
}

func newLexicon() *lexicon {
	l := &lexicon{vocabulary: newVocabulary(), words: leaks.NewWords(), providers: newProviderPatterns(), programs: newPrograms(),
		wrapper: wrapper(), bytes: byteList()}
	add := func(word, spelling string) {
		l.words.Add(spelling, len(l.names))
		l.names = append(l.names, word)
	}
	for _, stem := range stems() {
		add("", stem)
	}
	names := make([]string, 0, len(l.foreign))
	for name := range l.foreign {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	for _, name := range names {
		spellings := []string{name}
		if first, size := utf8.DecodeRuneInString(name); first >= utf8.RuneSelf {
			spellings = append(spellings, string(unicode.ToUpper(first))+name[size:])
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
			spellings = append(spellings, asciiLower(strings.ToUpper(name)))
		}
		slices.Sort(spellings)
		for _, spelling := range slices.Compact(spellings) {
			add(name, spelling)
		}
	}
	for i, name := range l.providers.names {
		l.words.Add(name, len(l.names)+i)
	}
	return l
}

// asciiLower lowers ASCII letters only, as words do.
func asciiLower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r | 0x20
		}
		return r
	}, text)
}

// finder finds secrets by their context in one text. It reads each part of the text a bounded number of times.
type finder struct {
	*lexicon
	text  string
	spans []span
	// mentions are the names that were found, in order.
	mentions []named
	// end of the last name or value.
	end int
	// ends are the next positions of terminators, so that each is searched for only once.
	ends map[string]int
	// bareFrom and bareTo are the last value without quotes, after the operator bareOp.
	bareFrom, bareTo int
	bareOp           operator
	// work counts the bytes that were read, for a test of the bound.
	work int
}

const (
	maxNameBytes = 80
	// maxReach is how far a finder looks from a name, other than for the end of a value, in bytes.
	maxReach = 256
)

// find returns the secrets that the context of a text reveals, in order and without overlaps.
func (l *lexicon) find(text string) []span { return merge(l.scan(text).spans) }

// scan finds secrets in any order.
func (l *lexicon) scan(text string) *finder {
	f := &finder{lexicon: l, text: text, ends: map[string]int{}}
	f.work = len(text)
	l.words.Each(text, func(id, at int) {
		if id >= len(l.names) {
			f.provider(l.providers.names[id-len(l.names)], at)
			return
		}
		if at >= f.end {
			f.name(at, l.names[id])
		}
	})
	f.commands()
	f.tables()
	f.bare()
	return f
}

// merge sorts spans and removes those that overlap an earlier one.
func merge(spans []span) []span {
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	end := 0
	return slices.DeleteFunc(spans, func(s span) bool {
		if s.from < end || s.from >= s.to {
			return true
		}
		end = s.to
		return false
	})
}

// named is a name in the text with its meaning.
type named struct {
	from, to int
	meaning  meaning
	// flag: it starts with a hyphen. compound: it is an identifier such as DB_PASSWORD, which prose does not contain.
	flag, compound bool
	// foreign: it is a name of another language than English.
	foreign bool
}

// name handles a word of the vocabulary at a position.
func (f *finder) name(at int, foreign string) {
	n, ok := f.nameAt(at, foreign)
	f.work += n.to - n.from
	f.end = max(f.end, n.to)
	if !ok || n.meaning == nothing {
		return
	}
	f.mentions = append(f.mentions, n)
	if !f.value(n) && !f.quotedNear(n) {
		return
	}
	if len(f.spans) > 0 {
		f.end = max(f.end, f.spans[len(f.spans)-1].to)
	}
}

// nameAt returns the whole name around a word.
func (f *finder) nameAt(at int, foreign string) (named, bool) {
	from := at
	to := at + len(foreign)
	for from > f.end && at-from < maxNameBytes && isNameByte(f.text[from-1]) {
		from--
	}
	for to < len(f.text) && to-at < maxNameBytes && isNameByte(f.text[to]) {
		to++
	}
	from = f.skipEscape(from)
	if from > at {
		return named{from: at, to: at + 1}, false
	}
	name, _, _ := strings.Cut(f.text[from:to], "..") // dots that lead to the value
	name = strings.TrimRight(name, ".-")
	if from+len(name) < at {
		return named{from: at, to: at + 1}, false
	}
	to = from + len(name)
	n := named{from: from, to: to, flag: strings.HasPrefix(name, "-")}
	name = strings.TrimLeft(name, "-.")
	n.compound = strings.ContainsAny(name, "_.") || isIdentifier(name) && name != strings.ToLower(name) && len(parts(name)) > 1
	if foreign != "" && !isASCIIWord(foreign) {
		n.foreign = true
		if end := at + len(foreign); end < n.to && strings.IndexByte("_-.", f.text[end]) < 0 && endsIdeographic(foreign) {
			n.to = end // the value follows without a space
		}
		n.meaning = f.foreign[foreign]
		for n.to < len(f.text) && n.to-at < maxNameBytes { // endings
			r, size := utf8.DecodeRuneInString(f.text[n.to:])
			if r < utf8.RuneSelf || !unicode.In(r, unicode.Cyrillic, unicode.Latin, unicode.Greek) {
				break
			}
			n.to += size
		}
		return n, true
	}
	before := f.wordBefore(from)
	n.meaning = f.nameOf(name, before)
	_, n.foreign = f.foreign[strings.ToLower(name)]
	if foreign != "" && n.meaning == nothing && f.isWord(at, at+len(foreign)) && !f.describing[lastOf(name)] {
		n.meaning = f.foreign[foreign] // MOT_DE_PASSE_DB
	}
	return n, name != ""
}

// endsIdeographic reports whether a word ends in a script without spaces between words.
func endsIdeographic(word string) bool {
	last, _ := utf8.DecodeLastRuneInString(word)
	return unicode.In(last, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai)
}

// isWord reports whether no letter is next to a part of the text.
func (f *finder) isWord(from, to int) bool {
	return (from == 0 || !isLetter(f.text[from-1])) && (to == len(f.text) || !isLetter(f.text[to]))
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// lastOf is the last word of a name.
func lastOf(name string) string {
	words := parts(name)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

func isASCIIWord(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool { return r > unicode.MaxASCII || r == ' ' })
}

// skipEscape skips the end of an escape before a name: \npassword, \u0026password, %22password.
func (f *finder) skipEscape(from int) int {
	if from == 0 || from >= len(f.text) {
		return from
	}
	switch f.text[from-1] {
	case '\\':
		switch c := f.text[from]; {
		case c == 'u' && len(f.text)-from > 5:
			return from + 5
		case strings.IndexByte("nrt", c) >= 0:
			return from + 1
		}
	case '%':
		if len(f.text)-from > 2 && isHex(f.text[from]) && isHex(f.text[from+1]) {
			return from + 2
		}
	}
	return from
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

// wordBefore returns the word before a position if only a space is between.
func (f *finder) wordBefore(at int) string {
	if at < 2 || f.text[at-1] != ' ' {
		return ""
	}
	from := at - 1
	for from > 0 && at-from < 24 && isNameByte(f.text[from-1]) {
		from--
	}
	return f.text[from : at-1]
}

// add adds a secret.
func (f *finder) add(from, to int) bool {
	if from >= to {
		return false
	}
	f.spans = append(f.spans, span{from, to, RuleNamed, ""})
	return true
}

// lineStart is the position after the line break before a position, or within reach of it.
func (f *finder) lineStart(at int) int {
	low := max(0, at-maxReach)
	start := low + strings.LastIndexByte(f.text[low:at], '\n') + 1
	f.work += at - start + 1
	return start
}

// lineEnd is the position of the line break after a position, or within reach of it.
func (f *finder) lineEnd(at int) int {
	high := min(len(f.text), at+4*maxReach)
	if end := strings.IndexByte(f.text[at:high], '\n'); end >= 0 {
		high = at + end
	}
	f.work += high - at
	return high
}

// next returns the position of a terminator at or after a position, or -1. For a quote, those after a backslash do not count.
func (f *finder) next(terminator string, at int) int {
	if end, ok := f.ends[terminator]; ok && (end < 0 || end >= at) {
		return end
	}
	for from := at; ; {
		i := strings.Index(f.text[from:], terminator)
		if i < 0 {
			f.work += len(f.text) - from
			f.ends[terminator] = -1
			return -1
		}
		f.work += i + 1
		end := from + i
		escaped := end > at && f.text[end-1] == '\\' && terminator != "\n"
		if escaped && (len(terminator) > 1 || backslashes(f.text[at:end])%2 == 1) {
			from = end + 1
			continue
		}
		f.ends[terminator] = end
		return end
	}
}

// backslashes counts those at the end of a text.
func backslashes(text string) int { return len(text) - len(strings.TrimRight(text, `\`)) }
