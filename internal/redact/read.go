package redact

import (
	"regexp"
	"strings"
)

// literal is a value as it is written.
type literal struct {
	from, to int
	quoted   bool
	// end is the position after the value, including the quote.
	end int
}

// wrapper matches what languages print between an operator and a literal: types, lengths, constructors of optional values.
func wrapper() *regexp.Regexp {
	return regexp.MustCompile(`^(?:\{\s*\\*["']?(?:value|plaintext|stringValue)\\*["']?\s*[:=]\s*|\(string\) |\(len=\d+\) |\(\[\]uint8\) ` +
		`|string\(\d+\) |s:\d+:|!!str |!!binary |&[\w-]+ |` +
		`(?:Some|SecretStr|SecretBytes|Secret|Just|str|Ok|\[\]byte|bytes|b64decode|Buffer\.from|String|String::from|new String)\(|` +
		`[\[({<]+\s*(?:["'\\]|&quot;)|[NbBuUrRfF@]["']|<string>|<value>|data:[\w/]+;base64,|base64:|0x)`)
}

// read reads the value at a position and adds it if it is a secret.
func (f *finder) read(n named, at int, op operator) bool { //nolint:gocyclo // a parser has one branch for each form
	if at >= len(f.text) {
		return false
	}
	switch rest := f.text[at:]; {
	case rest[0] == '\n' || rest[0] == '\r' || rest[0] == '|' || rest[0] == '>' || strings.HasPrefix(rest, `\n`):
		if op == tight || op == loose {
			return f.block(n, at) || f.lineAfter(n, at)
		}
		return false
	case f.isReplaced(at):
		return true
	case strings.HasPrefix(rest, "[FILTERED") || strings.HasPrefix(rest, "[REDACTED"):
		return false
	case rest[0] == '(' && strings.TrimLeft(rest[1:min(len(rest), 4)], " \r\n") != rest[1:min(len(rest), 4)]:
		return f.block(n, at+1)
	}
	if bytes := f.bytes.FindStringIndex(f.text[at:min(len(f.text), at+4*maxReach)]); bytes != nil && n.meaning >= key {
		return f.add(at+1, at+bytes[1]-1)
	}
	if op == free {
		next := f.skipKind(at)
		if next > at && n.meaning == random {
			n.meaning = opaque
		}
		at = next
	}
	if end := f.bareEnd(at, op); isHexNumber(f.text[at:max(at, end)]) {
		return false
	}
	for range 4 {
		m := f.wrapper.FindStringIndex(f.text[at:min(len(f.text), at+40)])
		if m == nil || strings.HasPrefix(f.text[at:], `<<"`) {
			break
		}
		length := m[1]
		if last := f.text[at+length-1]; strings.IndexByte(`"'\;`, last) >= 0 && length > 1 {
			length-- // the quote itself
			if last == ';' {
				length = strings.IndexByte(f.text[at:], '&')
			}
		}
		at += length
	}
	return f.literals(n, at, op)
}

// isReplaced reports whether a value was replaced before. Its name has a value then, and no other text is searched for it: a text that is
// redacted twice stays the same.
func (f *finder) isReplaced(at int) bool {
	if !strings.HasPrefix(f.text[at:], "[redacted:") {
		return false
	}
	f.end = max(f.end, at+len(pseudonym("redacted", "")))
	return true
}

// skipKind skips the number of the encoding of a secret, as in "password 7 0123abcd".
func (f *finder) skipKind(at int) int {
	for range 3 {
		word, _, ok := strings.Cut(f.text[at:min(len(f.text), at+12)], " ")
		switch strings.ToLower(word) {
		case "0", "1", "5", "6", "7", "8", "9", "128", "192", "256", "md5", "sha", "sha1", "sha256", "sha512", "aes", "des", "3des", "enc",
			"encrypted", "plain", "hash", "hex", "ascii", "clear":
			if !ok {
				return at
			}
			at = f.spaces(at + len(word))
			continue
		}
		break
	}
	return at
}

// literals adds the value at a position, and those that follow in a list.
func (f *finder) literals(n named, at int, op operator) bool {
	found := false
	for range 64 {
		value, ok := f.literal(at, op)
		if !ok {
			return found
		}
		switch isKey := value.quoted && op != pair && f.followed(value.end); {
		case !isKey && f.isReplaced(value.from):
			found = true
		case !isKey && f.secret(n, value, op):
			found = f.add(value.from, value.to)
		case !found:
			return false
		}
		next := f.spaces(value.end)
		if next >= len(f.text) || f.text[next] != ',' || !value.quoted && next > value.end {
			return found
		}
		if at = f.spaces(next + 1); !value.quoted && at > next+1 {
			return found
		}
		if follow, ok := f.literal(at, op); !ok || follow.quoted != value.quoted || !looksRandom(f.text[follow.from:min(follow.to,
			follow.from+maxJudged)]) ||
			!value.quoted && strings.ContainsAny(f.text[follow.from:min(follow.to, follow.from+maxJudged)], "=:") ||
			f.followed(follow.end) {
			return found
		}
	}
	return found
}

// followed reports whether an operator follows: what is before it is a name.
func (f *finder) followed(at int) bool {
	at = f.spaces(at)
	return f.symbol(at) > 0 && !strings.HasPrefix(f.text[at:], "->")
}

// literal reads the literal at a position.
func (f *finder) literal(at int, op operator) (literal, bool) {
	if at >= len(f.text) {
		return literal{}, false
	}
	if length, end := f.quote(at); length > 0 {
		from := at + length
		for length == 3 && from < len(f.text) && (f.text[from] == '\n' || f.text[from] == ' ') {
			from++
		}
		to := f.next(end, from)
		if to < 0 || to-from > maxReach && strings.Contains(f.text[from:from+maxReach], "\n") && length < 3 {
			to = f.lineEnd(from) // the text was cut
			return literal{from, to, true, to}, to > from
		}
		finish := to + len(end)
		to = from + len(strings.TrimRight(f.text[from:to], " \r\n"))
		return literal{from, to, true, finish}, to > from
	}
	if f.text[at] == '{' && at > 0 && f.text[at-1] == '=' { // braces in ODBC
		inner := f.text[at+1 : min(len(f.text), at+maxReach)]
		if end := strings.IndexAny(inner, "} \t\r\n:\"'"); end > 0 && inner[end] == '}' {
			return literal{at + 1, at + 1 + end, false, at + 2 + end}, true
		}
	}
	to := f.bareEnd(at, op)
	if to > at && strings.HasPrefix(f.text[to:], "[redacted:") || strings.HasPrefix(f.text[to:], ":[redacted:") {
		return literal{}, false
	}
	if strings.HasPrefix(f.text[to:], "[redacted:") {
		end := to + len(pseudonym("redacted", ""))
		return literal{to, end, false, end}, true
	}
	if to < len(f.text) && f.text[to] == '(' && f.isExpressionStart(f.text[at:to]) {
		return literal{}, false // a call
	}
	return literal{at, to, false, to}, to > at
}

// isExpressionStart reports whether a text is a name of a function.
func (f *finder) isExpressionStart(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.0123456789$") == ""
}

// maxJudged is how much of a value decides whether it is a secret, in bytes.
const maxJudged = 256

// bareEnd is the end of a value without quotes. The last end is kept, since what is no value may be searched again from each name in it.
func (f *finder) bareEnd(at int, op operator) int {
	if f.bareOp == op && at > f.bareFrom && at < f.bareTo {
		return f.trimBare(at, f.bareTo)
	}
	f.bareOp = op
	f.bareFrom = at
	f.bareTo = f.untrimmedEnd(at, op)
	return f.trimBare(at, f.bareTo)
}

func (f *finder) untrimmedEnd(at int, op operator) int {
	to := at
	encoded := at > 2 && (f.text[at-3:at] == "%3D" || f.text[at-3:at] == "%3d" || f.text[at-3:at] == "%22")
	for to < len(f.text) {
		switch c := f.text[to]; {
		case c <= ' ' || c >= 0x80 || strings.IndexByte("\"'`,;&<>()[]{}|", c) >= 0 && !(c == '&' && op == flagged):
			return to
		case c == '\\' && to+1 < len(f.text) && strings.IndexByte(`nrtu"'\/`, f.text[to+1]) >= 0:
			return to
		case c == '%' && (encoded && !strings.HasPrefix(f.text[to:], "%25") || strings.HasPrefix(f.text[to:], "%22") ||
			strings.HasPrefix(f.text[to:], "%26")):
			return to
		}
		to++
		f.work++
	}
	return to
}

func (f *finder) trimBare(from, to int) int {
	return from + len(strings.TrimRight(f.text[from:to], ".:,"))
}

// byteList matches a value that is printed as numbers.
func byteList() *regexp.Regexp { return regexp.MustCompile(`^\[\d{1,3}(?:,? \d{1,3}){5,}\]`) }
