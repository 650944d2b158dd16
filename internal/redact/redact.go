// Package redact is the one gate for text that leaves a cluster: into reports, events and logs. It replaces what looks
// like a secret by a pseudonym, the same for the same secret, so that texts stay comparable.
package redact

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// Redactor replaces secrets in text. It is safe for concurrent use.
type Redactor struct {
	rules []rule
}

// rule finds one form of secret. The group named secret is replaced; without one, the whole match.
type rule struct {
	pattern *regexp.Regexp
	group   int
	// harmless are values that only look like a secret's place, for example the word "required" after "password:".
	harmless bool
}

// secretKey matches names under which secrets are written, as they stand in env, YAML, JSON, flags and logs.
const secretKey = `[A-Za-z0-9_.-]*(?:passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|auth[_-]?key|client[_-]?secret|connection[_-]?string)[A-Za-z0-9_-]*`

// New compiles the rules.
func New() *Redactor {
	return &Redactor{rules: []rule{
		// PEM blocks of private keys, also when a log cut their end.
		{pattern: regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`)},
		// user:password@ in URLs.
		{pattern: regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/@:]*:([^\s/@]+)@`), group: 1, harmless: true},
		// HTTP authorization schemes.
		{pattern: regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})`), group: 1, harmless: true},
		// JSON Web Tokens.
		{pattern: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`)},
		// Keys with a form of their own: AWS, GitHub, GitLab, Slack, Google, OpenAI-like.
		{pattern: regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`)},
		{pattern: regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|sk-[A-Za-z0-9_-]{20,})`)},
		// "key": "value", key: 'value', key="value with spaces".
		{pattern: regexp.MustCompile(`(?i)["']?` + secretKey + `["']?\s*[:=]\s*"((?:[^"\\]|\\.)+)"`), group: 1, harmless: true},
		{pattern: regexp.MustCompile(`(?i)["']?` + secretKey + `["']?\s*[:=]\s*'([^']+)'`), group: 1, harmless: true},
		// key=value and --key=value.
		{pattern: regexp.MustCompile(`(?i)` + secretKey + `=([^\s"'&,;]+)`), group: 1, harmless: true},
		// key: value; the value must look like one, since prose writes "invalid token: not found" as well.
		{pattern: regexp.MustCompile(`(?i)` + secretKey + `["']?:\s+([^\s"',;]*[0-9!@#$%^&*+/=_~][^\s"',;]*)`), group: 1, harmless: true},
	}}
}

// Text returns the text with every secret that a rule finds replaced by [redacted:xxxx].
func (r *Redactor) Text(text string) string {
	for _, rule := range r.rules {
		text = rule.apply(text)
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
		from, to := m[2*r.group], m[2*r.group+1]
		secret := text[from:to]
		if from < end || (r.harmless && harmless(secret)) {
			continue
		}
		b.WriteString(text[end:from])
		b.WriteString(pseudonym(secret))
		end = to
	}
	b.WriteString(text[end:])
	return b.String()
}

// harmless values stand where a secret would, and are none: placeholders, references, and what was redacted before.
func harmless(value string) bool {
	switch strings.ToLower(strings.Trim(value, ".,;:)]}")) {
	case "", "true", "false", "null", "nil", "none", "required", "missing", "invalid", "expired", "empty", "unset", "not", "is", "was",
		"realm", "authentication", "authorization", "token":
		return true
	}
	return strings.HasPrefix(value, "[redacted:") || strings.HasPrefix(value, "$(") || strings.HasPrefix(value, "${") ||
		strings.HasPrefix(value, "<") || strings.Trim(value, "*") == "" || strings.HasPrefix(value, "/")
}

// pseudonym stands for a secret: the same one each time. Only 16 bits of its hash are shown: enough to see that two
// lines speak of the same secret, too few to guess a weak one from.
func pseudonym(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "[redacted:" + hex.EncodeToString(sum[:2]) + "]"
}
