// Package redact is the one gate for text that leaves a cluster in reports, events and logs. It replaces secrets with pseudonyms.
// The same secret always has the same pseudonym, so texts stay comparable.
//
// It recognizes secrets by context (after a name such as password, in an Authorization header, as the password of a URL) and by
// formats that only secrets have. It cannot recognize a bare secret without a known format: send as little text as possible.
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
	// Emails and IPs are replaced too. Default: they stay, since findings are often about them.
	Emails, IPs bool
	// Known secrets, such as KubeOps' own credentials. They are replaced everywhere, also in base64. Those shorter than 6 bytes
	// are ignored: they would match by chance.
	Known []string
}

// Redactor replaces secrets in text. It is safe for concurrent use.
type Redactor struct {
	rules []rule
	forms *leaks.Scanner
	known []known
}

// rule finds one form of secret. It replaces the last group of the pattern, or the whole match if there is no group.
type rule struct {
	// id for counts.
	id      string
	pattern *regexp.Regexp
	// hints in lower case: every match contains at least one of them.
	hints []string
	// secret reports whether a match is a secret; nil means always. key is the pattern's first group if it has two, else empty.
	secret func(key, value string) bool
	// label of the replacement. Default: redacted.
	label string
}

// Counts of replacements by rule.
type Counts map[string]int

// New compiles the rules. It fails only if the rules of gitleaks cannot be parsed.
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

// Text replaces every secret that a rule finds with [redacted:xxxx].
func (r *Redactor) Text(text string) string {
	return r.text(text, nil)
}

// Count is like Text and also returns the number of replacements by rule.
func (r *Redactor) Count(text string) (string, Counts) {
	counts := Counts{}
	return r.text(text, counts), counts
}

func (r *Redactor) text(text string, counts Counts) string {
	for _, k := range r.known {
		if n := strings.Count(text, k.form); n > 0 {
			text = strings.ReplaceAll(text, k.form, k.replacement)
			counts.add(RuleKnown, n)
		}
	}
	text = r.manifests(text, counts)
	// Every rule has fixed substrings, and most texts contain none: searching for these first is many times faster than the
	// patterns. Replacements contain no such substring, so one search suffices. The patterns match ſ as an s.
	lower := strings.ReplaceAll(strings.ToLower(text), "ſ", "s")
	for _, rule := range r.rules {
		if rule.hints == nil || slices.ContainsFunc(rule.hints, func(hint string) bool { return strings.Contains(lower, hint) }) {
			text = rule.apply(text, counts)
		}
	}
	return r.byFormat(text, counts)
}

// byFormat replaces the secrets that gitleaks' rules recognize.
func (r *Redactor) byFormat(text string, counts Counts) string {
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
		key := ""
		from := m[len(m)-2]
		to := m[len(m)-1]
		if len(m) > 4 {
			key = text[m[2]:m[3]]
		}
		value := text[from:to]
		if strings.HasSuffix(text[:from], "[redacted:") || r.secret != nil && !r.secret(key, value) {
			continue
		}
		b.WriteString(text[end:from])
		b.WriteString(pseudonym(cmp.Or(r.label, "redacted"), value))
		counts.add(r.id, 1)
		end = to
	}
	b.WriteString(text[end:])
	return b.String()
}

// isAssignedSecret reports whether a value assigned to a secret's name is a secret.
func isAssignedSecret(key, value string) bool { return !describesSecret(key) && isValue("", value) }

// looksSecret reports whether a value after a secret's name and a colon looks like a secret rather than a word. Passwords may be
// short, other secrets are not.
func looksSecret(key, value string) bool {
	minLength := 6
	if lower := strings.ToLower(key); strings.Contains(lower, "pass") || strings.HasSuffix(lower, "pwd") {
		minLength = 3
	}
	return len(value) >= minLength && strings.ContainsAny(value, "0123456789!@#$%^&*+/=_~") && isAssignedSecret(key, value)
}

// describesSecret reports whether a name refers to a secret without containing it: secretName, tokenFile, passwordLength.
func describesSecret(key string) bool {
	key = strings.ToLower(key)
	for _, end := range []string{
		"name", "names", "ref", "file", "path", "dir", "namespace", "ttl", "expiry", "expires", "expiration", "age", "count",
		"length", "size",
		"izer", "izers", "service", "server", "controller", // tokenizer, token-service
		"type", "url", "uri", "endpoint", "issuer", "class", "provider", "version", "policy", "required", "enabled", "reviews", "requests",
		"secrets", "tokens", // counts: secrets=5 in a quota, max_tokens=4096
	} {
		if strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

// isValue reports whether a value is a literal: no placeholder, no reference, no word for a missing value, and not redacted yet.
func isValue(_, value string) bool {
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

// isTokenLike reports whether a value is not a natural word: it contains a digit, or capitals after its first letter.
func isTokenLike(_, value string) bool {
	var lower, upper bool
	for i, r := range value {
		switch {
		case unicode.IsDigit(r) || r == '=':
			return isValue("", value)
		case unicode.IsLower(r):
			lower = true
		case i > 0 && unicode.IsUpper(r):
			upper = true
		}
	}
	return lower && upper && isValue("", value)
}

// pseudonym returns the stable replacement of a secret. It shows only 16 bits of the hash: enough to see that two lines contain
// the same secret, too few to confirm a guess of a weak one.
func pseudonym(label, secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "[" + label + ":" + hex.EncodeToString(sum[:2]) + "]"
}
