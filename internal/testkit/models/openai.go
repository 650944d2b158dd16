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
	Role    string `json:"role"`
	Content string `json:"content"`
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
	if reply.Refusal != "" {
		content = nil
		refusal = reply.Refusal
	}
	f.write(w, map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": Name,
		"choices": []any{
			map[string]any{
				"index": 0, "finish_reason": finish, "message": map[string]any{"role": "assistant", "content": content, "refusal": refusal},
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
	wantType := "json_schema"
	if f.strict.jsonObject {
		wantType = "json_object"
	}
	s := q.ResponseFormat.JSONSchema
	if q.ResponseFormat.Type != wantType || (s == nil) != f.strict.jsonObject ||
		(s != nil && (!s.Strict || s.Name == "" || !json.Valid(s.Schema))) {
		f.t.Errorf("the answer is not bound to a schema: %+v", q.ResponseFormat)
	}
	if len(q.Messages) != 2 || q.Messages[0].Role != "system" || q.Messages[1].Role != "user" {
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
