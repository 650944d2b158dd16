// Package redact is the one gate for text that leaves a cluster: into reports, events and logs. It replaces what looks
// like a secret by a pseudonym, the same for the same secret, so that texts stay comparable.
//
// It judges by where a value stands (beside a name such as password, in an Authorization header, in the place of a URL's
// password) and by forms that only secrets have. It cannot know a secret that a program prints by itself: the smaller
// the text that leaves, the better.
package redact

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Redactor replaces secrets in text. It is safe for concurrent use.
type Redactor struct {
	rules []rule
}

// rule finds one form of secret. The last group of the pattern is replaced, or the whole match where there is no group.
type rule struct {
	pattern *regexp.Regexp
	// hints are parts, in lower case, of which every match has at least one.
	hints []string
	// secret says whether a match is one; nil means always. key is the pattern's first group where it has two, else empty.
	secret func(key, value string) bool
}

// secretKey matches names under which secrets are written, as they stand in env, YAML, JSON, flags and logs.
const secretKey = `([A-Za-z0-9_.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|auth[_-]?key|connection[_-]?string)[A-Za-z0-9_-]*)`

// secretHints are the parts of which every name that secretKey matches has one.
func secretHints() []string {
	return []string{"pass", "pwd", "secret", "token", "key", "credential", "authorization", "connection"}
}

// New compiles the rules.
func New() *Redactor {
	return &Redactor{rules: []rule{
		// PEM blocks of private keys, also when a log cut their end.
		{pattern: regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`), hints: []string{"-----begin"}},
		// user:password@ in URLs; a password may itself hold an @.
		{pattern: regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/@:]*:([^\s/]+)@`), hints: []string{"://"}, secret: meant},
		// HTTP authorization: with a scheme in any text, and whatever stands in the header of that name.
		{pattern: regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})`), hints: []string{"bearer", "basic"}, secret: tokenLike},
		{pattern: regexp.MustCompile(`(?i)authorization["']?\s*[:=]\s*["'\[]?(?:[a-z0-9-]+\s+)([^\s"',\]]{6,})`), hints: []string{"authorization"}, secret: tokenLike},
		// JSON Web Tokens.
		{pattern: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`), hints: []string{"eyj"}},
		// Keys with a form of their own: AWS; GitHub, GitLab, Slack, Google, and those that begin with sk-.
		{pattern: regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), hints: []string{"akia", "asia"}},
		{pattern: regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|sk-[A-Za-z0-9_-]{20,})`), hints: []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "aiza", "sk-"}},
		// "key": "value", key: 'value', key="value with spaces", and JSON within JSON.
		{pattern: regexp.MustCompile(`(?i)` + secretKey + `["']?\s*[:=]\s*"((?:[^"\\]|\\.)+)"`), hints: secretHints(), secret: named},
		{pattern: regexp.MustCompile(`(?i)` + secretKey + `["']?\s*[:=]\s*'([^']+)'`), hints: secretHints(), secret: named},
		{pattern: regexp.MustCompile(`(?i)` + secretKey + `\\+"\s*:\s*\\+"([^"\\]+)`), hints: secretHints(), secret: named},
		// key=value and --key=value.
		{pattern: regexp.MustCompile(`(?i)` + secretKey + `=([^\s"'&,;]+)`), hints: secretHints(), secret: named},
		// key: value and "key":123; prose has a colon after such names as well ("invalid token: not found").
		{pattern: regexp.MustCompile(`(?i)` + secretKey + `(?:["']:\s*|:\s+)([^\s"',;{}\[\]]+)`), hints: secretHints(), secret: beside},
	}}
}

// Text returns the text with every secret that a rule finds replaced by [redacted:xxxx].
func (r *Redactor) Text(text string) string {
	// What a rule looks for has a fixed part, and most texts have none of them: looking for these first is many times as fast
	// as the patterns. A replacement holds no such part, so that one look is enough. The patterns take ſ for an s.
	lower := strings.ReplaceAll(strings.ToLower(text), "ſ", "s")
	for _, rule := range r.rules {
		if slices.ContainsFunc(rule.hints, func(hint string) bool { return strings.Contains(lower, hint) }) {
			text = rule.apply(text)
		}
	}
	return text
}

func (r rule) apply(text string) string {
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
		if r.secret != nil && !r.secret(key, value) {
			continue
		}
		b.WriteString(text[end:from])
		b.WriteString(pseudonym(value))
		end = to
	}
	b.WriteString(text[end:])
	return b.String()
}

// named is a value that was given to a name which secrets have.
func named(key, value string) bool { return !describes(key) && meant("", value) }

// beside is a value that stands after such a name and a colon, and looks like a secret rather than a word: passwords may
// be short, all else is not.
func beside(key, value string) bool {
	shortest := 6
	if lower := strings.ToLower(key); strings.Contains(lower, "pass") || strings.HasSuffix(lower, "pwd") {
		shortest = 3
	}
	return len(value) >= shortest && strings.ContainsAny(value, "0123456789!@#$%^&*+/=_~") && named(key, value)
}

// describes says whether a name speaks about a secret, and does not hold it: secretName, tokenFile, passwordLength.
func describes(key string) bool {
	key = strings.ToLower(key)
	for _, end := range []string{
		"name", "names", "ref", "file", "path", "dir", "namespace", "ttl", "expiry", "expires", "expiration", "age", "count", "length", "size",
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
	for _, start := range []string{"[redacted:", "$(", "${", "<", "/", "{{"} {
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
func pseudonym(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "[redacted:" + hex.EncodeToString(sum[:2]) + "]"
}
