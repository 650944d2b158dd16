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

// questionSchema is that of the question that proves a model.
const questionSchema = `{"type":"object","properties":{"answer":{"type":"string","enum":["yes","no"]}},"required":["answer"],"additionalProperties":false}`

// Prove asks a model a tiny question and wants an answer that fits its schema; which of the two it is does not matter. It returns
// how long that took.
func Prove(ctx context.Context, m Model, clock clock.PassiveClock, maxTokens int) (time.Duration, error) {
	began := clock.Now()
	answer, err := m.Ask(ctx, Request{
		System: `You answer with one JSON object and nothing else: {"answer": "yes"} or {"answer": "no"}.`,
		User:   "Is a Pod of Kubernetes a group of one or more containers?",
		Schema: json.RawMessage(questionSchema), Name: "answer", MaxTokens: maxTokens,
	})
	took := clock.Since(began)
	if err != nil {
		return took, err
	}
	var told struct {
		Answer string `json:"answer"`
	}
	if err := json.Unmarshal([]byte(strings.TrimSpace(answer.Text)), &told); err != nil || (told.Answer != "yes" && told.Answer != "no") {
		return took, problem.Retrying(v1alpha1.ReasonInvalidAnswer, nil,
			"model %s answers, but not in the form that it was given; it may be too small, or the server does not bind answers to a schema: try another model, or spec.openai.answerFormat", answer.Model)
	}
	return took, nil
}
