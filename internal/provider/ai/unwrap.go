package ai

import (
	"regexp"
	"strings"
)

// Unwrap removes from an answer what models put around the JSON that they were asked for: a block of thoughts before it, and a Markdown
// code fence.
func Unwrap(text string) string {
	text = strings.TrimSpace(text)
	thoughts := regexp.MustCompile(`(?is)^<(think|thinking|reasoning)>.*?</(?:think|thinking|reasoning)>`)
	text = strings.TrimSpace(thoughts.ReplaceAllString(text, ""))
	if rest, ok := strings.CutPrefix(text, "```"); ok {
		if inner, ok := strings.CutSuffix(rest, "```"); ok {
			language := regexp.MustCompile(`^[A-Za-z0-9]*\s`)
			text = strings.TrimSpace(language.ReplaceAllString(inner+"\n", ""))
		}
	}
	return text
}
