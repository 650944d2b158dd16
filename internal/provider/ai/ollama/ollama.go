// Package ollama asks models of Ollama by its own API, which tells more than the one of OpenAI that it speaks, too: the version,
// the context length, and that a prompt is too long for it.
package ollama

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Type of this back end.
const Type = string(v1alpha1.AIProviderOllama)

// Model of one server.
type Model struct {
	client   *provider.Client
	settings ai.Settings
}

// New makes a back end; it sends nothing yet.
func New(settings ai.Settings) (ai.Model, error) {
	settings = settings.Defaulted()
	client, err := provider.NewClient(settings.Endpoint, provider.Options{
		Type: Type, Limits: provider.Limits{Timeout: settings.Timeout, MaxBytes: settings.MaxBytes}, Egress: settings.Egress, Metrics: settings.Metrics,
	})
	if err != nil {
		return nil, err
	}
	return &Model{client: client, settings: settings}, nil
}

// Close lets go of connections.
func (m *Model) Close() { m.client.Close() }

// Probe asks for the version and the model.
func (m *Model) Probe(ctx context.Context) (ai.Health, error) {
	var version struct {
		Version string `json:"version"`
	}
	if err := m.call(ctx, provider.Request{Operation: "version", Path: "/api/version"}, &version); err != nil {
		return ai.Health{}, err
	}
	if version.Version == "" {
		return ai.Health{}, m.client.Invalid(nil)
	}
	var shown struct {
		Parameters string                     `json:"parameters"`
		Details    *struct{}                  `json:"details"`
		ModelInfo  map[string]json.RawMessage `json:"model_info"`
	}
	if err := m.post(ctx, "show", "/api/show", map[string]any{"model": m.settings.Model}, &shown); err != nil {
		return ai.Health{}, err
	}
	if shown.Details == nil {
		return ai.Health{}, m.client.Invalid(nil)
	}
	health := ai.Health{Version: version.Version, Model: m.settings.Model}
	switch length := loaded(shown.Parameters); {
	case m.settings.ContextLength > 0:
		health.ContextLength = &m.settings.ContextLength
	case length > 0:
		health.ContextLength = &length
	}
	return health, nil
}

// loaded is the context length that a model is loaded with by its own parameters, or 0. The length that it could have is another
// matter: Ollama loads less by default.
func loaded(parameters string) int64 {
	for line := range strings.Lines(parameters) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "num_ctx" {
			if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil && n > 0 && n < 1<<32 {
				return n
			}
		}
	}
	return 0
}

// Ask sends one question.
func (m *Model) Ask(ctx context.Context, request ai.Request) (ai.Answer, error) {
	var told struct {
		Message *struct {
			Content string `json:"content"`
		} `json:"message"`
		Done            bool   `json:"done"`
		DoneReason      string `json:"done_reason"`
		PromptEvalCount int64  `json:"prompt_eval_count"`
		EvalCount       int64  `json:"eval_count"`
	}
	options := map[string]any{"temperature": 0, "seed": 1, "num_predict": request.MaxTokens}
	if m.settings.ContextLength > 0 {
		options["num_ctx"] = m.settings.ContextLength
	}
	err := m.post(ctx, "chat", "/api/chat", map[string]any{
		"model": m.settings.Model, "stream": false, "format": request.Schema, "options": options,
		"messages": []map[string]string{{"role": "system", "content": request.System}, {"role": "user", "content": request.User}},
		// What is too long is to be told, and not cut: the part that is cut first would be what the model is to do.
		"truncate": false, "shift": false,
	}, &told)
	switch {
	case err != nil:
		return ai.Answer{}, err
	case told.Message == nil || !told.Done:
		return ai.Answer{}, m.client.Invalid(nil)
	}
	a := ai.Answer{Text: told.Message.Content, Model: m.settings.Model, InputTokens: told.PromptEvalCount, OutputTokens: told.EvalCount}
	if a = a.Counted(request); told.DoneReason == "length" {
		return a, ai.CutOff(m.client.Host())
	}
	return a, nil
}

func (m *Model) post(ctx context.Context, operation, path string, body any, into any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "the request could not be written as JSON")
	}
	return m.call(ctx, provider.Request{Operation: operation, Method: http.MethodPost, Path: path, Body: content, ContentType: "application/json"}, into)
}

func (m *Model) call(ctx context.Context, r provider.Request, into any) error {
	answer, err := m.client.Do(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status < 200 || answer.Status > 299 {
		return m.refused(answer)
	}
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return m.client.Explain(err)
	}
	if err := json.Unmarshal(bytes.TrimSpace(content), into); err != nil {
		return m.client.Invalid(nil)
	}
	return nil
}

// refused words a status other than 2xx: Ollama explains itself in one field.
func (m *Model) refused(answer *provider.Answer) error {
	var told struct {
		Error string `json:"error"`
	}
	start, _ := io.ReadAll(io.LimitReader(answer.Body, 16<<10))
	_ = json.Unmarshal(start, &told) // a proxy's page is none
	refusal := ai.Refusal{Status: answer.Status, Message: told.Error, RetryAfter: ai.RetryAfter(answer.Header, time.Now())}
	return refusal.Problem(m.client, m.settings.Model)
}
