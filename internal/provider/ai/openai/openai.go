// Package openai asks models through OpenAI's chat completions API, as OpenAI, Azure OpenAI, vLLM, LM Studio, LiteLLM and Ollama
// speak it.
package openai

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
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
)

// Type of this back end.
const Type = string(v1alpha1.AIProviderOpenAI)

// Model of one server.
type Model struct {
	client   *provider.Client
	settings ai.Settings
	chat     sdk.ChatCompletionService
	// What this server was found not to take: max_tokens, which newer models of OpenAI know by another name only, and a
	// temperature, which models that think do not have.
	newTokens, noTemperature atomic.Bool
	// plain says that the server takes no bounds of lengths in a schema, as OpenAI's and Azure's.
	plain bool
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
	m := &Model{client: client, settings: settings}
	// The service and not the client of the library: the latter takes keys and addresses from the environment. What it tells of
	// this machine stays here, and so do its tries, which know nothing of the budget.
	options := []option.RequestOption{option.WithBaseURL(client.BaseURL() + "/"), option.WithHTTPClient(client.HTTP()), option.WithMaxRetries(0)}
	for _, header := range []string{"Lang", "Package-Version", "Os", "Arch", "Runtime", "Runtime-Version", "Retry-Count", "Timeout"} {
		options = append(options, option.WithHeaderDel("X-Stainless-"+header))
	}
	m.chat = sdk.NewChatCompletionService(options...)
	if base, err := url.Parse(client.BaseURL()); err == nil && (base.Hostname() == "api.openai.com" || azure(base.Hostname())) {
		m.newTokens.Store(true)
		m.plain = true
	}
	return m, nil
}

func azure(host string) bool { return strings.HasSuffix(host, ".azure.com") }

// Close lets go of connections.
func (m *Model) Close() { m.client.Close() }

// Probe lists the models. Azure's list has the models and not what they were deployed as, so that nothing is concluded from it.
func (m *Model) Probe(ctx context.Context) (ai.Health, error) {
	var list struct {
		Data []struct {
			ID string `json:"id"`
			// MaxModelLen is told by vLLM.
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
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		if p := problem.As(err); p != nil {
			return ai.Health{}, p
		}
		return ai.Health{}, m.client.Invalid(err)
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
	if host, _, _ := strings.Cut(m.client.Host(), ":"); azure(host) {
		return ai.Health{Model: m.settings.Model}, nil
	}
	return ai.Health{}, ai.NoModel(m.client.Host(), m.settings.Model)
}

// Ask sends one question. A server that does not know a parameter by this name is asked again without it, once for each.
func (m *Model) Ask(ctx context.Context, request ai.Request) (ai.Answer, error) {
	const lessons = 2 // a server that takes neither name would be asked for ever
	for taught := 0; ; taught++ {
		began := time.Now()
		ctx, cancel := context.WithTimeout(ctx, m.settings.Timeout)
		completion, err := m.chat.New(ctx, m.params(request))
		cancel()
		if err == nil {
			m.client.Observe("chat", "2xx", time.Since(began))
			return m.answer(request, completion)
		}
		var refused *sdk.Error
		if !errors.As(err, &refused) {
			p := m.explain(err)
			m.client.Observe("chat", p.Reason, time.Since(began))
			return ai.Answer{}, p
		}
		m.client.Observe("chat", class(refused.StatusCode), time.Since(began))
		refusal := ai.Refusal{Status: refused.StatusCode, Code: refused.Code, Param: refused.Param, Message: refused.Message}
		if refused.Response != nil {
			refusal.RetryAfter = ai.RetryAfter(refused.Response.Header, time.Now())
		}
		if taught < lessons && m.learned(refusal) {
			continue
		}
		return ai.Answer{}, refusal.Problem(m.client, m.settings.Model)
	}
}

// params of a request.
func (m *Model) params(request ai.Request) sdk.ChatCompletionNewParams {
	system := request.System
	params := sdk.ChatCompletionNewParams{Model: m.settings.Model}
	if m.settings.JSONObject {
		system += "\n\nAnswer with one JSON object that fits this JSON Schema:\n" + string(request.Schema)
		params.ResponseFormat.OfJSONObject = &shared.ResponseFormatJSONObjectParam{}
	} else {
		params.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: request.Name, Strict: sdk.Bool(true), Schema: m.schema(request.Schema)},
		}
	}
	params.Messages = []sdk.ChatCompletionMessageParamUnion{sdk.SystemMessage(system), sdk.UserMessage(request.User)}
	if m.newTokens.Load() {
		params.MaxCompletionTokens = sdk.Int(int64(request.MaxTokens))
	} else {
		params.MaxTokens = sdk.Int(int64(request.MaxTokens))
	}
	if !m.noTemperature.Load() {
		params.Temperature = sdk.Float(0)
	}
	return params
}

// schema that the server takes.
func (m *Model) schema(schema json.RawMessage) any {
	var content any
	if !m.plain || json.Unmarshal(schema, &content) != nil {
		return schema
	}
	return unbounded(content)
}

// unbounded takes the bounds of lengths out of a schema.
func unbounded(schema any) any {
	switch s := schema.(type) {
	case map[string]any:
		for name, value := range s {
			if _, number := value.(float64); number && slices.Contains([]string{"maxLength", "maxItems", "minLength", "minItems"}, name) {
				delete(s, name)
				continue
			}
			s[name] = unbounded(value)
		}
	case []any:
		for i := range s {
			s[i] = unbounded(s[i])
		}
	}
	return schema
}

// learned says whether a refusal taught something that makes another try worthwhile.
func (m *Model) learned(r ai.Refusal) bool {
	if r.Status != http.StatusBadRequest {
		return false
	}
	switch r.Param {
	case "max_tokens":
		return m.newTokens.CompareAndSwap(false, true)
	case "max_completion_tokens":
		return m.newTokens.CompareAndSwap(true, false)
	case "temperature":
		return m.noTemperature.CompareAndSwap(false, true)
	}
	return false
}

func (m *Model) answer(request ai.Request, completion *sdk.ChatCompletion) (ai.Answer, error) {
	host := m.client.Host()
	if completion == nil || len(completion.Choices) == 0 {
		return ai.Answer{}, m.client.Invalid(nil)
	}
	choice := completion.Choices[0]
	a := ai.Answer{Text: choice.Message.Content, Model: m.settings.Model, InputTokens: completion.Usage.PromptTokens, OutputTokens: completion.Usage.CompletionTokens}
	a = a.Counted(request)
	switch {
	case choice.Message.Refusal != "", choice.FinishReason == "content_filter":
		return a, ai.Refused(host)
	case choice.FinishReason == "length":
		return a, ai.CutOff(host)
	}
	return a, nil
}

// explain words why no answer came, or none that the library understands.
func (m *Model) explain(err error) *problem.Problem {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &shape) || strings.Contains(err.Error(), "error parsing response json") || strings.Contains(err.Error(), "expected destination type") {
		return m.client.Invalid(nil)
	}
	return m.client.Explain(err)
}

func class(status int) string { return string(rune('0'+status/100)) + "xx" }
