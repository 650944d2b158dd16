package email

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"time"
	"unicode"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/provider/notify"
)

const (
	maxTitle = 200       // characters, which lists of mails can show
	maxText  = 512 << 10 // bytes, which every server accepts
)

// compose a message of RFC 5322. The same message results in the same bytes for each attempt.
func compose(from string, to []string, message notify.Message) []byte {
	var out bytes.Buffer
	header := func(name, value string) { out.WriteString(name + ": " + value + "\r\n") }
	date := message.Time
	if date.IsZero() {
		date = time.Now()
	}
	header("Date", date.UTC().Format(time.RFC1123Z))
	header("From", (&mail.Address{Name: "KubeOps", Address: from}).String())
	list := make([]string, len(to))
	for i, address := range to {
		list[i] = "<" + address + ">"
	}
	header("To", strings.Join(list, ",\r\n "))
	header("Subject", subject(message.Title))
	header("Message-ID", messageID(from, to, message.Key))
	header("Auto-Submitted", "auto-generated") // RFC 3834: prevents automatic replies
	header("X-KubeOps-Key", headerKey(message.Key))
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	out.WriteString("\r\n")
	writer := quotedprintable.NewWriter(&out)
	_, _ = writer.Write([]byte(body(message.Text))) // a buffer never fails
	_ = writer.Close()
	return out.Bytes()
}

// subject is one line that cannot start another header and is what it appears to be: white space is a space, control characters and marks
// that change the direction of text are shown as escapes, and encoded words of the title are broken up.
func subject(title string) string {
	title = strings.ReplaceAll(printable.Line(strings.Join(strings.Fields(title), " ")), "=?", "= ?")
	if title == "" {
		title = "KubeOps"
	}
	if runes := []rune(title); len(runes) > maxTitle {
		title = string(runes[:maxTitle-1]) + "…"
	}
	// One encoded word per line: RFC 2047 allows 75 characters each, and RFC 5322 at most 998 per line.
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", title), "?= =?", "?=\r\n =?")
}

// body shows control characters except line breaks and tabs, and marks that change the direction of text, as escapes.
func body(text string) string {
	if len(text) > maxText {
		text = text[:maxText] + "\n…"
	}
	text = printable.Block(text)
	return strings.ReplaceAll(strings.TrimRight(text, "\n")+"\n", "\n", "\r\n")
}

// messageID is derived from the key, the sender and the recipients. The mails of two channels for one report are not duplicates.
func messageID(from string, to []string, key string) string {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{key, from}, to...), "\n")))
	_, domain, _ := strings.Cut(from, "@")
	if strings.ContainsFunc(domain, func(r rune) bool {
		return r != '-' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		domain = "kubeops.invalid"
	}
	return "<" + hex.EncodeToString(sum[:16]) + "@" + domain + ">"
}

// headerKey keeps the characters that the contract allows in a key: any other could break the header.
func headerKey(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '-' || r == '/' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return -1
	}, text)
	return text[:min(len(text), 128)]
}

// isAddress reports whether a text is exactly one mail address.
func isAddress(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && len(text) <= 254 && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`<>,"\`, r) || r == unicode.ReplacementChar
	})
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
