package openai

import (
	"cmp"
	"io"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3/option"

	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/stream"
)

// The library keeps each field of a response in several forms, which for a response of small values is a multiple of its size. It builds
// the request; the response is read here.

// maxErrorBytes of the body of an error response are read.
const maxErrorBytes = 64 << 10

// exchange is one request and what is used of its response.
type exchange struct {
	model *Model
	reply reply
	// failure is what the body of an error response says.
	failure failure
}

// reply has the fields of a response of the chat completions API that are used. Some servers respond to a request that failed with status
// 200 and an error: in error, as their own object, or in the choice.
type reply struct {
	Choices firstChoice `json:"choices"`
	Usage   struct {
		PromptTokens     int64 `json:"prompt_tokens"`
		CompletionTokens int64 `json:"completion_tokens"`
	} `json:"usage"`
	Error   said   `json:"error"`
	Object  string `json:"object" max:"64"`
	Message string `json:"message" max:"4096"`
	Code    word   `json:"code"`
}

// failure returns the error of a response without an answer.
func (r *reply) failure() (said, bool) {
	switch {
	case r.Error.present:
		return r.Error, true
	case len(r.Choices) > 0:
		return r.Choices[0].Error, r.Choices[0].Error.present
	case r.Object == "error":
		return said{Code: r.Code, Message: r.Message, present: true}, true
	}
	return said{}, false
}

type choice struct {
	FinishReason string `json:"finish_reason" max:"64"`
	Message      struct {
		Content   content  `json:"content"`
		Refusal   string   `json:"refusal" max:"64"`
		ToolCalls ai.Calls `json:"tool_calls"`
	} `json:"message"`
	Error said `json:"error"`
}

// content of a message: a text, or a list of parts, of which those with text are joined. Parts of other types, such as the reasoning, are
// left out.
type content string

// UnmarshalStream reads the value.
func (c *content) UnmarshalStream(d *stream.Decoder) error {
	kind, err := d.Kind()
	switch {
	case err != nil:
		return err
	case kind == stream.String:
		text, err := d.Text(stream.Unlimited)
		*c = content(text)
		return err
	case kind != stream.Array:
		return d.Skip()
	}
	var parts []string
	length := 0
	err = d.Array(func() error {
		text, err := readPart(d)
		if err != nil || text == "" {
			return err
		}
		parts = append(parts, text)
		length += len(text)
		return d.KeepText(len(text)) // once more, in the joined text
	})
	if err == nil && length > 0 {
		*c = content(strings.Join(parts, ""))
	}
	return err
}

// readPart returns the text of a part of a content.
func readPart(d *stream.Decoder) (string, error) {
	kind, err := d.Kind()
	switch {
	case err != nil:
		return "", err
	case kind == stream.String:
		return d.Text(stream.Unlimited)
	case kind != stream.Object:
		return "", d.Skip()
	}
	var part struct {
		Type string `json:"type" max:"32"`
		Text string `json:"text"`
	}
	if err := d.Decode(&part); err != nil {
		return "", err
	}
	switch part.Type {
	case "", "text", "output_text":
		return part.Text, nil
	}
	return "", nil
}

// firstChoice is a list of which the first element is kept.
type firstChoice []choice

// UnmarshalStream reads the list.
func (f *firstChoice) UnmarshalStream(d *stream.Decoder) error {
	return d.Array(func() error {
		if len(*f) > 0 {
			return nil
		}
		*f = make(firstChoice, 1)
		return d.Decode(&(*f)[0])
	})
}

// failure is an error response. OpenAI has an object in error, LM Studio a text, older versions of vLLM have its fields at the top, and
// servers built with FastAPI have a detail.
type failure struct {
	Error   said   `json:"error"`
	Detail  said   `json:"detail"`
	Message string `json:"message" max:"4096"`
	Code    word   `json:"code"`
	Param   word   `json:"param"`
}

// said returns the error, wherever it is.
func (f *failure) said() said {
	switch {
	case f.Error.present:
		return f.Error
	case f.Detail.present:
		return f.Detail
	}
	return said{Code: f.Code, Param: f.Param, Message: f.Message}
}

// said is an error: an object, a text, or a list of which the first element is read.
type said struct {
	Code, Param word
	Message     string
	// present is false for null, and if there is no error.
	present bool
}

// maxSaid bytes of a message are read.
const maxSaid = 4096

// UnmarshalStream reads the value.
func (s *said) UnmarshalStream(d *stream.Decoder) error {
	kind, err := d.Kind()
	switch {
	case err != nil:
		return err
	case kind == stream.String:
		s.Message, err = d.Text(maxSaid)
		s.present = err == nil && s.Message != ""
		return err
	case kind == stream.Array:
		return d.Array(func() error {
			if s.present {
				return nil
			}
			return s.UnmarshalStream(d)
		})
	case kind != stream.Object:
		return d.Skip()
	}
	var object struct {
		Code    word   `json:"code"`
		Param   word   `json:"param"`
		Message string `json:"message" max:"4096"`
		// Location and Text are those of FastAPI, where the name of a parameter follows body.
		Location location `json:"loc"`
		Text     string   `json:"msg" max:"4096"`
	}
	if err := d.Decode(&object); err != nil {
		return err
	}
	*s = said{
		Code: object.Code, Param: cmp.Or(object.Param, word(object.Location)), Message: cmp.Or(object.Message, object.Text), present: true,
	}
	return nil
}

// location is the name of the field in a list such as ["body", "response_format", "type"].
type location string

// UnmarshalStream reads the value.
func (l *location) UnmarshalStream(d *stream.Decoder) error {
	kind, err := d.Kind()
	if err != nil {
		return err
	}
	if kind != stream.Array {
		return d.Skip()
	}
	return d.Array(func() error {
		var part word
		if err := part.UnmarshalStream(d); err != nil {
			return err
		}
		if *l == "" && part != "body" {
			*l = location(part)
		}
		return nil
	})
}

// word is a text, or a number, which some servers send as code.
type word string

// UnmarshalStream reads the value.
func (w *word) UnmarshalStream(d *stream.Decoder) error {
	const enough = 256
	text, is, err := d.Scalar(enough)
	if is && string(text) != "None" { // of LiteLLM
		*w = word(text)
	}
	return err
}

// read the response to a request, and give the library an empty one of the same status.
func (e *exchange) read(request *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	response, err := next(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode >= http.StatusBadRequest {
		// The page of a proxy has no error.
		_ = stream.New(io.LimitReader(response.Body, maxErrorBytes), stream.Limits{}).Decode(&e.failure)
	} else if err := stream.New(response.Body, stream.Limits{Memory: 2 * e.model.settings.MaxBytes}).Decode(&e.reply); err != nil {
		return nil, e.model.client.DecodeProblem(e.model.cause(err))
	}
	response.Body = io.NopCloser(strings.NewReader("{}"))
	response.ContentLength = 2
	return response, nil
}
