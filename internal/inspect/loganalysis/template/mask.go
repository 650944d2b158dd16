package template

import "strings"

const (
	// maxTokens of a line are looked at; what follows becomes one token.
	maxTokens = 64
	// maxQuoted is how long a quoted text may be to count as a value. Longer ones are prose, whose words tell more.
	maxQuoted = 64
	// wildcard stands where the lines of one template differ.
	wildcard = "<*>"
)

// token of a masked line, as a part of masker.buf.
type token struct {
	start, end int
	// variable says that something in it was masked.
	variable bool
}

// masker cuts lines into tokens at white space and puts marks where something is variable by its form. Its buffers are used
// again for each line.
type masker struct {
	buf    []byte
	tokens []token
	// start of the token that is being written, variable as in token.
	start    int
	variable bool
	// unquote is where a closing quote stands that is to be left out, or -1.
	unquote int
}

func (m *masker) text(t token) []byte { return m.buf[t.start:t.end] }

// mask fills buf and tokens.
func (m *masker) mask(line string) {
	m.buf, m.tokens, m.start, m.variable, m.unquote = m.buf[:0], m.tokens[:0], 0, false, -1
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
		case (c == '-' || c == '+') && i+1 < len(line) && digit(line[i+1]) && (i == 0 || classOf(line[i-1]) == space || line[i-1] == '='):
			i++ // the sign of a number
		default:
			m.buf = append(m.buf, c)
			i++
		}
	}
	m.end()
}

// end of a token; it returns true where no more are wanted.
func (m *masker) end() bool {
	if len(m.buf) == m.start {
		return false
	}
	m.tokens = append(m.tokens, token{m.start, len(m.buf), m.variable})
	m.start, m.variable = len(m.buf), false
	if len(m.tokens) < maxTokens {
		return false
	}
	m.mark("<...>")
	m.tokens = append(m.tokens, token{m.start, len(m.buf), true})
	return true
}

func (m *masker) mark(text string) {
	m.buf, m.variable = append(m.buf, text...), true
}

// secret is what was redacted before: the same mark for all.
func (m *masker) secret(line string, i int) int {
	end := strings.IndexByte(line[i:], ']')
	if end < 0 {
		end = len(line) - i - 1
	}
	m.mark("[redacted]")
	return i + end + 1
}

// quote masks a quoted text, or leaves out its quotes where it is a message. It returns where to go on.
func (m *masker) quote(line string, i int) int {
	if i == m.unquote {
		m.unquote = -1
		return i + 1
	}
	if i > 0 && (line[i-1] == '\\' || line[i] == '\'' && classOf(line[i-1]) == word) {
		m.buf = append(m.buf, line[i]) // within another text, or an apostrophe
		return i + 1
	}
	end := closing(line, i)
	switch {
	case end < 0:
		m.buf = append(m.buf, line[i])
		return i + 1
	case end-i-1 > maxQuoted || i > 0 && line[i-1] == '=' && tellingKey(line[:i-1]):
		m.unquote = end
		return i + 1
	}
	m.mark("<str>")
	return end + 1
}

// closing is where a quoted text ends, or -1.
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

// tellingKey says whether a text ends with a key of logfmt whose value is what happened.
func tellingKey(before string) bool {
	start := len(before)
	for start > 0 && (classOf(before[start-1]) == word || before[start-1] == '.') {
		start--
	}
	switch strings.ToLower(before[start:]) {
	case "msg", "message", "err", "error", "reason", "event", "exception", "cause", "detail", "details", "error.message", "exception.message":
		return true
	}
	return false
}

// classes of bytes.
const (
	other = iota
	space
	word
	joint // connects words to one: 10.0.0.1:80, 2026-01-15
)

// classOf a byte: bytes of any letters beyond ASCII belong to words.
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

// run is a word with what is joined to it, and whether there are digits in it.
func run(line string, start int) (end int, digits bool) {
	i := start
	for i < len(line) {
		c := line[i]
		switch class := classOf(c); {
		case class == word:
			digits = digits || digit(c)
		case class == joint && i+1 < len(line) && (classOf(line[i+1]) == word || c == ':' && line[i+1] == ':' && i+2 < len(line) && classOf(line[i+2]) == word):
		case c == ',' && i > start && digit(line[i-1]) && i+1 < len(line) && digit(line[i+1]):
		default:
			return i, digits
		}
		i++
	}
	return i, digits
}
