package ai

import (
	"regexp"
	"strings"
	"unicode"

	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxWords of a server are quoted, in characters, of the first maxMessage bytes of its message.
	maxWords   = 200
	maxMessage = 2 << 10
)

// Words returns what the server says, for a message: on one line, without secrets, and without what differs between attempts, such as the
// id of a request. Empty if it says nothing.
func (f Refusal) Words() string {
	message := strings.ToValidUTF8(f.Message[:min(len(f.Message), maxMessage)], "")
	message = strings.Join(strings.FieldsFunc(message, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if message == "" {
		return ""
	}
	redactor, err := redact.New(redact.Options{Known: f.Secrets})
	if err != nil {
		return ""
	}
	times := regexp.MustCompile(`\b\d+(?:\.\d+)?(?:ms|s|m|h)(?:\d+(?:\.\d+)?(?:ms|s|m))*\b`)
	message = times.ReplaceAllString(redactor.Text(message), "…")
	ids := regexp.MustCompile(`[0-9A-Za-z][0-9A-Za-z_:+.-]{11,}`)
	message = ids.ReplaceAllStringFunc(message, func(word string) string {
		digits := strings.IndexFunc(word, unicode.IsDigit) >= 0
		if digits && !strings.Contains(word, "redacted") {
			return "…"
		}
		return word
	})
	return strings.TrimRight(text.Clip(message, maxWords), ".")
}
