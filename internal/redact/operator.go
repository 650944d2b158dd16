package redact

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// operator is how a text connects a name with a value.
type operator int

const (
	_ operator = iota
	// tight: name=value, "name": ..., --name=value.
	tight
	// loose: name: value, name = value.
	loose
	// free: name value, name is value.
	free
	// flagged: --name value.
	flagged
	// tag: <name>value</name>.
	tag
	// call: name("value").
	call
	// pair: {"name": "password", "value": "..."}.
	pair
)

// quotes returns the length of a quote at a position and what ends the quoted text. A quote in JSON or a URL is escaped.
func (f *finder) quote(at int) (length int, end string) {
	rest := f.text[at:]
	if rest == "" {
		return 0, ""
	}
	slashes := len(rest) - len(strings.TrimLeft(rest[:min(len(rest), 16)], `\`)) - max(0, len(rest)-16)
	if slashes > 0 && slashes < len(rest) && (rest[slashes] == '"' || rest[slashes] == '\'') {
		return slashes + 1, rest[:slashes+1]
	}
	switch rest[0] {
	case '"', '\'', '`':
		if three := rest[:1] + rest[:1] + rest[:1]; strings.HasPrefix(rest, three) {
			return 3, three
		}
		return 1, rest[:1]
	}
	for _, q := range [...][2]string{
		{"&quot;", "&quot;"}, {"&#34;", "&#34;"}, {"&#39;", "&#39;"}, {"%22", "%22"}, {"%27", "%27"}, {`\u0022`, `\u0022`}, {`\u0027`,
			`\u0027`},
		{"“", "”"}, {"„", "“"}, {"「", "」"}, {"『", "』"}, {"«", "»"}, {"‘", "’"}, {"＂", "＂"}, {"<![CDATA[", "]]>"}, {"<<\"", "\""},
	} {
		if strings.HasPrefix(rest, q[0]) {
			return len(q[0]), q[1]
		}
	}
	return 0, ""
}

// closers skips what may follow a name that is quoted or a key in brackets.
func (f *finder) closers(at int) (end int, quoted bool) {
	for at < len(f.text) {
		switch {
		case f.text[at] == ']', strings.HasPrefix(f.text[at:], "!"), f.text[at] == '?' && quoted:
			at++
			continue
		case quoted && strings.HasPrefix(f.text[at:], ":protected"), quoted && strings.HasPrefix(f.text[at:], ":private"):
			at += strings.IndexByte(f.text[at+1:]+"]", ']') + 1
			continue
		}
		if strings.HasPrefix(f.text[at:], "**") || strings.HasPrefix(f.text[at:], "__") {
			at += 2
			continue
		}
		n, _ := f.quote(at)
		if n == 0 || n == 3 && f.text[at] == f.text[at+1] {
			break
		}
		at += n
		quoted = true
	}
	return at, quoted
}

// remark skips words in parentheses between a name and an operator: 密钥(AppSecret)：x.
func (f *finder) remark(n named, at int) int {
	for _, pair := range [...][2]string{{"(", ")"}, {"（", "）"}} {
		rest := f.text[at:min(len(f.text), at+maxNameBytes/2)]
		if !strings.HasPrefix(rest, pair[0]) || n.compound && !n.foreign {
			continue
		}
		end := strings.Index(rest, pair[1])
		if end < 0 || strings.ContainsAny(rest[:end], "\"'=\n") {
			continue
		}
		if after := f.spaces(at + end + len(pair[1])); strings.HasPrefix(f.text[after:], ":") || strings.HasPrefix(f.text[after:], "：") {
			return after
		}
	}
	return at
}

// spaces skips spaces and tabs.
func (f *finder) spaces(at int) int {
	from := at
	for at < len(f.text) && at-from < maxReach && (f.text[at] == ' ' || f.text[at] == '\t') {
		at++
	}
	if strings.HasPrefix(f.text[at:], "\u3000") || strings.HasPrefix(f.text[at:], "\u00a0") {
		_, size := utf8.DecodeRuneInString(f.text[at:])
		return f.spaces(at + size)
	}
	return at
}

// symbol returns the length of an assignment operator at a position.
func (f *finder) symbol(at int) (length int) {
	rest := f.text[at:]
	for _, assign := range []string{":::=", "::=", ".=", "?="} {
		if strings.HasPrefix(rest, assign) {
			return len(assign)
		}
	}
	for _, not := range []string{"==", "=~", "::", "://", ":=>"} {
		if strings.HasPrefix(rest, not) {
			if not == "::" && strings.HasPrefix(rest, ":: ") { // base64 in LDIF
				return 2
			}
			return 0
		}
	}
	for _, s := range []string{"=>", "->", ":=", "=", ":", "：", "＝", "%3D", "%3d", "%3A", "%3a", `\u003d`, `\u003D`, "&#61;", "→"} {
		if strings.HasPrefix(rest, s) {
			return len(s)
		}
	}
	return 0
}

// value finds the value of a name and adds it if it is a secret.
func (f *finder) value(n named) bool { //nolint:gocyclo // a parser has one branch for each form
	at, quoted := f.closers(n.to)
	at = f.remark(n, at)
	prior := f.priorByte(n.from)
	if prior == '{' && n.from > 1 && f.text[n.from-2] == '$' { // a variable, with a default or without
		isDefault := strings.HasPrefix(f.text[at:], ":-") || strings.HasPrefix(f.text[at:], ":=")
		return isDefault && f.read(n, at+2, tight)
	}
	if f.isOther(n, at, prior) {
		return false
	}
	rest := f.text[at:min(len(f.text), at+maxReach)]
	if dots := len(rest) - len(strings.TrimLeft(rest, ".")); dots > 2 {
		return f.read(n, f.spaces(at+dots), tight)
	}
	after := f.spaces(at)
	length := f.symbol(after)
	if strings.HasPrefix(rest, "->") && !quoted {
		length = 0 // a pointer
	}
	if next := f.continued(after); length == 0 && next > 0 && n.meaning >= key && !quoted {
		return f.read(n, next, tight)
	}
	switch {
	case length > 0:
		return f.assigned(n, at, after, length, quoted) || f.pairedValue(n, at)
	case prior == '$':
		return false
	case strings.HasPrefix(rest, "</td>") || strings.HasPrefix(rest, "</th>"):
		next := f.spaces(at + len("</td>"))
		return strings.HasPrefix(f.text[next:], "<td") && f.tagValue(n, next+1)
	case f.isTag(n, at):
		return f.tagValue(n, at)
	case strings.HasPrefix(rest, "(") && !quoted:
		return f.callValue(n, at+1)
	case n.flag:
		return f.flagValue(n, at, quoted)
	case quoted && f.pairedValue(n, at):
		return true
	case quoted && after > at && strings.HasPrefix(f.text[after:], `"`) && f.isKeyOfMap(n.from):
		return f.read(n, after, tight)
	case (quoted || prior == '{') && strings.HasPrefix(f.text[after:], ","):
		return f.tupleValue(n, f.spaces(after+1))
	case strings.HasPrefix(rest, ";s:"): // as PHP serializes
		i := strings.IndexByte(rest[3:min(len(rest), 12)], ':')
		return i > 0 && f.read(n, at+3+i+1, tight)
	case strings.HasPrefix(f.text[after:], "|") && (f.lineStart(n.from) == n.from || strings.Contains(f.text[f.lineStart(n.from):n.from],
		"|")):
		return f.read(n, f.spaces(after+1), free)
	case strings.HasPrefix(f.text[after:], "<<") && !quoted:
		return f.heredoc(n, after+2)
	case f.pairedValue(n, at):
		return true
	}
	return !quoted && f.words(n, at, after)
}

// isKeyOfMap reports whether a quoted name starts a pair of a map without colons, as Clojure writes it: {"user" "app", "password" "x"}.
func (f *finder) isKeyOfMap(at int) bool {
	before := strings.TrimRight(f.text[max(0, at-8):at], " ")
	before = strings.TrimRight(strings.TrimSuffix(before, `"`), " ")
	return f.priorByte(at) == '"' && (strings.HasSuffix(before, "{") || strings.HasSuffix(before, ","))
}

// isOther reports whether a word is something else than the name of a secret: the result of a test, the working directory, a checksum.
func (f *finder) isOther(n named, at int, prior byte) bool {
	switch f.text[n.from:n.to] {
	case "PASS":
		return strings.HasPrefix(f.text[at:], ":")
	case "PWD":
		return prior != ';'
	}
	return prior == '/' && f.ofDigest(n.from)
}

// assigned reads the value after an operator of a length at a position.
func (f *finder) assigned(n named, at, after, length int, quoted bool) bool {
	start := f.markup(f.spaces(after + length))
	if !quoted && start < len(f.text) && f.text[start] == '"' && f.inString(n.from) {
		return false // the end of the text that the name is in
	}
	colon := f.text[after] == ':' && length == 1
	if prior := f.priorByte(n.from); colon && (prior == '$' || prior == ':' && !quoted) {
		return false
	}
	spaced := start > after+length
	if quoted && f.text[at-1] == '`' && spaced {
		return f.read(n, start, free)
	}
	if !quoted && (colon || spaced && after > at || spaced && length > 1) {
		return f.read(n, start, loose)
	}
	return f.read(n, start, tight)
}

func (f *finder) priorByte(at int) byte {
	if at == 0 {
		return 0
	}
	return f.text[at-1]
}

// markup skips what sets a value apart in Markdown and HTML: **, <code>.
func (f *finder) markup(at int) int {
	if strings.HasPrefix(f.text[at:], "** ") {
		at = f.spaces(at + 2)
	}
	for _, tag := range []string{"<code>", "<b>", "<strong>", "<em>", "<tt>", "<pre>"} {
		if strings.HasPrefix(f.text[at:], tag) {
			return at + len(tag)
		}
	}
	return at
}

// inString reports whether a position is within double quotes that start on its line.
func (f *finder) inString(at int) bool {
	line := f.text[f.lineStart(at):at]
	return (strings.Count(line, `"`)-strings.Count(line, `\"`))%2 == 1
}

// ofDigest reports whether a name is the last part of one such as checksum/secret.
func (f *finder) ofDigest(at int) bool {
	before := strings.ToLower(f.text[max(0, at-24):at])
	for _, word := range []string{"checksum/", "digest/", "hash/", "sha256/", "sum/"} {
		if strings.HasSuffix(before, word) {
			return true
		}
	}
	return false
}

// words finds a value after a name in words: "password is x", "the password of app: x", "password x", 密码是x.
func (f *finder) words(n named, at, after int) bool {
	if n.from > 0 && f.text[n.from-1] == '/' {
		return false // a path
	}
	if after == at && !n.foreign {
		return false
	}
	if strings.HasPrefix(f.text[after:], "- ") && after > at && f.isQuote(f.spaces(after+1)) {
		return f.read(n, f.spaces(after+1), free)
	}
	for _, kind := range []string{"string = ", "String = ", "string := ", "str = "} { // of a declaration
		if strings.HasPrefix(f.text[after:], kind) {
			return f.read(n, after+len(kind), loose)
		}
	}
	if f.isVerb(n) && !f.isMixedWord(after) {
		return false
	}
	if f.connected(n, after) {
		return true
	}
	if f.read(n, after, free) {
		return true
	}
	return f.afterWords(n, after)
}

// afterWords reads a value after an operator that a few words separate from the name: "the password of app: x".
func (f *finder) afterWords(n named, after int) bool {
	end := f.lineEnd(after)
	line := f.text[after:min(end, after+72)]
	if i := strings.IndexAny(line, ":=："); i > 0 {
		length := f.symbol(after + i)
		start := f.spaces(after + i + length)
		between := strings.Trim(line[:i], " 0123456789")
		if length == 0 || len(strings.Fields(line[:i])) > 5 || strings.Contains(between, "--") || n.meaning < key && between != "" ||
			strings.ContainsAny(line[:i], `"'(){}[];,<`) && n.meaning < password && !n.foreign || strings.ContainsAny(line[:i], `,;{}[`) {
			return false
		}
		if start == after+i+length && f.text[after+i] == ':' {
			return f.lineAfter(n, start)
		}
		return f.read(n, start, free)
	}
	return false
}

// isVerb reports whether a name may be the verb to pass.
func (f *finder) isVerb(n named) bool {
	return strings.EqualFold(f.text[n.from:n.to], "pass") && strings.HasPrefix(f.text[n.to:], " ") && !n.flag
}

// isMixedWord reports whether the word at a position has letters and digits, and is neither a setting nor a flag.
func (f *finder) isMixedWord(at int) bool {
	at += len(f.text[at:min(len(f.text), at+1)]) - len(strings.TrimLeft(f.text[at:min(len(f.text), at+1)], "\"'`"))
	word := f.text[at:min(len(f.text), at+maxNameBytes)]
	if end := strings.IndexAny(word, " \t\r\n,;\"'`"); end >= 0 {
		word = word[:end]
	}
	return word != "" && word[0] != '-' && !isSetting(word) && strings.ContainsAny(word, "0123456789!@#$%^&*") && tokenLike(word, password)
}

// lineAfter reads a value that is alone on the next line, or after an empty one: "use this password:".
func (f *finder) lineAfter(n named, at int) bool {
	from := at + len(f.text[at:min(len(f.text), at+6)]) - len(strings.TrimLeft(f.text[at:min(len(f.text), at+6)], " \r\n"))
	if from == at {
		return false
	}
	to := from + len(strings.TrimRight(f.text[from:f.lineEnd(from)], " \r"))
	return to > from && looksRandom(f.text[from:to]) && f.secret(n, literal{from, to, false, to}, free) && f.add(from, to)
}

// connected finds a value after verbs and prepositions: is, was set to.
func (f *finder) connected(n named, at int) bool {
	found := false
	for range 4 {
		word := f.text[at:min(len(f.text), at+24)]
		if end := strings.IndexFunc(word, func(r rune) bool { return !unicode.IsLetter(r) }); end >= 0 {
			word = word[:end]
		}
		switch strings.ToLower(word) {
		case "is", "was", "to", "as", "set", "be", "now", "lautet", "ist", "est", "es", "é", "jest", "are", "becomes", "equals", "使用",
			"by", "with",
			"using", "native", "value", "plaintext", "changed", "reset", "war", "era", "fue", "auf", "wurde", "è", "är", "er", "has",
			"been", "still", "op",
			"new":
			at = f.spaces(at + len(word))
			found = true
			if length := f.symbol(at); length > 0 {
				at = f.spaces(at + length)
			}
			continue
		}
		for _, particle := range []string{"是", "设置为", "设为", "为", "為", "は", "を", "이", "가", "는", "은"} {
			if strings.HasPrefix(f.text[at:], particle) {
				at = f.spaces(at + len(particle))
				found = true
			}
		}
		break
	}
	return found && f.read(n, at, free)
}
