// Package ollama asks models of Ollama through its native API. Ollama speaks OpenAI's API as well, but only the native one reports
// the server's version, the context length, and that a prompt exceeds it.
package ollama

import (
	"context"
	"strconv"
	"strings"

	"github.com/ollama/ollama/api"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Type of this backend.
const Type = string(v1alpha1.AIProviderOllama)

// Model of one server.
type Model struct {
	client   *provider.Client
	settings ai.Settings
}

// New creates a backend. It sends nothing yet.
func New(settings ai.Settings) (ai.Model, error) {
	settings = settings.Defaulted()
	client, err := provider.NewClient(settings.Endpoint, provider.Options{
		Type: Type, Limits: provider.Limits{Timeout: settings.Timeout, MaxBytes: settings.MaxBytes},
		Egress: settings.Egress, Metrics: settings.Metrics, Memory: settings.Memory,
	})
	if err != nil {
		return nil, err
	}
	disableSigning()
	return &Model{client: client, settings: settings}, nil
}

// Close closes idle connections.
func (m *Model) Close() { m.client.Close() }

// Probe asks for the server's version and the model.
func (m *Model) Probe(ctx context.Context) (ai.Health, error) {
	version, err := m.version(ctx)
	if err != nil {
		return ai.Health{}, err
	}
	length, err := m.contextLength(ctx)
	if err != nil {
		return ai.Health{}, err
	}
	health := ai.Health{Version: version, Model: m.settings.Model}
	if m.settings.ContextLength > 0 {
		length = m.settings.ContextLength
	}
	if length > 0 {
		health.ContextLength = &length
	}
	return health, nil
}

func (m *Model) version(ctx context.Context) (string, error) {
	call := m.newCall("version", &knownVersion{})
	version, err := call.api().Version(ctx)
	if err := call.result(err); err != nil {
		return "", err
	}
	if version == "" {
		return "", m.client.Invalid(nil)
	}
	return version, nil
}

// contextLength that the model's own parameters set, or 0. An unknown model is a problem.
func (m *Model) contextLength(ctx context.Context) (int64, error) {
	call := m.newCall("show", &knownShow{})
	shown, err := call.api().Show(ctx, &api.ShowRequest{Model: m.settings.Model})
	if err := call.result(err); err != nil {
		return 0, err
	}
	if shown.ModelInfo == nil && shown.Details.Format == "" && shown.Details.Family == "" {
		return 0, m.client.Invalid(nil)
	}
	return parseContextLength(shown.Parameters), nil
}

// parseContextLength finds num_ctx among a model's parameters, or returns 0. The length that the model was trained with says nothing:
// Ollama loads less by default.
func parseContextLength(parameters string) int64 {
	for line := range strings.Lines(parameters) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] != "num_ctx" {
			continue
		}
		if length, err := strconv.ParseInt(fields[1], 10, 64); err == nil && length > 0 && length < 1<<32 {
			return length
		}
	}
	return 0
}

// Ask sends one question.
func (m *Model) Ask(ctx context.Context, request ai.Request) (ai.Answer, error) {
	chat, err := m.chatRequest(request)
	if err != nil {
		return ai.Answer{}, err
	}
	known := &knownChat{}
	call := m.newCall("chat", known)
	call.tools = len(request.Tools) > 0
	var response api.ChatResponse
	parts := 0
	err = call.api().Chat(ctx, chat, func(part api.ChatResponse) error {
		response = part
		parts++
		return nil
	})
	if err := call.result(err); err != nil {
		return ai.Answer{}, err
	}
	if parts != 1 || !response.Done || response.Message.Role == "" {
		return ai.Answer{}, m.client.Invalid(nil)
	}
	answer := ai.Answer{
		Text: response.Message.Content, Model: m.settings.Model, Calls: known.Message.ToolCalls,
		InputTokens: int64(response.PromptEvalCount), OutputTokens: int64(response.EvalCount),
	}.Counted(request)
	if response.DoneReason == "length" {
		return answer, ai.AnswerCutOff(m.client.Host())
	}
	return answer, nil
}

func (m *Model) chatRequest(request ai.Request) (*api.ChatRequest, error) {
	disabled := false
	options := map[string]any{"temperature": 0, "seed": 1, "num_predict": request.MaxTokens}
	if m.settings.ContextLength > 0 {
		options["num_ctx"] = m.settings.ContextLength
	}
	tools, err := toolsOf(request)
	if err != nil {
		return nil, err
	}
	messages := []api.Message{{Role: "system", Content: request.System}, {Role: "user", Content: request.User}}
	for _, turn := range request.Turns {
		messages = append(messages, messagesOf(turn)...)
	}
	return &api.ChatRequest{
		Model:    m.settings.Model,
		Messages: messages,
		Format:   request.Schema,
		Tools:    tools,
		Options:  options,
		// One response instead of a stream: the answer is checked as a whole.
		Stream: &disabled,
		// A prompt that is too long must fail. Ollama truncates from the front, where the instructions are.
		Truncate: &disabled, Shift: &disabled,
	}, nil
}
