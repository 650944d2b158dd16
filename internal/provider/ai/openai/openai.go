// Package openai asks models through the chat completions API of OpenAI, which Azure OpenAI, vLLM, LM Studio, LiteLLM and Ollama
// implement as well.
package openai

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/stream"
)

// Type of this backend.
const Type = string(v1alpha1.AIProviderOpenAI)

// Model of one server.
type Model struct {
	client   *provider.Client
	settings ai.Settings
	chat     sdk.ChatCompletionService
	// completionTokens is set for servers that require max_completion_tokens, the later name of max_tokens.
	completionTokens atomic.Bool
	// noTemperature is set for servers that reject a temperature, as OpenAI does for reasoning models.
	noTemperature atomic.Bool
	// stripBounds is set for servers that reject bounds of lengths in a schema: OpenAI and Azure.
	stripBounds bool
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
	m := &Model{client: client, settings: settings}
	// The library's client reads keys and URLs from the environment, so only its chat service is used. Retries are disabled, as they
	// would bypass the budget, and so are the headers that describe this machine.
	options := []option.RequestOption{
		option.WithBaseURL(client.BaseURL() + "/"), option.WithHTTPClient(client.HTTP()), option.WithMaxRetries(0),
	}
	for _, header := range []string{"Lang", "Package-Version", "Os", "Arch", "Runtime", "Runtime-Version", "Retry-Count", "Timeout"} {
		options = append(options, option.WithHeaderDel("X-Stainless-"+header))
	}
	m.chat = sdk.NewChatCompletionService(options...)
	if base, err := url.Parse(client.BaseURL()); err == nil && (base.Hostname() == "api.openai.com" || isAzure(base.Hostname())) {
		m.completionTokens.Store(true)
		m.stripBounds = true
	}
	return m, nil
}

func isAzure(host string) bool { return strings.HasSuffix(host, ".azure.com") }

// Close closes idle connections.
func (m *Model) Close() { m.client.Close() }

// Probe lists the models. The list of Azure contains models, not deployments, so a missing name proves nothing there.
func (m *Model) Probe(ctx context.Context) (ai.Health, error) {
	var list struct {
		Data []struct {
			ID string `json:"id"`
			// MaxModelLen is reported by vLLM only.
			MaxModelLen *int64 `json:"max_model_len"`
		} `json:"data"`
	}
	answer, err := m.client.Do(ctx, provider.Request{Operation: "models", Path: "/models"})
	if err != nil {
		return ai.Health{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status < 200 || answer.Status > 299 {
		return ai.Health{}, m.client.Refused(answer)
	}
	if err := answer.Decoder().Decode(&list); err != nil {
		return ai.Health{}, m.client.DecodeProblem(err)
	}
	if list.Data == nil {
		return ai.Health{}, m.client.Invalid(nil)
	}
	for _, found := range list.Data {
		if found.ID == m.settings.Model || found.ID == m.settings.Model+":latest" {
			health := ai.Health{Model: found.ID}
			if found.MaxModelLen != nil && *found.MaxModelLen > 0 {
				health.ContextLength = found.MaxModelLen
			}
			return health, nil
		}
	}
	if host, _, _ := strings.Cut(m.client.Host(), ":"); isAzure(host) {
		return ai.Health{Model: m.settings.Model}, nil
	}
	return ai.Health{}, ai.ModelNotFound(m.client.Host(), m.settings.Model)
}

// Ask sends one question. If the server rejects a parameter, the question is sent again without it, once per parameter.
func (m *Model) Ask(ctx context.Context, request ai.Request) (ai.Answer, error) {
	const maxAdjustments = 2 // a server that rejects both names of a parameter would be asked forever
	for adjustments := 0; ; adjustments++ {
		answer, refusal, err := m.ask(ctx, request)
		if refusal == nil {
			return answer, err
		}
		if adjustments < maxAdjustments && m.adjust(*refusal) {
			continue
		}
		if len(request.Tools) > 0 && refusal.NoTools() {
			return ai.Answer{}, ai.ToolsNotSupported(m.client.Host(), m.settings.Model)
		}
		if rejected(*refusal) == responseFormat {
			return ai.Answer{}, m.formatRejected(*refusal)
		}
		return ai.Answer{}, refusal.Problem(m.client, m.settings.Model)
	}
}

// ask sends a question once. A refusal is what the server responds instead of an answer.
func (m *Model) ask(ctx context.Context, request ai.Request) (ai.Answer, *ai.Refusal, error) {
	started := time.Now()
	ctx, cancel := context.WithTimeout(ctx, m.settings.Timeout)
	defer cancel()
	call := exchange{model: m}
	_, err := m.chat.New(ctx, m.params(request), option.WithMiddleware(call.read))
	if err == nil {
		m.client.Observe("chat", "2xx", time.Since(started))
		if said, failed := call.reply.failure(); failed {
			return ai.Answer{}, m.refusal(statusOf(said), said), nil
		}
		answer, err := m.answer(request, &call.reply)
		return answer, nil, err
	}
	var response *sdk.Error
	if !errors.As(err, &response) {
		p := m.toProblem(err)
		m.client.Observe("chat", p.Reason, time.Since(started))
		return ai.Answer{}, nil, p
	}
	m.client.Observe("chat", statusClass(response.StatusCode), time.Since(started))
	refusal := m.refusal(response.StatusCode, call.failure.said())
	if response.Response != nil {
		refusal.RetryAfter = ai.RetryAfter(response.Response.Header, time.Now())
	}
	return ai.Answer{}, refusal, nil
}

func (m *Model) params(request ai.Request) sdk.ChatCompletionNewParams {
	system := request.System
	params := sdk.ChatCompletionNewParams{Model: m.settings.Model}
	switch {
	case len(request.Tools) > 0:
		params.Tools = toolsOf(request)
	case m.settings.JSONObject:
		system += "\n\nAnswer with one JSON object that fits this JSON Schema:\n" + string(request.Schema)
		params.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
	default:
		params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
				Name: request.Name, Strict: sdk.Bool(true), Schema: m.schema(request.Schema),
			},
		}
	}
	params.Messages = []sdk.ChatCompletionMessageParamUnion{sdk.SystemMessage(system), sdk.UserMessage(request.User)}
	for _, turn := range request.Turns {
		params.Messages = append(params.Messages, messagesOf(turn)...)
	}
	if m.completionTokens.Load() {
		params.MaxCompletionTokens = sdk.Int(int64(request.MaxTokens))
	} else {
		params.MaxTokens = sdk.Int(int64(request.MaxTokens))
	}
	if !m.noTemperature.Load() {
		params.Temperature = sdk.Float(0)
	}
	return params
}

// schema that the server accepts.
func (m *Model) schema(schema json.RawMessage) any {
	var content any
	if !m.stripBounds || json.Unmarshal(schema, &content) != nil {
		return schema
	}
	return withoutBounds(content)
}

// withoutBounds removes the bounds of lengths from a schema.
func withoutBounds(schema any) any {
	bounds := []string{"maxLength", "maxItems", "minLength", "minItems"}
	switch part := schema.(type) {
	case map[string]any:
		for name, value := range part {
			if _, isNumber := value.(float64); isNumber && slices.Contains(bounds, name) {
				delete(part, name)
				continue
			}
			part[name] = withoutBounds(value)
		}
	case []any:
		for i := range part {
			part[i] = withoutBounds(part[i])
		}
	}
	return schema
}

func (m *Model) answer(request ai.Request, completion *reply) (ai.Answer, error) {
	host := m.client.Host()
	if len(completion.Choices) == 0 {
		return ai.Answer{}, m.client.Invalid(nil)
	}
	choice := completion.Choices[0]
	answer := ai.Answer{
		Text: string(choice.Message.Content), Model: m.settings.Model, Calls: choice.Message.ToolCalls,
		InputTokens: completion.Usage.PromptTokens, OutputTokens: completion.Usage.CompletionTokens,
	}.Counted(request)
	switch {
	case choice.Message.Refusal != "", choice.FinishReason == "content_filter":
		return answer, ai.ModelRefused(host)
	case choice.FinishReason == "length":
		return answer, ai.AnswerCutOff(host)
	}
	return answer, nil
}

// cause of an error of the body: that of the connection where the body broke off.
func (m *Model) cause(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, stream.ErrSyntax), errors.Is(err, stream.ErrShape):
		return err
	}
	var limit *stream.LimitError
	if errors.As(err, &limit) {
		return err
	}
	return m.client.ToProblem(err)
}

// toProblem maps an error without a response, or with one that the library could not decode.
func (m *Model) toProblem(err error) *problem.Problem {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &shape) {
		return m.client.Invalid(nil)
	}
	for _, text := range []string{"error parsing response json", "expected destination type"} {
		if strings.Contains(err.Error(), text) {
			return m.client.Invalid(nil)
		}
	}
	return m.client.ToProblem(err)
}

func statusClass(status int) string { return string(rune('0'+status/100)) + "xx" }
