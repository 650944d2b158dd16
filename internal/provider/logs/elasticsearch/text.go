package elasticsearch

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The texts of a query may begin and end within a word, and every line that holds one must be found; what a server is asked
// for is only a part of the truth that its index can answer quickly, and the rest is checked on this side. What is asked for
// must therefore hold forevery line that has the text:
//   - what stands between two white spaces of the text consists of whole words, whatever the analyser: match all of them;
//   - the first letters and digits after a white space begin a word: a prefix;
//   - otherwise a run of letters and digits stands within some word: a wildcard on both sides, which runs over all words of
//     the index and so is left out where the server refuses it.
//
// The last two go by what the standard analyser does, which log indices have: it never breaks between ASCII letters and digits
// (but after 255 of them), and folds their case.

// text adds what can be asked for.
func (p *plan) text(m *mapping, text string, server server, cheap bool) {
	var clauses []any
	for _, f := range m.message {
		switch clause, costly := narrow(f, text, server); {
		case clause == nil, costly && cheap:
			return // lines of this field may have it, whatever is asked for
		default:
			clauses = append(clauses, clause)
			p.costly = p.costly || costly
		}
	}
	if len(clauses) > 0 {
		p.filters = append(p.filters, anyOf(clauses))
	}
}

// narrow is what every line with the text has in this field; nil when nothing is known.
func narrow(f field, text string, server server) (clause any, costly bool) {
	switch {
	case f.analysed && !f.whole:
		return words(f.path, text)
	case f.whole && !f.analysed:
		pattern := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(strings.ToValidUTF8(firstBytes(text, 200), "\uFFFD"))
		query := object{"value": "*" + pattern + "*"}
		if server.foldsCase() {
			query["case_insensitive"] = true
		}
		return object{"wildcard": object{f.path: query}}, true
	default:
		return nil, false
	}
}

// words is narrow for analysed text.
func words(path, text string) (clause any, costly bool) {
	first, whole, last := chunks(text)
	var all []any
	if strings.ContainsFunc(whole, wordly) {
		all = append(all, object{"match": object{path: object{"query": whole, "operator": "and", "zero_terms_query": "all"}}})
	}
	if begin := leading(last); begin != "" {
		all = append(all, object{"prefix": object{path: strings.ToLower(begin)}})
	}
	switch run := longest(first, last); {
	case len(all) == 1:
		return all[0], false
	case len(all) > 1:
		return object{"bool": object{"filter": all}}, false
	case run != "":
		return object{"wildcard": object{path: object{"value": "*" + strings.ToLower(run) + "*"}}}, true
	default:
		return nil, false
	}
}

// chunks of a text: what may begin within a word, what is whole words, and what may end within one but begins after a space.
func chunks(text string) (first, whole, last string) {
	begin := strings.IndexFunc(text, unicode.IsSpace)
	if begin < 0 {
		return text, "", ""
	}
	first = text[:begin]
	end := strings.LastIndexFunc(text, unicode.IsSpace)
	_, size := utf8.DecodeRuneInString(text[end:])
	last = text[end+size:]
	whole = text[begin:end]
	// So many words are enough; a server bounds the clauses of a query.
	if list := strings.Fields(whole); len(list) > 32 {
		whole = strings.Join(list[:32], " ")
	}
	return first, whole, last
}

// leading run of letters and digits.
func leading(text string) string {
	for i, r := range text {
		if !wordly(r) {
			return firstBytes(text[:i], longestRun)
		}
		if i >= longestRun {
			return text[:longestRun]
		}
	}
	return text
}

// longest run of letters and digits.
func longest(texts ...string) string {
	var best string
	for _, text := range texts {
		for _, run := range strings.FieldsFunc(text, func(r rune) bool { return !wordly(r) }) {
			if len(run) > len(best) {
				best = run
			}
		}
	}
	return firstBytes(best, longestRun)
}

// longestRun that is asked for: long ones make large automata and find no less.
const longestRun = 64

// wordly letters and digits never end a word between each other.
func wordly(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// firstBytes of a text, at most, ending at a whole character.
func firstBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
