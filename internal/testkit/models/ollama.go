package models

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
)

// Ollama starts a fake of Ollama's API.
func Ollama(t testing.TB, options ...Option) *Fake { return start(t, serveOllama, options) }

func serveOllama(f *Fake, w http.ResponseWriter, r *http.Request, body []byte) {
	switch r.Method + " " + r.URL.Path {
	case "GET /api/version":
		f.write(w, map[string]string{"version": "0.17.4"})
	case "POST /api/show":
		f.show(w, r, body)
	case "POST /api/chat":
		f.chat(w, r, body)
	default:
		f.unexpected(w, r)
	}
}

func (f *Fake) show(w http.ResponseWriter, r *http.Request, body []byte) {
	// The empty fields are those that Ollama's own client always sends.
	var q struct {
		Model    string         `json:"model"`
		Name     string         `json:"name"`
		System   string         `json:"system"`
		Template string         `json:"template"`
		Verbose  bool           `json:"verbose"`
		Options  map[string]any `json:"options"`
	}
	if !f.strictly(r, body, &q) || !f.known(w, q.Model) {
		return
	}
	answer := map[string]any{
		"details": map[string]any{"family": "llama"}, "model_info": map[string]any{
			"llama.context_length": 131072, "general.architecture": "llama",
		},
		"capabilities": []string{"completion"},
	}
	if f.strict.context > 0 {
		answer["parameters"] = fmt.Sprintf(
			"stop                           \"<|im_end|>\"\nnum_ctx                        %d", f.strict.context,
		)
	}
	f.write(w, answer)
}

func (f *Fake) chat(w http.ResponseWriter, r *http.Request, body []byte) {
	var q struct {
		Model    string          `json:"model"`
		Stream   *bool           `json:"stream"`
		Format   json.RawMessage `json:"format"`
		Truncate *bool           `json:"truncate"`
		Shift    *bool           `json:"shift"`
		Messages []message       `json:"messages"`
		Tools    []tool          `json:"tools"`
		Options  struct {
			Temperature *float64 `json:"temperature"`
			Seed        *int     `json:"seed"`
			NumPredict  int      `json:"num_predict"`
			NumCtx      int      `json:"num_ctx"`
		} `json:"options"`
	}
	if !f.strictly(r, body, &q) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if !f.known(w, q.Model) {
		return
	}
	if q.Stream == nil || *q.Stream || q.Truncate == nil || *q.Truncate || q.Shift == nil || *q.Shift {
		f.t.Errorf("stream, truncate and shift must be false: %s", body)
	}
	if len(q.Tools) > 0 && f.strict.withoutTools {
		w.WriteHeader(http.StatusBadRequest)
		f.write(w, map[string]string{"error": "registry.ollama.ai/library/" + Name + ":latest does not support tools"})
		return
	}
	if len(q.Messages) < 2 || q.Messages[0].Role != "system" || q.Messages[1].Role != "user" || (len(q.Format) == 0) != (len(q.Tools) > 0) {
		f.t.Errorf("messages or format: %s", body)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	turn := Turn{System: q.Messages[0].Content, User: q.Messages[1].Content, Schema: q.Format, MaxTokens: q.Options.NumPredict}
	turn.Tools, turn.Results = f.tools(q.Tools, q.Messages[2:])
	reply := f.turn(turn)
	if f.odd(w, r, reply, func(reply Reply) any { return map[string]string{"error": reply.Message} }) {
		return
	}
	said := message{Role: "assistant", Content: reply.Text}
	for _, c := range reply.Calls {
		one := toolCall{ID: c.ID}
		one.Function.Name = c.Tool
		one.Function.Arguments = json.RawMessage(c.Arguments)
		said.ToolCalls = append(said.ToolCalls, one)
	}
	reason := "stop"
	if reply.CutOff {
		reason = "length"
	}
	f.write(w, map[string]any{
		"model": Name, "created_at": "2026-01-15T12:00:00Z", "message": said, "done": true, "done_reason": reason,
		"prompt_eval_count": reply.In, "eval_count": reply.Out, "total_duration": 1,
	})
}

// known answers 404 for every other model.
func (f *Fake) known(w http.ResponseWriter, model string) bool {
	if model == Name {
		return true
	}
	w.WriteHeader(http.StatusNotFound)
	f.write(w, map[string]string{"error": "model '" + model + "' not found"})
	return false
}
