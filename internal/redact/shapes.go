package redact

import (
	"strings"

	"kubeops.io/kubeops/internal/leaks"
)

// isTag reports whether a name is that of an XML element, or the last attribute of one.
func (f *finder) isTag(n named, at int) bool {
	low := max(0, n.from-maxReach)
	f.work += n.from - low
	open := strings.LastIndexAny(f.text[low:n.from], "<>")
	if open < 0 || f.text[low+open] != '<' || at >= len(f.text) {
		return false
	}
	before := f.text[low+open+1 : n.from]
	if strings.HasPrefix(before, "/") {
		return false
	}
	if before == "" || strings.HasSuffix(before, ":") && !strings.ContainsAny(before, " =") {
		return f.text[at] == '>' || f.text[at] == ' '
	}
	return f.text[at] == '>'
}

// tagValue reads the text of an XML element.
func (f *finder) tagValue(n named, at int) bool {
	high := min(len(f.text), at+maxReach)
	f.work += high - at
	open := strings.IndexAny(f.text[at:high], "<>")
	if open < 0 || f.text[at+open] != '>' || open > 0 && f.text[at+open-1] == '/' {
		return false
	}
	from := at + open + 1
	from += len(f.text[from:min(len(f.text), from+40)]) - len(strings.TrimLeft(f.text[from:min(len(f.text), from+40)], " \r\n\t"))
	for _, inner := range []string{"<value>", "<Value>", "<string>"} {
		if strings.HasPrefix(f.text[from:], inner) {
			from += len(inner)
		}
	}
	if strings.HasPrefix(f.text[from:], "<![CDATA[") {
		return f.read(n, from, tight)
	}
	if strings.HasPrefix(f.text[from:], "</") { // <key>password</key><string>x</string>
		return f.pairedValue(n, n.to)
	}
	to := f.next("<", from)
	if to < 0 || !strings.HasPrefix(f.text[to:], "</") {
		return false // "token: <secret>" is no element
	}
	to = from + len(strings.TrimRight(f.text[from:to], " \r\n\t"))
	if to <= from {
		return false
	}
	if text := f.text[from:to]; strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}") && strings.ContainsRune(text, ' ') {
		from += strings.LastIndexByte(text, ' ') + 1
		to--
	}
	value := literal{from, to, true, to}
	return (n.meaning > random || to-from > 15 && f.text[n.from:n.to] == "auth") && f.secret(n, value, tag) && f.add(from, to)
}

// callValue reads the last literal among the arguments of a call: setPassword("x"), Credential("user", "x").
func (f *finder) callValue(n named, at int) bool {
	var last literal
	count := 0
	for range 8 {
		if at = f.spaces(at); at >= len(f.text) {
			return false
		}
		if strings.IndexByte("NbBuUrR", f.text[at]) >= 0 && at+1 < len(f.text) && (f.text[at+1] == '"' || f.text[at+1] == '\'') {
			at++
		}
		length, _ := f.quote(at)
		value, ok := f.literal(at, tight)
		if length == 0 || !ok || value.to-value.from > maxReach {
			return false
		}
		last = value
		count++
		if at = f.spaces(value.end); at >= len(f.text) || f.text[at] != ',' {
			break
		}
		at++
	}
	text := f.text[last.from:last.to]
	if at >= len(f.text) || f.text[at] != ')' || count > 1 && !tokenLike(text, n.meaning) {
		return false
	}
	return !f.refers(text) && f.secret(n, last, call) && (n.meaning == password || looksRandom(text)) && f.add(last.from, last.to)
}

// flagValue reads the value after a flag: --password x, "--password", "x", or on the next line of a list.
func (f *finder) flagValue(n named, at int, quoted bool) bool {
	next := f.argument(at, quoted)
	if quoted && f.text[at-1] == '`' || next <= at || next >= len(f.text) || f.text[next] == '-' || f.text[next] == '\n' {
		return false
	}
	value, ok := f.literal(next, flagged)
	if !ok || value.to-value.from < 3 {
		return false
	}
	text := f.text[value.from:value.to]
	if !value.quoted && (strings.HasPrefix(f.text[value.to:], "  ") || next > at+2 && !strings.ContainsAny(f.text[at:next], "\n\",") ||
		text == strings.ToUpper(text) && isIdentifier(text) || f.articles[strings.ToLower(text)]) {
		return false // the help of a program
	}
	if n.meaning < password && isSetting(text) || f.text[at] == '\n' && f.text[next-1] != '-' && f.text[next-2] != '-' &&
		!tokenLike(text, n.meaning) {
		return false
	}
	return f.secret(n, value, flagged) && f.add(value.from, value.to)
}

// argument skips what separates the arguments of a command: spaces, commas in a list, line breaks in YAML and after a backslash.
func (f *finder) argument(at int, quoted bool) int {
	next := f.spaces(at)
	if quoted && next < len(f.text) && f.text[next] == ',' || next < len(f.text) && f.text[next] == ',' && f.spaces(next+1) > next+1 {
		next = f.spaces(next + 1)
		if next < len(f.text) && f.text[next] == '\n' {
			next = f.spaces(next + 1)
		}
		return next
	}
	if strings.HasPrefix(f.text[next:], "\\\n") {
		return f.spaces(next + 2)
	}
	if strings.HasPrefix(f.text[next:], "\n") {
		item := f.spaces(next + 1)
		if strings.HasPrefix(f.text[item:], "- ") {
			return f.spaces(item + 2)
		}
		if item > next+1 && !quoted { // kubectl describe
			return item
		}
	}
	return next
}

// tupleValue reads the second item of a tuple or a list of arguments: ('password', 'x').
func (f *finder) tupleValue(n named, at int) bool {
	if at < len(f.text) && f.text[at] == 'b' {
		at++
	}
	value, ok := f.literal(at, free)
	if !ok || !value.quoted || value.to-value.from > maxReach {
		return false
	}
	text := f.text[value.from:value.to]
	if space := strings.IndexByte(text, ' '); space > 0 && space < 10 && n.meaning == key { // Bearer x
		value.from += space + 1
		text = text[space+1:]
	}
	open := max(0, n.from-3)
	paired := strings.ContainsAny(f.text[open:n.from], "({") && strings.HasPrefix(f.text[value.end:], f.closing(open, n.from))
	if !tokenLike(text, n.meaning) && (!paired || n.meaning < password) {
		return false
	}
	return f.secret(n, value, tight) && f.add(value.from, value.to)
}

func (f *finder) closing(from, to int) string {
	if strings.Contains(f.text[from:to], "{") {
		return "}"
	}
	return ")"
}

// pairedValue reads the value of a pair of which the name is itself a value: name: PASSWORD, value: x.
func (f *finder) pairedValue(n named, at int) bool {
	if !f.isNamed(n.from) {
		return false
	}
	high := min(len(f.text), at+80)
	f.work += high - at
	if f.inForm(at) {
		return f.formValue(n, at)
	}
	for i := at; i < high; i++ {
		switch c := f.text[i]; {
		case (c|0x20 == 'v' || c == 's' || c == 'd') && isValueWord(f.text[i:]) > 0:
			end := i + isValueWord(f.text[i:])
			if f.text[end-1] == '>' {
				end--
			}
			if end < len(f.text) && f.text[end] == '>' {
				return f.tagValue(n, end)
			}
			end, _ = f.closers(end)
			length := f.symbol(f.spaces(end))
			return length > 0 && f.read(n, f.spaces(f.spaces(end)+length), pair)
		case c == ' ' && f.text[i-1] != ',' && strings.IndexByte(f.text[i:high], '>') > 0 && strings.Contains(f.text[i:high], "=\"") &&
			!strings.Contains(f.text[i:high], " value") && f.isAttribute(n.from):
			i += strings.IndexByte(f.text[i:high], '>')
		case c == '<' && strings.HasPrefix(f.text[i:], "</"):
			i += max(0, strings.IndexByte(f.text[i:high], '>'))
		case strings.IndexByte("\"'\\,;<>/ \t\r\n&quot{", c) < 0:
			return false
		}
	}
	return false
}

// isAttribute reports whether a name is in a tag of XML.
func (f *finder) isAttribute(at int) bool {
	before := f.text[max(0, at-maxReach):at]
	return strings.LastIndexByte(before, '<') > strings.LastIndexByte(before, '>')
}

// inForm reports whether a position ends the header of a part of a form.
func (f *finder) inForm(at int) bool {
	return strings.HasPrefix(f.text[at:], "\n\n") || strings.HasPrefix(f.text[at:], "\r\n\r\n")
}

// formValue reads the part of a form that follows its header.
func (f *finder) formValue(n named, at int) bool {
	if !strings.Contains(f.text[f.lineStart(n.from):n.from], "form-data") {
		return false
	}
	from := at + len(f.text[at:min(at+4, len(f.text))]) - len(strings.TrimLeft(f.text[at:min(at+4, len(f.text))], "\r\n"))
	to := from + len(strings.TrimRight(f.text[from:f.lineEnd(from)], "\r"))
	value := literal{from, to, true, to}
	return to > from && f.secret(n, value, tight) && f.add(from, to)
}

// isValueWord returns the length of the word value, or of the tag of a string in a property list.
func isValueWord(text string) int {
	switch {
	case len(text) > 5 && strings.EqualFold(text[:5], "value"):
		return 5
	case strings.HasPrefix(text, "default ="):
		return 7
	case strings.HasPrefix(text, "string>"):
		return 7
	}
	return 0
}

// isNamed reports whether a word such as name or key and an operator, or an element <key>, is before a position.
func (f *finder) isNamed(at int) bool {
	before := strings.TrimRight(f.text[max(0, at-24):at], "\"'\\ ")
	before = strings.TrimSuffix(strings.TrimRight(strings.TrimSuffix(before, "&quot;"), "\"'\\ :=>"), "&quot;")
	before = strings.ToLower(strings.TrimRight(before, "\"'\\ "))
	for _, word := range []string{"name", "key", "variable", "header", "property"} {
		if strings.HasSuffix(before, word) {
			return true
		}
	}
	return false
}

// heredoc reads the lines up to a marker.
func (f *finder) heredoc(n named, at int) bool {
	line := f.lineEnd(at)
	marker := strings.Trim(f.text[at:line], "<-'\" \t\r")
	if marker == "" || len(marker) > 24 || line >= len(f.text) || isFileName(f.text[n.from:n.to]) {
		return false
	}
	if line == f.lineEnd(at) && strings.HasPrefix(f.text[at:], "<") { // a here string
		return f.read(n, f.spaces(at+1), flagged)
	}
	end := f.next("\n"+marker, line)
	if end < 0 || end-line > 16<<10 {
		return false
	}
	value := literal{line + 1, end, true, end}
	return value.to > value.from && f.secret(n, value, tight) && f.add(value.from, value.to)
}

// block reads a value on the lines after its name: block scalars of YAML, items of lists, quoted text.
func (f *finder) block(n named, at int) bool {
	br := "\n"
	if strings.HasPrefix(f.text[at:], `\n`) {
		br = `\n`
	}
	scalar := at < len(f.text) && (f.text[at] == '|' || f.text[at] == '>')
	if scalar {
		at++
		for at < len(f.text) && strings.IndexByte("+-0123456789", f.text[at]) >= 0 {
			at++
		}
		if strings.HasPrefix(f.text[at:], `\n`) {
			br = `\n`
		}
	}
	at = f.spaces(at)
	if strings.HasPrefix(f.text[at:], "\r") {
		at++
	}
	indent := f.indent(n.from)
	found := false
	for range 64 {
		if !strings.HasPrefix(f.text[at:], br) {
			return found
		}
		from := f.spaces(at + len(br))
		deeper := from-at-len(br) > indent
		end := f.breakAfter(from, br)
		if from >= end || !deeper && !strings.HasPrefix(f.text[from:], "- ") && !strings.HasPrefix(f.text[from:], "string(") &&
			!f.isQuote(from) {
			return found
		}
		switch {
		case scalar:
			value := literal{from, end, true, end}
			if isPair(f.text[from:end]) {
				found = true // the name of the line decides
				break
			}
			if !deeper || !f.secret(n, value, tight) {
				return found
			}
			found = f.add(from, end)
		case !f.blockItem(n, from, end):
			return found
		default:
			found = true
		}
		at = end
	}
	return found
}

// isPair reports whether a line is a name and a value of YAML.
func isPair(line string) bool {
	name, _, ok := strings.Cut(line, ": ")
	return ok && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == "" && name != ""
}

func (f *finder) isQuote(at int) bool { n, _ := f.quote(at); return n > 0 }

// blockItem adds a line after a name if it is a literal rather than another name with a value.
func (f *finder) blockItem(n named, from, end int) bool {
	item := strings.HasPrefix(f.text[from:end], "- ")
	if item {
		from = f.spaces(from + 2)
	}
	if strings.HasPrefix(f.text[from:], "string(") {
		return f.read(n, from, tight)
	}
	value, ok := f.literal(from, loose)
	if !ok || value.end > end && !value.quoted || f.followed(value.end) {
		return false
	}
	rest := strings.TrimLeft(f.text[value.end:max(value.end, end)], " ,)]}\r;+")
	text := f.text[value.from:value.to]
	comment := value.quoted && (strings.HasPrefix(rest, "#") || strings.HasPrefix(rest, "//"))
	if rest != "" && !comment || !value.quoted && !tokenLike(text, n.meaning) || item && leaks.WordsOnly(text) {
		return false
	}
	return f.secret(n, value, tight) && f.add(value.from, value.to)
}

// breakAfter is the position of the next line break.
func (f *finder) breakAfter(at int, br string) int {
	if br == "\n" {
		return f.lineEnd(at)
	}
	high := min(len(f.text), at+4*maxReach)
	f.work += high - at
	if i := strings.IndexAny(f.text[at:high], "\\\"\n"); i >= 0 {
		return at + i
	}
	return high
}

// indent is the number of spaces at the start of the line of a position. The items of a list count as indented.
func (f *finder) indent(at int) int {
	line := f.text[f.lineStart(at):at]
	return len(line) - len(strings.TrimLeft(line, " -"))
}
