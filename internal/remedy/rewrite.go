package remedy

import (
	"strings"
)

// Rewrite replaces commands of a text. replace gets each command between backquotes as the words that a shell reads, separators of
// pipelines and lists among them, and returns the text that takes the place of the command and its backquotes, or false to keep it. A
// replacement at the beginning of a sentence begins with a capital letter.
func Rewrite(text Text, replace func(words []string) (Text, bool)) Text {
	parts := strings.Split(string(text), "`") // values contain no backquote
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 0 || i == len(parts)-1 { // prose, or a backquote without a partner
			if i%2 == 1 {
				b.WriteByte('`')
			}
			b.WriteString(part)
			continue
		}
		words := split(part)
		for j, word := range words {
			words[j] = unquote(word)
		}
		by, ok := replace(words)
		if !ok {
			b.WriteString("`" + part + "`")
			continue
		}
		if begins(b.String()) {
			by = capital(by)
		}
		b.WriteString(string(by))
	}
	return Text(b.String())
}

// begins reports whether what follows a text begins a sentence.
func begins(text string) bool {
	text = strings.TrimRight(text, " ")
	return text == "" || strings.HasSuffix(text, ".")
}

func capital(text Text) Text {
	if text == "" || text[0] < 'a' || text[0] > 'z' {
		return text
	}
	return Text(strings.ToUpper(string(text[:1]))) + text[1:]
}

// unquote returns a word of a command as a shell reads it: without quotes and escapes.
func unquote(word string) string {
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		switch c := word[i]; {
		case c == '\\' && i+1 < len(word):
			i++
			b.WriteByte(word[i])
		case c == '$' && strings.HasPrefix(word[i:], "$'"):
			i = unquoteANSI(&b, word, i+2)
		case c == '\'':
			end := strings.IndexByte(word[i+1:], '\'')
			if end < 0 {
				end = len(word) - i - 1
			}
			b.WriteString(word[i+1 : i+1+end])
			i += end + 1
		case c == '"':
			for i++; i < len(word) && word[i] != '"'; i++ {
				if word[i] == '\\' && i+1 < len(word) {
					i++
				}
				b.WriteByte(word[i])
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unquoteANSI appends the text of $'...' from its beginning, which package remedy writes with octal escapes only, and returns the place
// of the closing quote.
func unquoteANSI(b *strings.Builder, word string, i int) int {
	for ; i < len(word) && word[i] != '\''; i++ {
		if word[i] == '\\' && i+3 < len(word) && octal(word[i+1:i+4]) {
			b.WriteByte((word[i+1]-'0')<<6 | (word[i+2]-'0')<<3 | (word[i+3] - '0'))
			i += 3
			continue
		}
		b.WriteByte(word[i])
	}
	return i
}

func octal(digits string) bool { return strings.Trim(digits, "01234567") == "" && digits[0] <= '3' }
