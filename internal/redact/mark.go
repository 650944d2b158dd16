package redact

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// pseudonym returns the stable replacement of a secret. It shows only 16 bits of the hash: enough to see that two lines contain
// the same secret, too few to confirm a guess of a weak one.
func pseudonym(label, secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "[" + label + ":" + hex.EncodeToString(sum[:2]) + "]"
}

// marks returns the places of pseudonyms in a text, in order.
func marks(text string) []region {
	var all []region
	for from := 0; ; {
		open := strings.IndexByte(text[from:], '[')
		if open < 0 {
			return all
		}
		from += open
		length := max(1, markLength(text[from:]))
		if length > 1 {
			all = append(all, region{from, from + length})
		}
		from += length
	}
}

// markLength returns the length of the pseudonym that a text starts with, or 0.
func markLength(text string) int {
	for _, label := range [...]string{"[redacted:", "[email:", "[ip:"} {
		end := len(label) + 4
		if len(text) <= end || text[end] != ']' || !strings.HasPrefix(text, label) {
			continue
		}
		if strings.Trim(text[len(label):end], "0123456789abcdef") == "" {
			return end + 1
		}
	}
	return 0
}

// cutsMark reports whether a span is a pseudonym, or begins or ends within one. Replacing it would change what was redacted before on each
// pass. The pseudonyms are those that end after the start of the span.
func cutsMark(marks []region, s span) bool {
	for _, m := range marks {
		if m.from >= s.to {
			return false
		}
		if m.from < s.from || m.to > s.to || m.from == s.from && m.to == s.to {
			return true
		}
	}
	return false
}

// outsideMarks changes the parts of a text between pseudonyms.
func outsideMarks(text string, change func(string) string) string {
	var b strings.Builder
	end := 0
	for _, m := range marks(text) {
		b.WriteString(change(text[end:m.from]))
		b.WriteString(text[m.from:m.to])
		end = m.to
	}
	b.WriteString(change(text[end:]))
	return b.String()
}
