// Package redact is the one gate for text that leaves a cluster in reports, events and logs. It replaces secrets with pseudonyms.
// The same secret always has the same pseudonym, so texts stay comparable.
//
// It recognizes secrets by context (after a name such as password, in an Authorization header, as the password of a URL) and by
// formats that only secrets have. It cannot recognize a bare secret without a known format: send as little text as possible.
package redact

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"kubeops.io/kubeops/internal/leaks"
)

// Options of a Redactor.
type Options struct {
	// Emails and IPs are replaced too. Default: they stay, since findings are often about them.
	Emails, IPs bool
	// Known secrets, such as KubeOps' own credentials. They are replaced everywhere, also in base64. Those shorter than 6 bytes
	// are ignored: they would match by chance.
	Known []string
}

// Redactor replaces secrets in text. It is safe for concurrent use.
type Redactor struct {
	rules    *ruleSet
	lexicon  *lexicon
	manifest manifestPatterns
	forms    *leaks.Scanner
	known    []known
}

// Counts of replacements by rule.
type Counts map[string]int

// New compiles the rules. It fails only if the rules of gitleaks cannot be parsed.
func New(options Options) (*Redactor, error) {
	forms, err := leaks.New()
	if err != nil {
		return nil, err
	}
	rules := secretRules()
	if options.Emails {
		rules = append(rules, emailRule())
	}
	if options.IPs {
		rules = append(rules, ipRules()...)
	}
	return &Redactor{rules: newRuleSet(rules), lexicon: newLexicon(), manifest: newManifestPatterns(), forms: forms,
		known: knownForms(options.Known)}, nil
}

// Text replaces every secret that a rule finds with [redacted:xxxx]. Redacting the result again changes nothing.
func (r *Redactor) Text(text string) string {
	return r.text(text, nil)
}

// Count is like Text and also returns the number of replacements by rule.
func (r *Redactor) Count(text string) (string, Counts) {
	counts := Counts{}
	return r.text(text, counts), counts
}

// maxPasses is how often a text is redacted until nothing changes. Texts of logs, reports and manifests need one pass and one that finds
// nothing more, broken ones up to five.
const maxPasses = 10

// text redacts until a pass changes nothing, so that the result is its own redaction. Each pass that changes a text leaves fewer bytes
// outside of pseudonyms, so passes end; a text that needs too many is replaced as a whole.
func (r *Redactor) text(text string, counts Counts) string {
	for range maxPasses {
		once := r.pass(text, counts)
		if once == text {
			return text
		}
		text = once
	}
	counts.add(RuleUnsettled, 1)
	return pseudonym("redacted", text)
}

// pass replaces the secrets that the rules find in a text as it is.
func (r *Redactor) pass(text string, counts Counts) string {
	for _, k := range r.known {
		text = k.replace(text, counts)
	}
	text = r.manifests(text, counts)
	var all []string
	for _, find := range []func(string) []span{r.rules.find, r.lexicon.find, r.byFormat} {
		var values []string
		text, values = replace(text, find(text), counts)
		all = append(all, values...)
	}
	return replaceAgain(text, all, counts)
}

// byFormat finds the secrets that gitleaks' rules recognize.
func (r *Redactor) byFormat(text string) []span {
	var spans []span
	for _, s := range r.forms.Find(text) {
		spans = append(spans, span{s.From, s.To, s.Rule, ""})
	}
	return spans
}

// replace replaces secrets with pseudonyms, and returns the secrets.
func replace(text string, spans []span, counts Counts) (replaced string, values []string) {
	if len(spans) == 0 {
		return text, nil
	}
	var b strings.Builder
	end := 0
	taken := marks(text)
	for _, s := range spans {
		value := text[s.from:s.to]
		for len(taken) > 0 && taken[0].to <= s.from {
			taken = taken[1:]
		}
		if strings.Contains(value, "[redacted:") || cutsMark(taken, s) {
			continue
		}
		b.WriteString(text[end:s.from])
		b.WriteString(pseudonym(cmp.Or(s.label, "redacted"), value))
		counts.add(s.rule, 1)
		if s.label == "" {
			values = append(values, value)
		}
		end = s.to
	}
	b.WriteString(text[end:])
	return b.String(), values
}

const (
	// maxAgain bounds the memory for values to look for again.
	maxAgain = 1024
	// maxAgainValue is the length of such a value in bytes. To prepare the search for one that repeats itself takes time with the square of
	// its length.
	maxAgainValue = 4096
)

// replaceAgain replaces the other places of secrets that were found by their context: a log may repeat one without its name.
func replaceAgain(text string, values []string, counts Counts) string {
	var pairs []string
	slices.Sort(values)
	for _, value := range slices.Compact(values) {
		if len(value) >= minAgain && len(value) <= maxAgainValue && len(pairs) < 2*maxAgain && isDistinct(value) {
			pairs = append(pairs, value, pseudonym("redacted", value))
		}
	}
	if pairs == nil {
		return text
	}
	before := strings.Count(text, "[redacted:")
	text = outsideMarks(text, strings.NewReplacer(pairs...).Replace)
	if n := strings.Count(text, "[redacted:") - before; n > 0 {
		counts.add(RuleAgain, n)
	}
	return text
}

// isDistinct reports whether a value cannot occur in a text by chance, nor as a word or a name.
func isDistinct(value string) bool {
	return looksRandom(value) || len(value) >= minAgainNumber && strings.Trim(value, "0123456789") == "" ||
		len(value) >= 2*minAgain && tokenLike(value, key) && !isNameLike(value)
}

// minAgain is the length in bytes of values that are replaced wherever they are.
const minAgain = 8

// minAgainNumber is that of numbers: shorter ones are ids and times in nanoseconds, which occur by chance.
const minAgainNumber = 20

func (c Counts) add(rule string, n int) {
	if c != nil && n > 0 {
		c[rule] += n
	}
}

// isValue reports whether a value is a literal: no placeholder, no reference, no word for a missing value, and not redacted yet.
func isValue(_, value string) bool {
	switch strings.ToLower(strings.Trim(value, ".,;:)]}")) {
	case "", "true", "false", "null", "nil", "none", "required", "missing", "invalid", "expired", "empty", "unset", "not", "is", "was":
		return false
	}
	for _, start := range []string{"[redacted:", "[email:", "[ip:", "SECRET[", "$(", "${", "<", "/", "{{"} {
		if strings.HasPrefix(value, start) {
			return false
		}
	}
	return strings.Trim(value, "*x.") != ""
}

// isTokenLike reports whether a value is not a natural word: it contains a digit, or capitals after its first letter.
func isTokenLike(_, value string) bool {
	var lower, upper bool
	for i, r := range value {
		switch {
		case unicode.IsDigit(r) || r == '=' && i > 0 && strings.Trim(value[i:], "=") == "":
			return isValue("", value) && !isSetting(value) && (value[0] != 'v' || !isVersion(value[1:min(len(value), 6)]))
		case unicode.IsLower(r):
			lower = true
		case i > 0 && unicode.IsUpper(r):
			upper = true
		}
	}
	return lower && upper && isValue("", value) && (looksRandom(value) || isEncodedText(value))
}

// isSetting reports whether a word is an assignment: expires_in=3600.
func isSetting(value string) bool {
	name, rest, ok := strings.Cut(value, "=")
	return ok && isIdentifier(name) && (strings.Trim(rest, "=") != "" || rest == "" && strings.ToLower(name) == name)
}

// isURLPassword reports whether a password in a URL is a literal rather than an example.
func isURLPassword(_, value string) bool {
	switch strings.ToLower(value) {
	case "password", "passwd", "pass", "pwd", "secret", "token", "%s", "%v", "%q":
		return false
	}
	return isValue("", value) && (value[0] != '$' || !isIdentifier(value[1:]))
}
