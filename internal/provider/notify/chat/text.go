package chat

import (
	"strings"
	"unicode/utf8"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/provider/notify"
)

// plainText shows control characters, invisible characters, and marks that change the direction of text as escapes.
func plainText(text string) string { return strings.ReplaceAll(printable.Block(text), "\t", " ") }

// escapeMarkdown disables mentions and titled links in a text that a chat renders as Markdown. Anyone who can write a log line could
// otherwise notify a whole company, or plant a link. A backquote would end the code in which a remedy's command stands.
func escapeMarkdown(text string) string {
	text = printable.Unmentioned(plainText(text))
	return strings.NewReplacer("](", "] (", "][", "] [", "]:", "] :", "<", "‹", ">", "›", "`", "'").Replace(text)
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
