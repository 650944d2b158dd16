package render

import (
	"slices"
	"strings"
	"unicode"
)

// notLinked is a zero-width space. It follows a character that starts a mention or reference on code hosts, such as @team or #42.
// A backslash would not help, since they search the rendered text.
const notLinked = "&#8203;"

// inlineText escapes text for Markdown: it becomes no markup, HTML, link, mention or reference, and is one line.
func inlineText(text string) string {
	var b strings.Builder
	runes := []rune(oneLine(text))
	for i, r := range runes {
		next := ' '
		if i+1 < len(runes) {
			next = runes[i+1]
		}
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case (r == '.' || r == ')') && i > 0 && allDigits(runes[:i]): // would start a numbered list
			b.WriteString(`\` + string(r))
		case strings.ContainsRune("\\`*_{}[]()#+-!|~^$=\"'", r):
			if escapes(r, i == 0 || runes[i-1] == ' ', next) {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		if breaksLink(runes, i, next) {
			b.WriteString(notLinked)
		}
	}
	return b.String()
}

// escapes reports whether a punctuation mark needs a backslash. Marks that are special only at the start of a word are not escaped
// elsewhere, which keeps pod-name and v1.2+k3s readable.
func escapes(r rune, beginsWord bool, next rune) bool {
	switch r {
	case '(', ')', '"', '\'', '{', '}':
		return false // not special without a bracket before them
	case '-', '+', '=', '#':
		return beginsWord && (next == ' ' || next == r)
	default:
		return true
	}
}

func allDigits(runes []rune) bool {
	return !slices.ContainsFunc(runes, func(r rune) bool { return r < '0' || r > '9' })
}

// breaksLink reports whether a mention, reference or bare link would start at a character.
func breaksLink(runes []rune, i int, next rune) bool {
	switch r := runes[i]; r {
	case '@', '#', '!', '~', '%', '&', '$', '^':
		return unicode.IsLetter(next) || unicode.IsDigit(next) || next == '"' || next == '_'
	case ':': // https://, mailto:user
		return next == '/' || next != ' ' && strings.HasSuffix(strings.ToLower(string(runes[max(0, i-6):i])), "mailto")
	case 'w', 'W': // www.
		return next == '.' && i >= 2 && strings.EqualFold(string(runes[i-2:i+1]), "www")
	default:
		return false
	}
}

// prose is inlineText, except that text in backquotes becomes code.
func prose(text string) string {
	var b strings.Builder
	for i, s := range spans(oneLine(text)) {
		if i > 0 && s.Text == "" {
			continue
		}
		var lead, trail string
		if strings.HasPrefix(s.Text, " ") {
			lead = " "
		}
		if len(s.Text) > 1 && strings.HasSuffix(s.Text, " ") {
			trail = " "
		}
		if s.Code {
			b.WriteString(codeSpan(s.Text))
			continue
		}
		b.WriteString(lead + inlineText(s.Text) + trail)
	}
	return b.String()
}

// codeSpan is text in backquotes. Nothing in it is markup, a link or a mention, if its fence is longer than any run of backquotes in
// the text. Do not use it in tables, where a bar ends a cell even within code.
func codeSpan(text string) string {
	text = oneLine(text)
	if text == "" {
		return ""
	}
	fence := strings.Repeat("`", longestRun(text, '`')+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// codeBlock is text in a fence that the text cannot close.
func codeBlock(text string) string {
	text = strings.Trim(clean(text), "\n")
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	return fence + "text\n" + text + "\n" + fence + "\n"
}
