package openai

import (
	"net/http"
	"strconv"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ai"
)

// responseFormat is the parameter with the schema of the answer.
const responseFormat = "response_format"

// refusal of a status, with what the server says.
func (m *Model) refusal(status int, said said) *ai.Refusal {
	return &ai.Refusal{
		Status: status, Code: string(said.Code), Param: string(said.Param), Message: said.Message, Secrets: m.settings.Secrets(),
	}
}

// statusOf returns the status that an error in a response of status 200 stands for: its code if it is one, or else 200.
func statusOf(said said) int {
	code, err := strconv.Atoi(string(said.Code))
	if err != nil || code < http.StatusBadRequest || code > 599 {
		return http.StatusOK
	}
	return code
}

// adjust leaves out or renames the parameter that a server rejected, and reports whether another attempt may succeed.
func (m *Model) adjust(refusal ai.Refusal) bool {
	switch rejected(refusal) {
	case "max_tokens":
		return m.completionTokens.CompareAndSwap(false, true)
	case "max_completion_tokens":
		return m.completionTokens.CompareAndSwap(true, false)
	case "temperature":
		return m.noTemperature.CompareAndSwap(false, true)
	}
	return false
}

// rejected returns the parameter that a server does not support: the one that it names, or, as proxies such as LiteLLM leave that empty,
// the first one in its message. Empty for other errors.
func rejected(refusal ai.Refusal) string {
	switch refusal.Status {
	case http.StatusOK, http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusNotImplemented:
	default:
		return ""
	}
	if name, _, _ := strings.Cut(refusal.Param, "."); name != "" {
		return name
	}
	message := strings.ToLower(refusal.Message)
	if !containsAny(message, "support", "not permitted", "not allowed", "unknown", "unrecognized", "unexpected", "invalid", "must be",
		"unavailable", "not available") ||
		containsAny(message, "context length", "context window", "too large") {
		return ""
	}
	found := ""
	first := len(message)
	for phrase, name := range map[string]string{
		"max_tokens": "max_tokens", "max_completion_tokens": "max_completion_tokens", "temperature": "temperature",
		"response_format": responseFormat, "json_schema": responseFormat, "json_object": responseFormat, "guided_json": responseFormat,
		"guided decoding": responseFormat, "structured output": responseFormat,
	} {
		if i := strings.Index(message, phrase); i >= 0 && i < first {
			found, first = name, i
		}
	}
	return found
}

func containsAny(text string, phrases ...string) bool {
	for _, phrase := range phrases {
		if strings.Contains(text, phrase) {
			return true
		}
	}
	return false
}

// formatRejected is the problem of a server that does not support the format of the answer.
func (m *Model) formatRejected(refusal ai.Refusal) *problem.Problem {
	sent, other := v1alpha1.AnswerJSONSchema, v1alpha1.AnswerJSONObject
	if m.settings.JSONObject {
		sent, other = other, sent
	}
	words := refusal.Words()
	if words != "" {
		words = ": " + words
	}
	return problem.Retrying(v1alpha1.ReasonInvalidQuery, nil, "%s rejected response_format for the answer format %s (%d)%s; set "+
		"spec.openai.answerFormat to %s", m.client.Host(), sent, refusal.Status, words, other)
}
