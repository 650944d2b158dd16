package render

import (
	"slices"
	"strings"
	"unicode"
)

// notLinked stands after a character that code hosts would read as the beginning of a mention or a reference, such as
// @team or #42. They look for those in the text as it shows, so that a backslash would not do. It has no width.
const notLinked = "&#8203;"

// inlineText is text that stands for itself in Markdown: it makes no markup, HTML, link, mention or reference, and stays in
// its line.
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
		case (r == '.' || r == ')') && i > 0 && allDigits(runes[:i]): // would begin a numbered list
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

// escapes says whether a punctuation mark needs a backslash. Marks that mean something only at the beginning of a word, or
// not between letters and digits, stay readable there: pod-name, v1.2+k3s.
func escapes(r rune, beginsWord bool, next rune) bool {
	switch r {
	case '(', ')', '"', '\'', '{', '}':
		return false // without the brackets before them they mean nothing
	case '-', '+', '=', '#':
		return beginsWord && (next == ' ' || next == r)
	default:
		return true
	}
}

func allDigits(runes []rune) bool {
	return !slices.ContainsFunc(runes, func(r rune) bool { return r < '0' || r > '9' })
}

// breaksLink says whether what begins at a character would become a mention, a reference or a link by itself.
func breaksLink(runes []rune, i int, next rune) bool {
	switch r := runes[i]; r {
	case '@', '#', '!', '~', '%', '&', '$', '^':
		return unicode.IsLetter(next) || unicode.IsDigit(next) || next == '"' || next == '_'
	case ':': // https://, mailto:someone
		return next == '/' || next != ' ' && strings.HasSuffix(strings.ToLower(string(runes[max(0, i-6):i])), "mailto")
	case 'w', 'W': // www.
		return next == '.' && i >= 2 && strings.EqualFold(string(runes[i-2:i+1]), "www")
	default:
		return false
	}
}

// prose is inlineText in which what stood in backquotes is code.
func prose(text string) string {
	var b strings.Builder
	for i, s := range spans(oneLine(text)) {
		if i > 0 && s.Text == "" {
			continue
		}
		lead, trail := "", ""
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

// codeSpan is text in backquotes. Nothing in it is markup, a link or a mention; only its fence must be longer than any run
// of backquotes within. It is not for tables, where a bar ends even code, and the ways to escape one there end it too.
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

// codeBlock is text in a fence that nothing within can close.
func codeBlock(text string) string {
	text = strings.Trim(clean(text), "\n")
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	return fence + "text\n" + text + "\n" + fence + "\n"
}
