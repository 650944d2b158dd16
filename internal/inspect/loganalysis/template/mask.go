package template

import (
	"bytes"
	"strings"
	"unicode"

	"kubeops.io/kubeops/internal/inspect/loganalysis/header"
)

const (
	// maxTokens per line; the rest becomes one token.
	maxTokens = 64
	// maxQuoted is the maximum length of a quoted value in bytes. Longer ones are prose, whose words matter.
	maxQuoted = 64
	// wildcard replaces tokens that differ between the lines of a template.
	wildcard = "<*>"
	// more replaces further tokens of a line or of a list.
	more = "<...>"
)

// token of a masked line, as a part of masker.buf.
type token struct{ start, end int }

// masker splits the messages of lines into tokens at white space and masks values with a known format. It reuses its buffers for each
// line.
type masker struct {
	// header of the line, and its level.
	header string
	level  header.Level
	// buf has the tokens with a space between them.
	buf    []byte
	tokens []token
	// start of the current token.
	start int
	// unquote is the position of a closing quote to omit, or -1.
	unquote int
	// unclosed are the quotes that nothing closes in the rest of the line.
	unclosed string
	// message is true after the key of a message in JSON, until its value.
	message bool
	// bracket is the position of an open bracket in buf, or -1, and bracketed the number of tokens before its token.
	bracket, bracketed int
	// repeated counts the last tokens that are equal.
	repeated int
}

func (m *masker) text(t token) []byte { return m.buf[t.start:t.end] }

// body returns all tokens.
func (m *masker) body() []byte { return m.buf[:m.tokens[len(m.tokens)-1].end] }

// mask reads the header of a line, and fills buf and tokens with its message.
func (m *masker) mask(line string) {
	end, level := header.Read(line)
	*m = masker{header: line[:end], level: level, buf: m.buf[:0], tokens: m.tokens[:0], unquote: -1, bracket: -1}
	if m.words(line[end:]); len(m.tokens) == 0 && end > 0 {
		m.header = ""
		m.level = header.Unknown
		m.words(line)
	}
}

// words masks a text.
func (m *masker) words(line string) {
	for i := 0; i < len(line); {
		c := line[i]
		switch class := classOf(c); {
		case class == space:
			if m.end() {
				return
			}
			i++
		case class == word:
			i = m.run(line, i)
		case c == '[' && strings.HasPrefix(line[i:], "[redacted:"):
			i = m.secret(line, i)
		case c == '"' || c == '\'' || c == '`' || c == '\\':
			i = m.quote(line, i)
		case c == '/' && startsValue(line, i):
			i = m.path(line, i)
		case (c == '-' || c == '+') && i+1 < len(line) && digit(line[i+1]) && startsValue(line, i):
			i++ // a sign
		default:
			m.other(c)
			i++
		}
	}
	m.end()
}

// other writes a byte that is no part of a value.
func (m *masker) other(c byte) {
	switch {
	case c == '[':
		m.bracket = len(m.buf)
		m.bracketed = len(m.tokens)
	case c == ']' && m.bracket >= 0:
		m.list()
		m.bracket = -1
	}
	m.buf = append(m.buf, c)
}

// list replaces the text in brackets if it has only values, of which there may be any number: [4, 5, 6], [req-7 - -].
func (m *masker) list() {
	inner := m.buf[m.bracket+1:]
	if !onlyValues(inner) {
		return
	}
	if m.bracketed < len(m.tokens) {
		m.start = m.tokens[m.bracketed].start
		m.tokens = m.tokens[:m.bracketed]
		m.repeated = 0 // of tokens that are gone
	}
	m.buf = append(m.buf[:m.bracket+1], wildcard...)
}

// onlyValues reports whether each word of a text has a mark or no letter. One mark alone is not a list.
func onlyValues(text []byte) bool {
	marks := 0
	rest := 0
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && text[end] != ' ' {
			end++
		}
		if word := text[i:end]; bytes.IndexByte(word, '<') >= 0 {
			marks++
			rest += len(word) - bytes.IndexByte(word, '>') - 1 + bytes.IndexByte(word, '<')
		} else if bytes.ContainsFunc(word, unicode.IsLetter) {
			return false
		}
		i = end + 1
	}
	return marks > 1 || marks == 1 && rest > 0 || string(text) == "-"
}

// startsValue reports whether the byte at i starts a token or a value: x, =x, (x, [x.
func startsValue(line string, i int) bool {
	return i == 0 || classOf(line[i-1]) == space || strings.IndexByte("=:([{,<|\"'", line[i-1]) >= 0
}

// run masks a run of letters, digits and joints that starts at i, and returns its end.
func (m *masker) run(line string, i int) int {
	if c := line[i]; digit(c) || c >= 'A' && c <= 'Z' {
		if end := header.DateAt(line, i); end > i {
			m.buf = append(m.buf, "<time>"...)
			return end
		}
		if i+2 < len(line) && line[i+1] == ':' && line[i+2] == '\\' {
			return m.path(line, i)
		}
	}
	end, digits := run(line, i)
	text := line[i:end]
	switch {
	case digits:
		m.word(text)
	case (len(text) == 4 || len(text) == 5) && boolean(text):
		m.buf = append(m.buf, "<bool>"...)
	case len(text) == 8 && isHex(text):
		m.buf = append(m.buf, "<id>"...)
	default:
		m.buf = append(m.buf, text...)
	}
	return end
}

func boolean(text string) bool {
	switch text {
	case "true", "false", "True", "False", "TRUE", "FALSE":
		return true
	}
	return false
}

// end completes a token. It returns true if there must be no more.
func (m *masker) end() bool {
	if len(m.buf) == m.start {
		return false
	}
	if m.repeats() {
		m.buf = m.buf[:m.start]
		return false
	}
	m.tokens = append(m.tokens, token{m.start, len(m.buf)})
	m.buf = append(m.buf, ' ')
	m.start = len(m.buf)
	if len(m.tokens) < maxTokens {
		return false
	}
	m.buf = append(m.buf, more...)
	m.tokens = append(m.tokens, token{m.start, len(m.buf)})
	return true
}

// maxRepeated values that follow each other, as columns do. More are a list of any length, of which one is kept.
const maxRepeated = 3

// repeats reports whether the current token repeats a list of values that is longer than maxRepeated.
func (m *masker) repeats() bool {
	n := len(m.tokens)
	if n == 0 {
		return false
	}
	text := m.buf[m.start:]
	if before := m.tokens[n-1]; m.repeated == 0 && before.end-before.start != len(text) {
		return false
	}
	if m.repeated > maxRepeated { // the list ends with <...>
		if bytes.Equal(m.text(m.tokens[n-2]), text) {
			return true
		}
		m.repeated = 0
		return false
	}
	if !bytes.Equal(m.text(m.tokens[n-1]), text) || bytes.IndexByte(text, '<') < 0 {
		m.repeated = 0
		return false
	}
	if m.repeated++; m.repeated < maxRepeated {
		return false
	}
	m.repeated++
	m.tokens = m.tokens[:n-maxRepeated+1]
	m.start = m.tokens[len(m.tokens)-1].end + 1
	m.buf = append(m.buf[:m.start], more...)
	return false
}

// secret writes the same mark for every redacted secret.
func (m *masker) secret(line string, i int) int {
	end := strings.IndexByte(line[i:], ']')
	if end < 0 {
		end = len(line) - i - 1
	}
	m.buf = append(m.buf, "[redacted]"...)
	return i + end + 1
}

// quote masks a quoted text, or omits its quotes if it is a message. It returns the next position.
func (m *masker) quote(line string, i int) int {
	message := m.message
	m.message = false
	switch {
	case i == m.unquote:
		m.unquote = -1
		return i + 1
	case line[i] == '\\':
		return m.escaped(line, i)
	case i > 0 && line[i] == '\'' && classOf(line[i-1]) == word: // an apostrophe
		m.buf = append(m.buf, line[i])
		return i + 1
	}
	end := m.closing(line, i)
	switch {
	case end < 0:
		m.buf = append(m.buf, line[i])
		return i + 1
	case line[i] == '"' && end+1 < len(line) && line[end+1] == ':' && end-i-1 <= maxQuoted: // a key of JSON
		m.message = messageKey(line[i+1 : end])
		m.buf = append(m.buf, line[i:end+1]...)
		return end + 1
	case end-i-1 > maxQuoted, message, i > 0 && messageKey(line[:keyEnd(line, i)]), isRequest(line[i+1 : end]):
		m.unquote = end
		return i + 1
	}
	m.buf = append(m.buf, "<str>"...)
	return end + 1
}

// keyEnd returns the end of a key before a quoted value: err="x", error: "x"; 0 if there is none.
func keyEnd(line string, quote int) int {
	end := quote
	for end > 0 && line[end-1] == ' ' {
		end--
	}
	if end == 0 || line[end-1] != '=' && line[end-1] != ':' {
		return 0
	}
	return end - 1
}

// escaped masks a text in escaped quotes, as in the JSON of a message.
func (m *masker) escaped(line string, i int) int {
	if i+1 < len(line) && line[i+1] == '"' {
		if n := strings.Index(line[i+2:min(len(line), i+maxQuoted)], `\"`); n >= 0 {
			m.buf = append(m.buf, "<str>"...)
			return i + 2 + n + 2
		}
		m.buf = append(m.buf, '\\', '"')
		return i + 2
	}
	m.buf = append(m.buf, '\\')
	return i + 1
}

// isRequest reports whether a quoted text is the first line of an HTTP request, whose method and path matter.
func isRequest(text string) bool {
	method, _, found := strings.Cut(text, " ")
	return found && isMethod(method)
}

func isMethod(text string) bool {
	switch text {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT":
		return true
	}
	return false
}

// closing returns the position of the closing quote, or -1. It searches in vain only once for each kind of quote: otherwise the time
// would be quadratic in the length of a line.
func (m *masker) closing(line string, open int) int {
	if strings.IndexByte(m.unclosed, line[open]) >= 0 {
		return -1
	}
	for i := open + 1; i < len(line); i++ {
		switch {
		case line[i] == '\\':
			i++
		case line[i] == line[open] && (line[open] != '\'' || i+1 == len(line) || classOf(line[i+1]) != word):
			return i
		}
	}
	m.unclosed += line[open : open+1]
	return -1
}

// messageKey reports whether a text ends with a logfmt key for messages.
func messageKey(before string) bool {
	start := len(before)
	if start == 0 {
		return false
	}
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

// classes has the class of each byte as a digit. Bytes beyond ASCII belong to words.
const classes = "11111111111111111111111111111111" +
	"10000000000303302222222222300000" +
	"32222222222222222222222222200002" +
	"02222222222222222222222222200001" +
	"22222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"

// classOf returns the class of a byte.
func classOf(c byte) int { return int(classes[c] - '0') }

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
