package chat

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/notify"
)

// plain takes from a text what is none: control characters, and marks that turn the direction of writing or cannot be seen.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// quiet takes the calls for attention and the links out of a text that a chat reads as Markdown: whoever can write a log line must not
// be able to wake a whole company, or to make people click. A word joiner, which nobody sees, breaks them up.
func quiet(text string) string {
	const joiner = "\u2060"
	text = regexp.MustCompile(`(?i)@(all|here|channel|everyone|team|所有人)`).ReplaceAllString(plain(text), "@"+joiner+"$1")
	return strings.NewReplacer("](", "]"+joiner+"(", "][", "]"+joiner+"[", "<", "‹", ">", "›", "`", "'").Replace(text)
}

// cut ends a text at a number of bytes, between two characters, and says so.
func cut(text string, most int) string {
	const more = "\n…"
	if len(text) <= most {
		return text
	}
	end := max(most-len(more), 0)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}

// pieces of a text of at most so many bytes each, and at most so many, broken between lines where that is possible.
func pieces(text string, most, count int) []string {
	var list []string
	for len(text) > most && len(list) < count-1 {
		end := strings.LastIndexByte(text[:most], '\n')
		if end <= 0 {
			for end = most; end > 0 && !utf8.RuneStart(text[end]); end-- {
			}
		}
		list = append(list, text[:end])
		text = strings.TrimPrefix(text[end:], "\n")
	}
	if text == "" && len(list) > 0 {
		return list
	}
	return append(list, cut(text, most))
}

// titled is the title of a message, which is never empty.
func titled(m notify.Message) string {
	if title := strings.Join(strings.Fields(plain(m.Title)), " "); title != "" {
		return title
	}
	return "KubeOps"
}
