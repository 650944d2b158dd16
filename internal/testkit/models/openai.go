package models

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

// chatRequest has the parameters of the chat completions API that are used.
type chatRequest struct {
	Model               string    `json:"model"`
	Messages            []message `json:"messages"`
	MaxTokens           *int      `json:"max_tokens"`
	MaxCompletionTokens *int      `json:"max_completion_tokens"`
	Temperature         *float64  `json:"temperature"`
	Tools               []tool    `json:"tools"`
	ResponseFormat      struct {
		Type       string `json:"type"`
		JSONSchema *struct {
			Name   string          `json:"name"`
			Strict bool            `json:"strict"`
			Schema json.RawMessage `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

type message struct {
	Role       string     `json:"role"`
	Content    string     `json:"content"`
	ToolCalls  []toolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
	ToolName   string     `json:"tool_name,omitempty"`
}

// toolCall of a model. Its arguments are a string of OpenAI, and an object of Ollama.
type toolCall struct {
	ID       string `json:"id,omitempty"`
	Type     string `json:"type,omitempty"`
	Function struct {
		Index     int             `json:"index,omitempty"`
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

// tool that a model may call.
type tool struct {
	Type     string `json:"type"`
	Function struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Parameters  json.RawMessage `json:"parameters"`
	} `json:"function"`
}

// OpenAI starts a fake of OpenAI's API. Its URL ends in /v1.
func OpenAI(t testing.TB, options ...Option) *Fake {
	f := start(t, serveOpenAI, options)
	f.URL += "/v1"
	return f
}

func serveOpenAI(f *Fake, w http.ResponseWriter, r *http.Request, body []byte) {
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/models":
		model := map[string]any{"id": Name, "object": "model", "created": 1700000000, "owned_by": "kubeops"}
		if f.strict.context > 0 {
			model["max_model_len"] = f.strict.context
		}
		f.write(w, map[string]any{"object": "list", "data": []any{map[string]any{"id": "other", "object": "model"}, model}})
	case "POST /v1/chat/completions":
		f.complete(w, r, body)
	default:
		f.unexpected(w, r)
	}
}

func (f *Fake) complete(w http.ResponseWriter, r *http.Request, body []byte) {
	var q chatRequest
	if !f.strictly(r, body, &q) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if refused := f.judge(q); refused != nil {
		f.odd(w, r, *refused, openAIError)
		return
	}
	turn := Turn{System: q.Messages[0].Content, User: q.Messages[1].Content}
	turn.Tools, turn.Results = f.tools(q.Tools, q.Messages[2:])
	if q.ResponseFormat.JSONSchema != nil {
		turn.Schema = q.ResponseFormat.JSONSchema.Schema
	}
	for _, limit := range []*int{q.MaxTokens, q.MaxCompletionTokens} {
		if limit != nil {
			turn.MaxTokens = *limit
		}
	}
	reply := f.turn(turn)
	if f.odd(w, r, reply, openAIError) {
		return
	}
	finish := "stop"
	content := any(reply.Text)
	var refusal any
	if reply.CutOff {
		finish = "length"
	}
	var calls []toolCall
	for _, c := range reply.Calls {
		one := toolCall{ID: c.ID, Type: "function"}
		one.Function.Name = c.Tool
		one.Function.Arguments, _ = json.Marshal(c.Arguments) //nolint:errchkjson // a string
		calls = append(calls, one)
		finish = "tool_calls"
	}
	if reply.Refusal != "" {
		content = nil
		refusal = reply.Refusal
	}
	f.write(w, map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": Name,
		"choices": []any{
			map[string]any{
				"index": 0, "finish_reason": finish, "message": map[string]any{
					"role": "assistant", "content": content, "refusal": refusal, "tool_calls": calls,
				},
			},
		},
		"usage": map[string]any{"prompt_tokens": reply.In, "completion_tokens": reply.Out, "total_tokens": reply.In + reply.Out},
	})
}

// judge returns what the server rejects before it asks the model, or nil.
func (f *Fake) judge(q chatRequest) *Reply {
	refuse := func(param, code string) *Reply {
		if f.strict.proxied {
			return &Reply{Status: http.StatusBadRequest, Raw: fmt.Appendf(nil, `{"error":{"message":"litellm.UnsupportedParamsError: `+
				`Unsupported parameter: '%s' is not supported with this model.","type":"None","param":null,"code":"400"}}`, param)}
		}
		return &Reply{
			Status: http.StatusBadRequest, Code: code, Param: param,
			Message: fmt.Sprintf("Unsupported parameter: '%s' is not supported with this model.", param),
		}
	}
	switch {
	case q.Model != Name:
		return &Reply{
			Status: http.StatusNotFound, Code: "model_not_found",
			Message: "The model `" + q.Model + "` does not exist or you do not have access to it.",
		}
	case q.MaxTokens != nil && f.strict.newTokens:
		return refuse("max_tokens", "unsupported_parameter")
	case q.MaxCompletionTokens != nil && !f.strict.newTokens:
		return refuse("max_completion_tokens", "unsupported_parameter")
	case q.Temperature != nil && f.strict.noTemperature:
		return refuse("temperature", "unsupported_value")
	}
	if len(q.Tools) > 0 && f.strict.withoutTools {
		return &Reply{
			Status:  http.StatusBadRequest,
			Message: `"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set`,
		}
	}
	if len(q.Tools) > 0 && q.ResponseFormat.Type == "" {
		return nil
	}
	wantType := "json_schema"
	if f.strict.jsonObject {
		wantType = "json_object"
	}
	s := q.ResponseFormat.JSONSchema
	if q.ResponseFormat.Type != wantType || (s == nil) != f.strict.jsonObject ||
		(s != nil && (!s.Strict || s.Name == "" || !json.Valid(s.Schema))) {
		f.t.Errorf("the answer is not bound to a schema: %+v", q.ResponseFormat)
	}
	if len(q.Messages) < 2 || q.Messages[0].Role != "system" || q.Messages[1].Role != "user" {
		f.t.Errorf("messages: %+v", q.Messages)
		return refuse("messages", "invalid_value")
	}
	return nil
}

func openAIError(reply Reply) any {
	nothing := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	return map[string]any{
		"error": map[string]any{
			"message": reply.Message, "type": "invalid_request_error", "param": nothing(reply.Param), "code": nothing(reply.Code),
		},
	}
}

// tools checks the tools of a request and the messages with their calls, and returns the names of the tools and the results so far.
func (f *Fake) tools(tools []tool, messages []message) (names, results []string) {
	for _, t := range tools {
		var parameters struct{ Type string }
		if t.Type != "function" || t.Function.Name == "" || json.Unmarshal(t.Function.Parameters, &parameters) != nil ||
			parameters.Type != "object" {
			f.t.Errorf("a tool is invalid: %+v", t)
		}
		names = append(names, t.Function.Name)
	}
	var open []string
	for _, m := range messages {
		switch {
		case m.Role == "assistant" && len(open) == 0 && len(m.ToolCalls) > 0:
			for _, c := range m.ToolCalls {
				open = append(open, c.ID)
			}
		case m.Role == "tool" && len(open) > 0 && m.ToolCallID == open[0] && m.Content != "":
			open = open[1:]
			results = append(results, m.Content)
		default:
			f.t.Errorf("unexpected message: %+v", m)
		}
	}
	if len(open) > 0 {
		f.t.Errorf("calls without a result: %v", open)
	}
	return names, results
}
