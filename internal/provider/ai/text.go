package ai

import (
	"regexp"
	"strings"
)

// JSONText returns the JSON of an answer: without the reasoning that some models write before it, which ends with </think>, and without
// the Markdown code fence that many put around it. Everything else stays, so that prose is no JSON.
func JSONText(text string) string {
	text = strings.TrimSpace(text)
	if !strings.HasPrefix(text, "{") {
		end := regexp.MustCompile(`(?i)</(?:think|thinking|reasoning)>`) // the server's template may have written the beginning
		if all := end.FindAllStringIndex(text, -1); len(all) > 0 {
			text = strings.TrimSpace(text[all[len(all)-1][1]:])
		}
	}
	rest, fenced := strings.CutPrefix(text, "```")
	inner, closed := strings.CutSuffix(rest, "```")
	if !fenced || !closed {
		return text
	}
	inner = strings.TrimSpace(inner)
	if len(inner) > 4 && strings.EqualFold(inner[:4], "json") {
		inner = inner[4:]
	}
	return strings.TrimSpace(inner)
}
