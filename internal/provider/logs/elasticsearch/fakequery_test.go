package elasticsearch_test

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// matches evaluates a query for a document; one that the fake does not know fails the test.
func (f *fake) matches(query object, d stored) bool {
	if len(query) != 1 {
		f.t.Errorf("query of %d kinds: %v", len(query), query)
	}
	for kind, content := range query {
		about := content.(object)
		if kind == "bool" {
			return f.boolean(about, d)
		}
		if len(about) != 1 {
			f.t.Errorf("%s of %d fields: %v", kind, len(about), about)
		}
		for name, value := range about {
			return f.leaf(kind, name, value, d)
		}
	}
	return false
}

func (f *fake) boolean(about object, d stored) bool {
	list := func(name string) (all []object) {
		clauses, _ := about[name].([]any)
		for _, clause := range clauses {
			all = append(all, clause.(object))
		}
		return all
	}
	for name := range about {
		if !slices.Contains([]string{"filter", "should", "must_not", "minimum_should_match"}, name) {
			f.t.Errorf("bool with %s", name)
		}
	}
	holds := func(clause object) bool { return f.matches(clause, d) }
	if slices.ContainsFunc(list("filter"), func(clause object) bool { return !holds(clause) }) ||
		slices.ContainsFunc(list("must_not"), holds) {
		return false
	}
	return about["should"] == nil || (about["minimum_should_match"] == 1.0 && slices.ContainsFunc(list("should"), holds))
}

func (f *fake) leaf(kind, name string, value any, d stored) bool {
	text, _ := get(d.source, strings.TrimSuffix(name, ".keyword")).(string)
	terms := []string{text} // those of a keyword
	if of := f.kindOf(name); of == "text" || of == "match_only_text" {
		terms = analyse(text)
	} else if f.old && len([]rune(text)) > 256 {
		terms = nil // ignore_above of dynamic keywords
	}
	options, _ := value.(object)
	switch kind {
	case "range":
		if name != "@timestamp" || options["format"] != "epoch_millis" {
			break
		}
		from, hasFrom := options["gte"].(float64)
		to, hasTo := options["lt"].(float64)
		return (!hasFrom || at(d) >= int64(from)) && (!hasTo || at(d) < int64(to))
	case "ids":
		return slices.Contains(value.([]any), any(d.id))
	case "term":
		return name == "_index" && value == d.index
	case "terms":
		return slices.ContainsFunc(terms, func(term string) bool { return text != "" && slices.Contains(value.([]any), any(term)) })
	case "prefix":
		return slices.ContainsFunc(terms, func(term string) bool { return strings.HasPrefix(term, value.(string)) })
	case "match":
		if options["operator"] != "and" || options["zero_terms_query"] != "all" {
			break
		}
		for _, word := range analyse(options["query"].(string)) {
			if !slices.Contains(terms, word) {
				return false
			}
		}
		return true
	case "wildcard":
		pattern := regexp.QuoteMeta(options["value"].(string))
		pattern = "(?s)^" + strings.NewReplacer(`\\\*`, `\*`, `\\\?`, `\?`, `\\\\`, `\\`, `\*`, `.*`, `\?`, `.`).Replace(pattern) + "$"
		return slices.ContainsFunc(terms, regexp.MustCompile(pattern).MatchString)
	}
	f.t.Errorf("unexpected query %s of %s: %v", kind, name, value)
	return false
}

// analyse a text much as the standard analyser does: letters and digits, in lower case, with what may stand within a word.
func analyse(text string) []string {
	runes := []rune(strings.ToLower(text))
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, string(word))
		}
		word = nil
	}
	is := func(i int, of func(rune) bool) bool { return i >= 0 && i < len(runes) && of(runes[i]) }
	for i, r := range runes {
		digits := is(i-1, unicode.IsDigit) && is(i+1, unicode.IsDigit)
		letters := is(i-1, unicode.IsLetter) && is(i+1, unicode.IsLetter)
		switch {
		case unicode.Is(unicode.Han, r):
			end()
			words = append(words, string(r))
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '_',
			(r == '.' || r == '\'') && (digits || letters), (r == ',' || r == ';') && digits, r == ':' && letters:
			word = append(word, r)
			if len(word) == 255 {
				end()
			}
		default:
			end()
		}
	}
	end()
	return words
}
