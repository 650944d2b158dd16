package explain

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"kubeops.io/kubeops/api/v1alpha1"
)

// inLanguage reports whether an answer is in the requested language: its summary, and everything that it says together.
func inLanguage(e v1alpha1.Explanation, language v1alpha1.Language) bool {
	text := e.Summary
	for _, w := range e.Why {
		text += "\n" + w.Claim
	}
	for _, f := range e.Fix {
		text += "\n" + f.Description
	}
	speaks := english
	if language == v1alpha1.LanguageChinese {
		speaks = chinese
	}
	return speaks(e.Summary) && speaks(text)
}

// prose is what of a text is written in a language: without code, quotes and identifiers, which stay as they are in any language.
func prose(text string) string {
	quotes := regexp.MustCompile("`[^`]*`|\"[^\"]*\"|“[^”]*”|「[^」]*」|『[^』]*』|‘[^’]*’")
	text = quotes.ReplaceAllString(text, " ")
	// Words with a digit or a mark in or after them, in capitals or camel case, and names of kinds and states.
	identifier := regexp.MustCompile(`[A-Za-z0-9_@%+-]*(?:[0-9./_:=@\[\]{}%+-]+[A-Za-z0-9_]+)+|\b[A-Za-z]*[A-Z][A-Za-z]*\b`)
	return identifier.ReplaceAllStringFunc(text, func(word string) string {
		if strings.IndexFunc(word, unicode.IsUpper) == 0 && strings.ToLower(word[1:]) == word[1:] && len(word) > 1 && !isKind(word) {
			return word // the first word of a sentence
		}
		return " "
	})
}

// isKind reports whether a capitalized word is a term of Kubernetes rather than the first word of a sentence.
func isKind(word string) bool {
	return slices.Contains([]string{
		"Pod", "Pods", "Service", "Services", "Deployment", "Deployments", "Job", "Jobs", "Node", "Nodes", "Secret", "Secrets", "Ingress",
		"Pending", "Running", "Failed", "Ready", "Unknown", "Namespace", "Event", "Events", "Evicted", "Terminating", "Bound", "Endpoints",
	}, word)
}

// letterCounts of a text.
type letterCounts struct{ words, han, others int }

func countLetters(text string) letterCounts {
	var n letterCounts
	inWord := false
	for _, r := range text {
		latin := unicode.Is(unicode.Latin, r)
		switch {
		case latin && !inWord:
			n.words++
		case unicode.Is(unicode.Han, r):
			n.han++
		case !latin && unicode.IsLetter(r):
			n.others++
		}
		inWord = latin
	}
	return n
}

// chinese reports whether a text is in Chinese: what is left after identifiers, quotes and code has more Chinese characters than words of
// other languages, and hardly any letters of other scripts.
func chinese(text string) bool {
	n := countLetters(prose(text))
	return n.han >= 2 && n.words <= n.han && n.others*8 <= n.han
}

// english reports whether a text is in English: its prose has hardly any letters of other scripts, and not more small words of other
// languages in Latin letters than English ones.
func english(text string) bool {
	n := countLetters(prose(text))
	if n.han+n.others > n.words {
		return false
	}
	ownWords, foreignWords := smallWords()
	var own, foreign int
	for _, word := range strings.FieldsFunc(strings.ToLower(prose(text)), func(r rune) bool { return !unicode.IsLetter(r) }) {
		switch {
		case slices.Contains(ownWords, word):
			own++
		case slices.Contains(foreignWords, word):
			foreign++
		}
	}
	return foreign <= own+1
}

// smallWords are the most frequent words of English, and of other languages that are written in Latin letters.
func smallWords() (english, foreign []string) {
	english = strings.Fields("the is a an of to and because not for it that with be on was are does has no by its but so as which from")
	foreign = strings.Fields("der die das und ist nicht wegen ein eine den dem weil wird el la los las que porque una del es por para " +
		"le les des est une pas du dans il lo gli non che per della perché não uma dos o os nie jest się i w z på och är inte av de het " +
		"een niet van")
	return english, foreign
}
