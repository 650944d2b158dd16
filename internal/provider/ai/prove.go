package ai

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const questionSchema = `{
  "type": "object", "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
  "required": ["answer"], "additionalProperties": false
}`

// Prove asks a model a short question and requires an answer that fits the schema, whichever of the two it is. It returns how long
// that took.
func Prove(ctx context.Context, model Model, clock clock.PassiveClock, maxTokens int) (time.Duration, error) {
	started := clock.Now()
	answer, err := model.Ask(ctx, Request{
		System: `You answer with one JSON object and nothing else: {"answer": "yes"} or {"answer": "no"}.`,
		User:   "Is a Pod of Kubernetes a group of one or more containers?",
		Schema: json.RawMessage(questionSchema), Name: "answer", MaxTokens: maxTokens,
	})
	took := clock.Since(started)
	if err != nil {
		return took, err
	}
	var content struct {
		Answer string `json:"answer"`
	}
	err = json.Unmarshal([]byte(JSONText(answer.Text)), &content)
	if said := strings.ToLower(strings.TrimSpace(content.Answer)); err != nil || (said != "yes" && said != "no") {
		return took, problem.Retrying(v1alpha1.ReasonInvalidAnswer, nil,
			"the answer of model %s does not match the requested schema; "+
				"use a larger model, or set spec.openai.answerFormat if the server does not support schemas", answer.Model)
	}
	return took, nil
}
