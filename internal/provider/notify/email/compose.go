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

	"kubeops.io/kubeops/internal/provider/notify"
)

// Bounds of what is mailed: a subject that lists show, and a text that every server takes.
const (
	mostTitle = 200
	mostText  = 512 << 10
)

// compose a message of RFC 5322. The same message makes the same bytes, at each try.
func compose(from string, to []string, m notify.Message) []byte {
	var out bytes.Buffer
	header := func(name, value string) { out.WriteString(name + ": " + value + "\r\n") }
	date := m.Time
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
	header("Subject", subject(m.Title))
	header("Message-ID", messageID(from, to, m.Key))
	header("Auto-Submitted", "auto-generated") // RFC 3834: nobody's holiday notice answers this
	header("X-KubeOps-Key", key(m.Key))
	header("MIME-Version", "1.0")
	header("Content-Type", "text/plain; charset=utf-8")
	header("Content-Transfer-Encoding", "quoted-printable")
	out.WriteString("\r\n")
	writer := quotedprintable.NewWriter(&out)
	_, _ = writer.Write([]byte(body(m.Text))) // a buffer takes everything
	_ = writer.Close()
	return out.Bytes()
}

// subject is one line that begins no other header, and that shows what it says: characters that end lines, control terminals or
// turn the direction of writing are gone, and what would look like an encoded word is no longer one.
func subject(title string) string {
	title = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(title, "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp)
	}), " ")
	title = strings.ReplaceAll(visible(title), "=?", "= ?")
	if title == "" {
		title = "KubeOps"
	}
	if runes := []rune(title); len(runes) > mostTitle {
		title = string(runes[:mostTitle-1]) + "…"
	}
	// One encoded word for each line: RFC 2047 allows 75 characters each, and RFC 5322 no line of more than 998.
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", title), "?= =?", "?=\r\n =?")
}

// visible takes out what changes the direction of the text around it (Unicode's UAX #9, explicit formatting).
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if (r >= '\u202A' && r <= '\u202E') || (r >= '\u2066' && r <= '\u2069') {
			return -1
		}
		return r
	}, text)
}

// body has lines, tabs, and characters that can be seen.
func body(text string) string {
	if len(text) > mostText {
		text = text[:mostText] + "\n…"
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, visible(text))
	return strings.ReplaceAll(strings.TrimRight(text, "\n")+"\n", "\n", "\r\n")
}

// messageID follows from the key, and from who writes to whom, so that two channels that tell of one report are not taken for
// duplicates of each other.
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

// key as the contract has it, so that another one breaks no header.
func key(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '-' || r == '/' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return -1
	}, text)
	return text[:min(len(text), 128)]
}

// address says whether a text is one mail address and nothing else.
func address(text string) bool {
	parsed, err := mail.ParseAddress(text)
	return err == nil && parsed.Address == text && len(text) <= 254 && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`<>,"\`, r) || r == unicode.ReplacementChar
	})
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}
