package template

import "strings"

const (
	// maxTokens per line; the rest becomes one token.
	maxTokens = 64
	// maxQuoted is the maximum length of a quoted value in bytes. Longer ones are prose, whose words matter.
	maxQuoted = 64
	// wildcard replaces tokens that differ between the lines of a template.
	wildcard = "<*>"
)

// token of a masked line, as a part of masker.buf.
type token struct {
	start, end int
	// variable is true if a part was masked.
	variable bool
}

// masker splits lines into tokens at white space and masks values with a known format. It reuses its buffers for each line.
type masker struct {
	buf    []byte
	tokens []token
	// start and variable of the current token.
	start    int
	variable bool
	// unquote is the position of a closing quote to omit, or -1.
	unquote int
}

func (m *masker) text(t token) []byte { return m.buf[t.start:t.end] }

// mask fills buf and tokens.
func (m *masker) mask(line string) {
	*m = masker{buf: m.buf[:0], tokens: m.tokens[:0], unquote: -1}
	for i := 0; i < len(line); {
		c := line[i]
		switch class := classOf(c); {
		case class == space:
			if m.end() {
				return
			}
			i++
		case class == word:
			end, digits := run(line, i)
			m.word(line[i:end], digits)
			i = end
		case c == '[' && strings.HasPrefix(line[i:], "[redacted:"):
			i = m.secret(line, i)
		case c == '"' || c == '\'' || c == '`':
			i = m.quote(line, i)
		case signOfNumber(line, i):
			i++
		default:
			m.buf = append(m.buf, c)
			i++
		}
	}
	m.end()
}

// signOfNumber reports whether the byte at i is the sign of a number that starts a token or a value.
func signOfNumber(line string, i int) bool {
	return (line[i] == '-' || line[i] == '+') && i+1 < len(line) && digit(line[i+1]) &&
		(i == 0 || classOf(line[i-1]) == space || line[i-1] == '=')
}

// end completes a token. It returns true if there must be no more.
func (m *masker) end() bool {
	if len(m.buf) == m.start {
		return false
	}
	m.tokens = append(m.tokens, token{m.start, len(m.buf), m.variable})
	m.start = len(m.buf)
	m.variable = false
	if len(m.tokens) < maxTokens {
		return false
	}
	m.mark("<...>")
	m.tokens = append(m.tokens, token{m.start, len(m.buf), true})
	return true
}

func (m *masker) mark(text string) {
	m.buf = append(m.buf, text...)
	m.variable = true
}

// secret writes the same mark for every redacted secret.
func (m *masker) secret(line string, i int) int {
	end := strings.IndexByte(line[i:], ']')
	if end < 0 {
		end = len(line) - i - 1
	}
	m.mark("[redacted]")
	return i + end + 1
}

// quote masks a quoted text, or omits its quotes if it is a message. It returns the next position.
func (m *masker) quote(line string, i int) int {
	if i == m.unquote {
		m.unquote = -1
		return i + 1
	}
	if i > 0 && (line[i-1] == '\\' || line[i] == '\'' && classOf(line[i-1]) == word) {
		m.buf = append(m.buf, line[i]) // an escaped quote or an apostrophe
		return i + 1
	}
	end := closing(line, i)
	switch {
	case end < 0:
		m.buf = append(m.buf, line[i])
		return i + 1
	case end-i-1 > maxQuoted || i > 0 && line[i-1] == '=' && messageKey(line[:i-1]):
		m.unquote = end
		return i + 1
	}
	m.mark("<str>")
	return end + 1
}

// closing returns the position of the closing quote, or -1.
func closing(line string, open int) int {
	const far = 4 << 10
	for i := open + 1; i < len(line) && i-open < far; i++ {
		switch {
		case line[i] == '\\':
			i++
		case line[i] == line[open] && (line[open] != '\'' || i+1 == len(line) || classOf(line[i+1]) != word):
			return i
		}
	}
	return -1
}

// messageKey reports whether a text ends with a logfmt key for messages.
func messageKey(before string) bool {
	start := len(before)
	for start > 0 && (classOf(before[start-1]) == word || before[start-1] == '.') {
		start--
	}
	switch strings.ToLower(before[start:]) {
	case "msg",
		"message",
		"err",
		"error",
		"reason",
		"event",
		"exception",
		"cause",
		"detail",
		"details",
		"error.message",
		"exception.message":
		return true
	}
	return false
}

// classes of bytes.
const (
	other = iota
	space
	word
	joint // joins words: 10.0.0.1:80, 2026-01-15
)

// classOf returns the class of a byte. Bytes beyond ASCII belong to words.
func classOf(c byte) int {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c >= 0x80:
		return word
	case c <= ' ', c == 0x7f:
		return space
	case c == '.', c == ':', c == '-', c == '+', c == '@':
		return joint
	}
	return other
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func wordAt(line string, i int) bool { return i < len(line) && classOf(line[i]) == word }

// run returns the end of a word with everything joined to it, and whether it contains digits.
func run(line string, start int) (end int, digits bool) {
	i := start
	for i < len(line) {
		c := line[i]
		switch class := classOf(c); {
		case class == word:
			digits = digits || digit(c)
		case class == joint && (wordAt(line, i+1) || c == ':' && i+1 < len(line) && line[i+1] == ':' && wordAt(line, i+2)):
		case c == ',' && i > start && digit(line[i-1]) && i+1 < len(line) && digit(line[i+1]):
		default:
			return i, digits
		}
		i++
	}
	return i, digits
}
