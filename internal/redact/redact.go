// Package redact is the one gate for text that leaves a cluster: into reports, events and logs. It replaces what looks
// like a secret by a pseudonym, the same for the same secret, so that texts stay comparable.
//
// It judges by where a value stands (beside a name such as password, in an Authorization header, in the place of a URL's
// password) and by forms that only secrets have. It cannot know a secret that a program prints by itself: the smaller
// the text that leaves, the better.
package redact

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"kubeops.io/kubeops/internal/leaks"
)

// Options of a Redactor.
type Options struct {
	// Emails and IPs are replaced, too. Default: they stay, since they often are what a finding is about.
	Emails, IPs bool
	// Known are secrets that are known to be ones, such as the credentials that KubeOps itself uses: they are replaced wherever
	// they stand, also in base64. Those of fewer than 6 bytes are left out: they would hit by chance.
	Known []string
}

// Redactor replaces secrets in text. It is safe for concurrent use.
type Redactor struct {
	rules []rule
	forms *leaks.Scanner
	known []known
}

// rule finds one form of secret. The last group of the pattern is replaced, or the whole match where there is no group.
type rule struct {
	// id for counts.
	id      string
	pattern *regexp.Regexp
	// hints are parts, in lower case, of which every match has at least one.
	hints []string
	// secret says whether a match is one; nil means always. key is the pattern's first group where it has two, else empty.
	secret func(key, value string) bool
	// as is what the replacement says that it stands for. Default redacted.
	as string
}

// Counts of what was replaced, by rule.
type Counts map[string]int

// New compiles the rules. It fails only where the rules of gitleaks cannot be read.
func New(options Options) (*Redactor, error) {
	forms, err := leaks.New()
	if err != nil {
		return nil, err
	}
	r := &Redactor{rules: secretRules(), forms: forms, known: knownForms(options.Known)}
	if options.Emails {
		r.rules = append(r.rules, emailRule())
	}
	if options.IPs {
		r.rules = append(r.rules, ipRules()...)
	}
	return r, nil
}

// Text returns the text with every secret that a rule finds replaced by [redacted:xxxx].
func (r *Redactor) Text(text string) string {
	return r.text(text, nil)
}

// Count is Text, and says which rule replaced how much.
func (r *Redactor) Count(text string) (string, Counts) {
	counts := Counts{}
	return r.text(text, counts), counts
}

func (r *Redactor) text(text string, counts Counts) string {
	for _, k := range r.known {
		if n := strings.Count(text, k.form); n > 0 {
			text = strings.ReplaceAll(text, k.form, k.stand)
			counts.add(RuleKnown, n)
		}
	}
	text = r.manifests(text, counts)
	// What a rule looks for has a fixed part, and most texts have none of them: looking for these first is many times as fast
	// as the patterns. A replacement holds no such part, so that one look is enough. The patterns take ſ for an s.
	lower := strings.ReplaceAll(strings.ToLower(text), "ſ", "s")
	for _, rule := range r.rules {
		if rule.hints == nil || slices.ContainsFunc(rule.hints, func(hint string) bool { return strings.Contains(lower, hint) }) {
			text = rule.apply(text, counts)
		}
	}
	return r.byForm(text, counts)
}

// byForm replaces what the rules of gitleaks know.
func (r *Redactor) byForm(text string, counts Counts) string {
	found := r.forms.Find(text)
	if len(found) == 0 {
		return text
	}
	var b strings.Builder
	end := 0
	for _, s := range found {
		value := text[s.From:s.To]
		if strings.Contains(value, "[redacted:") {
			continue
		}
		b.WriteString(text[end:s.From])
		b.WriteString(pseudonym("redacted", value))
		counts.add(s.Rule, 1)
		end = s.To
	}
	b.WriteString(text[end:])
	return b.String()
}

func (c Counts) add(rule string, n int) {
	if c != nil {
		c[rule] += n
	}
}

func (r rule) apply(text string, counts Counts) string {
	matches := r.pattern.FindAllStringSubmatchIndex(text, -1)
	if matches == nil {
		return text
	}
	var b strings.Builder
	end := 0
	for _, m := range matches {
		key, from, to := "", m[len(m)-2], m[len(m)-1]
		if len(m) > 4 {
			key = text[m[2]:m[3]]
		}
		value := text[from:to]
		if strings.HasSuffix(text[:from], "[redacted:") || r.secret != nil && !r.secret(key, value) {
			continue
		}
		b.WriteString(text[end:from])
		b.WriteString(pseudonym(cmp.Or(r.as, "redacted"), value))
		counts.add(r.id, 1)
		end = to
	}
	b.WriteString(text[end:])
	return b.String()
}

// givenTo is a value that was given to a name which secrets have.
func givenTo(key, value string) bool { return !describes(key) && meant("", value) }

// beside is a value that stands after such a name and a colon, and looks like a secret rather than a word: passwords may
// be short, all else is not.
func beside(key, value string) bool {
	shortest := 6
	if lower := strings.ToLower(key); strings.Contains(lower, "pass") || strings.HasSuffix(lower, "pwd") {
		shortest = 3
	}
	return len(value) >= shortest && strings.ContainsAny(value, "0123456789!@#$%^&*+/=_~") && givenTo(key, value)
}

// describes says whether a name speaks about a secret, and does not hold it: secretName, tokenFile, passwordLength.
func describes(key string) bool {
	key = strings.ToLower(key)
	for _, end := range []string{
		"name", "names", "ref", "file", "path", "dir", "namespace", "ttl", "expiry", "expires", "expiration", "age", "count", "length", "size",
		"izer", "izers", "service", "server", "controller", // tokenizer, token-service
		"type", "url", "uri", "endpoint", "issuer", "class", "provider", "version", "policy", "required", "enabled", "reviews", "requests",
		"secrets", "tokens", // these are counted: secrets=5 in a quota, max_tokens=4096
	} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

// meant says whether a value is one: no placeholder, no reference, no word that says that there is none, and not what was
// redacted before.
func meant(_, value string) bool {
	switch strings.ToLower(strings.Trim(value, ".,;:)]}")) {
	case "", "true", "false", "null", "nil", "none", "required", "missing", "invalid", "expired", "empty", "unset", "not", "is", "was":
		return false
	}
	for _, start := range []string{"[redacted:", "[email:", "[ip:", "$(", "${", "<", "/", "{{"} {
		if strings.HasPrefix(value, start) {
			return false
		}
	}
	return strings.Trim(value, "*x.") != ""
}

// tokenLike says whether a value is no word of a language: it has a digit, or capitals within.
func tokenLike(_, value string) bool {
	var lower, upper bool
	for i, r := range value {
		switch {
		case unicode.IsDigit(r) || r == '=':
			return meant("", value)
		case unicode.IsLower(r):
			lower = true
		case i > 0 && unicode.IsUpper(r):
			upper = true
		}
	}
	return lower && upper && meant("", value)
}

// pseudonym stands for a secret: the same one each time. Only 16 bits of its hash are shown: enough to see that two
// lines speak of the same secret, too few to confirm a guess of a weak one.
func pseudonym(as, secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "[" + as + ":" + hex.EncodeToString(sum[:2]) + "]"
}
