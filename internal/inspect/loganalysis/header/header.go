// Package header reads what a logger or syslog writes before the message of a line: the time, the level, the process and the thread.
package header

import "strings"

const (
	// maxHeader is the part of a line in bytes that is searched for a header.
	maxHeader = 200
	// maxUnknown words before or between the parts of a header that are known.
	maxUnknown = 5
)

// Read returns the end of the header of a line in bytes, and its level. Without a time or a level, a line has no header. A line that
// is a header only has none either.
func Read(line string) (end int, level Level) {
	h := reader{line: line[:min(len(line), maxHeader)]}
	for h.skip(); h.at < len(h.line); h.skip() {
		if !h.part() {
			break
		}
	}
	if h.end == 0 {
		return 0, Unknown
	}
	for h.end < len(line) && separates(line, h.end) {
		h.end++
	}
	if h.end >= len(line) { // there is no message
		return 0, h.level
	}
	return h.end, h.level
}

// reader of a header.
type reader struct {
	line string
	// at is the next position, end the end of what certainly belongs to the header.
	at, end int
	level   Level
	// timed is true after a time, unknown counts words since then that may belong to a header.
	timed   bool
	unknown int
}

// skip skips what separates the parts of a header.
func (h *reader) skip() {
	for h.at < len(h.line) && separates(h.line, h.at) {
		h.at++
	}
}

// separates reports whether the byte at i separates a header from its message, or two parts of it: white space, |, and - or : which are
// not part of a word.
func separates(line string, i int) bool {
	switch line[i] {
	case ' ', '\t', '|', ',':
		return true
	case '-', ':':
		return !alphanumeric(line, i+1) || line[i] == ':' && i > 0 && line[i-1] == ']'
	}
	return false
}

func alphanumeric(line string, i int) bool {
	return i < len(line) && (letter(line[i]) || digit(line[i]))
}

// known accepts everything before a position.
func (h *reader) known(end int) bool {
	h.at = end
	h.end = end
	h.unknown = 0
	return true
}

// part reads the next part. It returns false for one that starts the message.
func (h *reader) part() bool {
	c := h.line[h.at]
	switch {
	case c == '[' || c == '(':
		return h.bracket()
	case c == '<' && h.at == 0:
		return h.priority()
	case c == '<' && h.timed:
		return h.process()
	case digit(c):
		return h.number()
	case letter(c):
		return h.word()
	case h.timed && h.level == Unknown && strings.IndexByte("#*", c) >= 0 && strings.HasPrefix(h.line[h.at+1:], " "):
		return h.redis()
	}
	return false
}

// redis reads the level of Redis and Valkey, a character after the process, its role and the time: 1:M 15 Jan 2026 12:00:00.000 # x.
func (h *reader) redis() bool {
	n := digits(h.line, 0)
	if n == 0 || len(h.line) < n+3 || h.line[n] != ':' || strings.IndexByte("MSCX", h.line[n+1]) < 0 || h.line[n+2] != ' ' {
		return false
	}
	if h.level = Info; h.line[h.at] == '#' {
		h.level = Warn
	}
	return h.known(h.at + 1)
}

// bracket reads a time, a level, or another part such as a thread in brackets.
func (h *reader) bracket() bool {
	end := closingBracket(h.line, h.at)
	if end < 0 {
		return false
	}
	inner := strings.TrimSpace(h.line[h.at+1 : end])
	timed, level := within(inner)
	h.at = end + 1
	if level != Unknown && h.level == Unknown {
		h.level = level
	} else if !timed && (h.end == 0 || h.unknown > 0) {
		return h.line[h.at-1] == ']' && h.unknownPart()
	}
	h.timed = h.timed || timed
	return h.known(end + 1)
}

// within reads the time and the level in brackets: [error], [core:error], [E 260115 12:00:00 web:12], [12:00:00 ERR].
func within(inner string) (timed bool, level Level) {
	if inner == "" {
		return false, Unknown
	}
	if level = Named(inner); level != Unknown {
		return false, level
	}
	if len(inner) == 1 {
		return false, lettered(inner[0])
	}
	at := 0
	if len(inner) > 2 && inner[1] == ' ' {
		level = lettered(inner[0])
		at = 2
	}
	end := DateAt(inner, at)
	if end == at {
		if module, name, ok := strings.Cut(inner, ":"); ok && strings.IndexByte(module, ' ') < 0 {
			return false, Named(name)
		}
		return false, Unknown
	}
	if level == Unknown {
		rest := strings.TrimLeft(inner[end:], ": ")
		end = 0
		for end < len(rest) && letter(rest[end]) {
			end++
		}
		level = Named(rest[:end])
	}
	return true, level
}

// closingBracket returns the position of the bracket that closes the one at i; -1 if there is none.
func closingBracket(line string, i int) int {
	depth := 0
	for ; i < len(line); i++ {
		switch line[i] {
		case '[', '(':
			depth++
		case ']', ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// priority reads the priority of syslog: <3>.
func (h *reader) priority() bool {
	n := digits(h.line, 1)
	if n == 0 || n > 3 || len(h.line) <= 1+n || h.line[1+n] != '>' {
		return false
	}
	priority := 0
	for _, c := range h.line[1 : 1+n] {
		priority = priority*10 + int(c-'0')
	}
	if priority > 191 { // of facility 23, the last one, with severity 7: RFC 5424, section 6.2.1
		return false
	}
	h.level = Severity(priority % 8) // the rest is the facility
	return h.known(2 + n)
}

// process reads the identifier of a process of Erlang: <0.7.0>.
func (h *reader) process() bool {
	end := h.at + 1
	for end < len(h.line) && (digit(h.line[end]) || h.line[end] == '.') {
		end++
	}
	return end < len(h.line) && h.line[end] == '>' && h.known(end+1)
}

// number reads a time, or the number of a process or thread after one.
func (h *reader) number() bool {
	if d := readDate(h.line, h.at); d.end > h.at {
		return h.date(d)
	}
	n := digits(h.line, h.at)
	end := h.at + n
	if end+1 < len(h.line) && h.line[end] == '.' && n == 10 { // seconds since 1970 with a fraction
		end += 1 + digits(h.line, end+1)
	}
	if end < len(h.line) && !separates(h.line, end) {
		return h.unknownWord()
	}
	if n == 10 || n == 13 || n == 16 || n == 19 {
		h.timed = true
		return h.known(end)
	}
	// A number after a word that may belong to the message does too, unless separators follow.
	if (h.timed || h.level != Unknown && h.end > 0) && (h.unknown == 0 || end < len(h.line) && h.line[end] == '|') {
		return h.known(end)
	}
	h.at = end
	return h.unknownPart()
}

// date accepts a date. After one of BSD syslog follows the name of the host.
func (h *reader) date(d dates) bool {
	h.timed = true
	h.unknown = 0
	h.known(d.end)
	if !d.named || d.year || d.end >= len(h.line) || h.line[d.end] != ' ' {
		return true
	}
	host := d.end + 1
	end := host
	for end < len(h.line) && h.line[end] != ' ' && h.line[end] != '[' && h.line[end] != ':' {
		end++
	}
	if end < len(h.line) && h.line[end] == ' ' && Named(h.line[host:end]) == Unknown {
		h.known(end)
	}
	return true
}

// word reads a level, the key of a time or of a level, or a word that may belong to a header.
func (h *reader) word() bool {
	if d := readDate(h.line, h.at); d.end > h.at {
		return h.date(d)
	}
	start := h.at
	end := start
	for end < len(h.line) && letter(h.line[end]) {
		end++
	}
	after := byte(' ')
	if end < len(h.line) {
		after = h.line[end]
	}
	name := h.line[start:end]
	switch {
	case after == '=':
		return h.pair(name, end+1)
	case h.program(name) && after == ' ':
		h.at = end
		return true
	case start == 0 && len(name) == 1 && klog(h.line) != Unknown:
		h.level = klog(h.line)
		h.timed = true
		return h.known(DateAt(h.line, clockOfKlog))
	case h.level == Unknown && h.declares(name, after):
		if after == '!' || after == '/' {
			end++
		}
		return h.known(end)
	case h.level != Unknown && capitals(name) && Named(name) == h.level: // the letter came first
		return h.known(end)
	case after == '.' && h.level == Unknown:
		return h.channel(end) || h.unknownWord()
	}
	return h.unknownWord()
}

// clockOfKlog is the position of the time of klog: E0102 15:04:05.123456.
const clockOfKlog = 6

// declares reports whether a word before a byte is the level, and stores it.
func (h *reader) declares(name string, after byte) bool {
	npm := strings.HasSuffix(h.line[:h.at], "npm ")
	first := h.at == 0 || npm || strings.HasSuffix(h.line[:h.at], "PHP ")
	switch {
	case len(name) == 1:
		if h.letters(after, first) {
			h.level = lettered(name[0])
		}
	case name == "LOG" || strings.IndexByte(" \t:|,/![", after) < 0:
	case after == '!' && !first, after == '[' && !first && h.end == 0:
	case npm:
		h.level = ofNPM(name)
	case capitals(name), first && after == ':' && h.short(name), first && h.at > 0:
		h.level = Named(name)
	case h.timed && h.unknown == 0 && after != '[' && !ambiguous(name):
		h.level = Named(name)
	}
	return h.level != Unknown
}

// program reports whether a word is the name of a program that writes it before each level.
func (h *reader) program(name string) bool {
	return h.at == 0 && name == "npm" || (h.at == 0 || h.timed) && name == "PHP"
}

// channel reads the level after the channel of Monolog: production.ERROR.
func (h *reader) channel(dot int) bool {
	end := dot + 1
	for end < len(h.line) && letter(h.line[end]) {
		end++
	}
	if end == len(h.line) || h.line[end] != ':' || !capitals(h.line[dot+1:end]) {
		return false
	}
	if h.level = Named(h.line[dot+1 : end]); h.level == Unknown {
		return false
	}
	return h.known(end)
}

// pair reads time=... and level=... of logfmt.
func (h *reader) pair(key string, at int) bool {
	end := at
	if at < len(h.line) && h.line[at] == '"' {
		n := strings.IndexByte(h.line[at+1:], '"')
		if n < 0 {
			return false
		}
		end = at + n + 2
	} else {
		for end < len(h.line) && h.line[end] > ' ' {
			end++
		}
	}
	value := strings.Trim(h.line[at:end], `"`)
	switch strings.ToLower(key) {
	case "time", "ts", "t", "timestamp", "date":
		h.timed = true
		return h.known(end)
	case "level", "lvl", "severity", "levelname", "loglevel":
		if h.level != Unknown {
			return false
		}
		if h.level = Named(value); h.level == Unknown {
			return false
		}
		return h.known(end)
	}
	return false
}

// unknownWord skips a word that may be a host, a logger or a process before a level or a time follows. The plain words of a message do
// not look like that.
func (h *reader) unknownWord() bool {
	start := h.at
	plain := true
	lower := false
	for h.at < len(h.line) && h.line[h.at] > ' ' && h.line[h.at] != '|' {
		c := h.line[h.at]
		lower = lower || c >= 'a' && c <= 'z'
		plain = plain && letter(c)
		if c == '"' || c == '=' || c == ',' {
			return false
		}
		h.at++
	}
	last := h.line[h.at-1]
	if h.timed && h.level != Unknown || last == ':' {
		return false
	}
	if plain && lower && !h.separated(start) {
		return false
	}
	return h.unknownPart()
}

// separated reports whether the word before the current position stands between separators: 12:00:00 - root - ERROR, 12:00|cart|ERROR.
func (h *reader) separated(start int) bool {
	rest := strings.TrimLeft(h.line[h.at:], " ")
	before := strings.TrimRight(h.line[:start], " ")
	return rest != "" && before != "" && strings.IndexByte("-|", rest[0]) >= 0 && strings.IndexByte("-|", before[len(before)-1]) >= 0
}

func (h *reader) unknownPart() bool {
	h.unknown++
	return h.unknown <= maxUnknown
}
