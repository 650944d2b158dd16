package explain

import (
	"encoding/json"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/ai"
)

// lengths of the parts of an answer in characters and entries.
type lengths struct{ summary, why, claim, fix, description, command, patch int }

// roomFor returns the lengths for an answer of so many tokens, so that an answer that matches the schema is never truncated. A token
// is about three characters of English and less than one of Chinese.
func roomFor(tokens int, language v1alpha1.Language) lengths {
	if language == v1alpha1.LanguageChinese {
		tokens /= 3
	}
	switch {
	case tokens >= 2000:
		return lengths{summary: 500, why: 5, claim: 300, fix: 3, description: 300, command: 300, patch: 600}
	case tokens >= 800:
		return lengths{summary: 400, why: 3, claim: 200, fix: 2, description: 200, command: 200, patch: 200}
	}
	return lengths{summary: 160, why: 1, claim: 120, fix: 1, description: 80, command: 80, patch: 0}
}

// schema of an answer that may cite these ids.
func schema(ids []string, room lengths) json.RawMessage {
	text := func(maxLength int) map[string]any { return map[string]any{"type": "string", "maxLength": maxLength} }
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
	patch := text(room.patch)
	if room.patch == 0 {
		patch = map[string]any{"type": "string", "enum": []string{""}}
	}
	cited := list(min(max(room.why, 2), 4), id)
	content, err := json.Marshal(object(map[string]any{
		"summary": text(room.summary),
		"why":     list(room.why, object(map[string]any{"claim": text(room.claim), "evidence": cited}, "claim", "evidence")),
		"fix": list(room.fix, object(map[string]any{"description": text(room.description), "command": text(room.command), "patch": patch},
			"description", "command", "patch")),
		"confidence": map[string]any{"type": "string", "enum": []v1alpha1.Confidence{
			v1alpha1.ConfidenceHigh, v1alpha1.ConfidenceMedium, v1alpha1.ConfidenceLow, v1alpha1.ConfidenceUnknown,
		}},
	}, "summary", "why", "fix", "confidence"))
	if err != nil {
		return nil // cannot happen for strings and numbers
	}
	return content
}

// answerTokens bounds an answer: a model with a small context reserves two thirds of it for the question.
func (c Candidate) answerTokens() int { return min(c.AnswerTokens, max(int(c.ContextLength/3), 128)) }

// room for the user's part of a prompt in tokens. More than maxRoom does not improve answers.
func (c Candidate) room() int64 {
	const (
		maxRoom  = 6000
		minRoom  = 256
		overhead = 64
	)
	available := c.ContextLength - int64(c.answerTokens()) - ai.Estimate(system(v1alpha1.LanguageChinese)) - overhead
	return max(min(available, maxRoom), minRoom)
}
