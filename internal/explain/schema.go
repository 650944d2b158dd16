package explain

import (
	"encoding/json"
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/ai"
)

// lengths of the parts of an answer in characters and entries.
type lengths struct{ cause, why, claim, quote, open, short, fix, description, command, patch int }

// roomFor returns the lengths for an answer of so many tokens, so that an answer that matches the schema is hardly ever truncated. A token
// is about three characters of English and less than one of Chinese, which says the same in a third of the characters.
func roomFor(tokens int, language v1alpha1.Language) lengths {
	if language == v1alpha1.LanguageChinese {
		switch {
		case tokens >= 2000:
			return lengths{
				cause: 160, why: 4, claim: 100, quote: 160, open: 2, short: 80, fix: 3, description: 100, command: 240, patch: 400,
			}
		case tokens >= 800:
			return lengths{cause: 90, why: 2, claim: 60, quote: 90, open: 1, short: 60, fix: 3, description: 50, command: 120}
		}
		return lengths{cause: 60, why: 1, claim: 40, quote: 60, fix: 1, description: 30, command: 80}
	}
	switch {
	case tokens >= 2000:
		return lengths{cause: 500, why: 5, claim: 300, quote: 200, open: 3, short: 200, fix: 3, description: 300, command: 300, patch: 600}
	case tokens >= 800:
		return lengths{cause: 300, why: 3, claim: 160, quote: 120, open: 2, short: 120, fix: 3, description: 120, command: 140}
	}
	return lengths{cause: 160, why: 1, claim: 120, quote: 80, fix: 1, description: 80, command: 80}
}

// text tells a model the limits of its answer.
func (l lengths) text() string {
	return fmt.Sprintf("Limits in characters: cause %d, claim %d, quote %d, description %d, command %d, patch %d, others %d. "+
		"Limits in entries: why %d, fix %d, missing, next and ruledOut %d each.",
		l.cause, l.claim, l.quote, l.description, l.command, l.patch, l.short, l.why, l.fix, l.open)
}

// schema of an answer that may cite these ids.
func schema(ids []string, room lengths) json.RawMessage {
	text := func(maxLength int) map[string]any {
		if maxLength == 0 {
			return map[string]any{"type": "string", "enum": []string{""}}
		}
		return map[string]any{"type": "string", "maxLength": maxLength}
	}
	object := func(properties map[string]any, required ...string) map[string]any {
		return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	list := func(maxItems int, items any) map[string]any {
		return map[string]any{"type": "array", "maxItems": maxItems, "items": items}
	}
	id := map[string]any{"type": "string"}
	if len(ids) > 0 {
		id["enum"] = ids
	}
	cited := list(4, id)
	content, err := json.Marshal(object(map[string]any{
		"cause": text(room.cause),
		"why": list(room.why, object(map[string]any{
			"claim": text(room.claim), "evidence": cited, "quote": text(room.quote),
		}, "claim", "evidence", "quote")),
		"ruledOut": list(min(room.open, maxRuledOut), object(map[string]any{
			"cause": text(room.short), "evidence": cited,
		}, "cause", "evidence")),
		"missing": list(room.open, text(room.short)),
		"next":    list(room.open, text(room.short)),
		"fix": list(room.fix, object(map[string]any{
			"description": text(room.description), "target": text(maxTarget), "evidence": cited, "command": text(room.command),
			"patch": text(room.patch),
		}, "description", "target", "evidence", "command", "patch")),
		"confidence": map[string]any{"type": "string", "enum": []v1alpha1.Confidence{
			v1alpha1.ConfidenceHigh, v1alpha1.ConfidenceMedium, v1alpha1.ConfidenceLow, v1alpha1.ConfidenceUnknown,
		}},
	}, "cause", "why", "ruledOut", "missing", "next", "fix", "confidence"))
	if err != nil {
		return nil // cannot happen for strings and numbers
	}
	return content
}

// maxTarget is the length of the name of an object with its kind and namespace, in runes.
const maxTarget = 120

// answerTokens bounds an answer: a model with a small context reserves two thirds of it for the question.
func (c Candidate) answerTokens() int { return min(c.AnswerTokens, max(int(c.ContextLength/3), 128)) }

// investigatedRoom is room for a prompt with what was read besides.
func (c Candidate) investigatedRoom() int64 {
	const more = 4000
	available := c.ContextLength - int64(c.answerTokens()) - ai.Estimate(system(v1alpha1.LanguageChinese)) - 192
	return max(c.room(), min(available, c.room()+more))
}

// room for the user's part of a prompt in tokens. More than maxRoom does not improve answers.
func (c Candidate) room() int64 {
	const (
		maxRoom  = 6000
		minRoom  = 256
		overhead = 192 // the limits, and what a chat adds
	)
	available := c.ContextLength - int64(c.answerTokens()) - ai.Estimate(system(v1alpha1.LanguageChinese)) - overhead
	return max(min(available, maxRoom), minRoom)
}
