package ai

import (
	"encoding/json"
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/stream"
)

// Tool that a model may call instead of writing an answer.
type Tool struct {
	Name, Description string
	// Parameters in JSON Schema: an object whose properties are strings, numbers and booleans.
	Parameters json.RawMessage
}

// Call of a tool by a model, unchecked.
type Call struct {
	// ID that the server gave it, or one made up.
	ID string
	// Tool and Arguments, which may be anything.
	Tool      string
	Arguments json.RawMessage
}

// Turn is an earlier answer of the model with calls, and their results in the same order.
type Turn struct {
	Calls   []Call
	Results []string
}

// Limits of the calls in a response. Further calls are ignored, longer texts cut off.
const (
	MaxCalls     = 16
	MaxCallName  = 64
	MaxArguments = 4 << 10
	maxFields    = 32
)

// estimateTools is a high estimate of the tokens of the tools and turns of a request.
func (r Request) estimateTools() int64 {
	const overhead = 16 // around a tool or message
	var tokens int64
	for _, t := range r.Tools {
		tokens += Estimate(t.Name) + Estimate(t.Description) + Estimate(string(t.Parameters)) + overhead
	}
	for _, turn := range r.Turns {
		for _, call := range turn.Calls {
			tokens += Estimate(call.Tool) + Estimate(string(call.Arguments)) + overhead
		}
		for _, result := range turn.Results {
			tokens += Estimate(result) + overhead
		}
	}
	return tokens
}

// Calls in a response as OpenAI and Ollama send them: {"id": ..., "function": {"name": ..., "arguments": ...}}. Those beyond MaxCalls are
// not kept.
type Calls []Call

// UnmarshalStream reads the list.
func (c *Calls) UnmarshalStream(d *stream.Decoder) error {
	return d.Array(func() error {
		if len(*c) == MaxCalls {
			return nil
		}
		var one struct {
			ID       string `json:"id" max:"64"`
			Function struct {
				Name      string    `json:"name" max:"64"`
				Arguments Arguments `json:"arguments"`
			} `json:"function"`
		}
		err := d.Decode(&one)
		if one.ID == "" { // the result of a call is sent with its id
			one.ID = fmt.Sprintf("call%d", len(*c)+1)
		}
		*c = append(*c, Call{ID: one.ID, Tool: one.Function.Name, Arguments: one.Function.Arguments.Raw()})
		return err
	})
}

// MarshalJSON implements json.Marshaler: null. A library that is given a response without what it must not decode gets no calls.
func (Calls) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// Arguments of a call as they arrive: a JSON object in a string, as OpenAI sends them, or an object, as Ollama does. Of an object, the
// fields that are texts, numbers or booleans are kept, as texts.
type Arguments string

// UnmarshalStream reads the value.
func (a *Arguments) UnmarshalStream(d *stream.Decoder) error {
	kind, err := d.Kind()
	switch {
	case err != nil:
		return err
	case kind == stream.String:
		text, err := d.Text(MaxArguments)
		*a = Arguments(text)
		return err
	case kind != stream.Object:
		return d.Skip()
	}
	fields := map[string]string{}
	err = d.Object(func(name []byte) error {
		if len(fields) == maxFields || len(name) > MaxCallName {
			return d.Skip()
		}
		key := string(name) // valid until the value is read
		text, is, err := d.Scalar(MaxArguments)
		if err != nil {
			return err
		}
		if is {
			fields[key] = string(text)
			return d.KeepText(len(key) + len(text))
		}
		fields[key] = "(no text)"
		return nil
	})
	if err != nil {
		return err
	}
	content, err := json.Marshal(fields)
	if err != nil {
		return err // cannot happen for strings
	}
	*a = Arguments(content)
	return d.KeepText(len(content))
}

// Raw is the arguments as JSON; an empty object if there are none.
func (a Arguments) Raw() json.RawMessage {
	if strings.TrimSpace(string(a)) == "" {
		return json.RawMessage("{}")
	}
	return json.RawMessage(a)
}

// ToolsNotSupported is the problem of a model or server that cannot call tools.
func ToolsNotSupported(host, model string) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonToolsNotSupported, nil, "model %s at %s cannot call tools", model, host)
}

// NoTools reports whether a server rejected a request because it, or the model, cannot call tools.
func (f Refusal) NoTools() bool {
	if f.Status < 400 && f.Status != 200 || f.contextTooLong() {
		return false
	}
	if f.Param == "tools" || f.Param == "tool_choice" {
		return true
	}
	message := strings.ToLower(f.Message)
	if !strings.Contains(message, "tool") {
		return false
	}
	for _, phrase := range []string{
		"support", "requires --enable-auto-tool-choice", "not permitted", "not allowed", "unknown", "unrecognized", "extra inputs",
		"not available",
	} {
		if strings.Contains(message, phrase) {
			return true
		}
	}
	return false
}
