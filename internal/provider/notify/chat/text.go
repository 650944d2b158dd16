package chat

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/provider/notify"
)

// plainText removes control characters, invisible characters, and marks that change the direction of text.
func plainText(text string) string {
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

// escapeMarkdown disables mentions and links in a text that a chat renders as Markdown. Anyone who can write a log line could otherwise
// notify a whole company, or plant a link. An invisible word joiner breaks them up.
func escapeMarkdown(text string) string {
	const joiner = "\u2060"
	mention := regexp.MustCompile(`(?i)@(all|here|channel|everyone|team|所有人)`)
	text = mention.ReplaceAllString(plainText(text), "@"+joiner+"$1")
	return strings.NewReplacer("](", "]"+joiner+"(", "][", "]"+joiner+"[", "<", "‹", ">", "›", "`", "'").Replace(text)
}

// truncateBytes limits a text to a number of bytes and marks that it was truncated. Characters stay whole.
func truncateBytes(text string, maxBytes int) string {
	const mark = "\n…"
	if len(text) <= maxBytes {
		return text
	}
	return text[:lastRuneStart(text, max(maxBytes-len(mark), 0))] + mark
}

func truncateRunes(text string, maxRunes int) string {
	if runes := []rune(text); len(runes) > maxRunes {
		return string(runes[:maxRunes-1]) + "…"
	}
	return text
}

// splitText splits a text into parts of at most maxBytes, between lines if possible. The last of maxParts is truncated.
func splitText(text string, maxBytes, maxParts int) []string {
	var parts []string
	for len(text) > maxBytes && len(parts) < maxParts-1 {
		end := strings.LastIndexByte(text[:maxBytes], '\n')
		if end <= 0 {
			end = lastRuneStart(text, maxBytes)
		}
		parts = append(parts, text[:end])
		text = strings.TrimPrefix(text[end:], "\n")
	}
	if text == "" && len(parts) > 0 {
		return parts
	}
	return append(parts, truncateBytes(text, maxBytes))
}

// lastRuneStart is the largest index up to end at which a character starts.
func lastRuneStart(text string, end int) int {
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return end
}

// titleOf a message in one line, never empty.
func titleOf(message notify.Message) string {
	if title := strings.Join(strings.Fields(plainText(message.Title)), " "); title != "" {
		return title
	}
	return "KubeOps"
}
