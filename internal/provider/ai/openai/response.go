package openai

import (
	"io"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3/option"

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

// reply has the fields of a response of the chat completions API that are used.
type reply struct {
	Choices firstChoice `json:"choices"`
	Usage   struct {
		PromptTokens     int64 `json:"prompt_tokens"`
		CompletionTokens int64 `json:"completion_tokens"`
	} `json:"usage"`
}

type choice struct {
	FinishReason string `json:"finish_reason" max:"64"`
	Message      struct {
		Content string `json:"content"`
		Refusal string `json:"refusal" max:"64"`
	} `json:"message"`
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

// failure is an error response.
type failure struct {
	Error struct {
		Code    word   `json:"code"`
		Param   word   `json:"param"`
		Message string `json:"message" max:"4096"`
	} `json:"error"`
}

// word is a text, or a number, which some servers send as code.
type word string

// UnmarshalStream reads the value.
func (w *word) UnmarshalStream(d *stream.Decoder) error {
	const enough = 256
	text, is, err := d.Scalar(enough)
	if is {
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
