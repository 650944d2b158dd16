package ollama

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/ollama/ollama/api"

	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/stream"
)

const (
	// placeholderHost is the host that Ollama's client is given. It is never resolved: requests go to the endpoint of the settings.
	// The client signs requests to ollama.com, and must not see a user's URL for that reason.
	placeholderHost = "ollama.invalid"
	// signingVariable makes Ollama's client sign all requests with a private key of the home folder. It is meant for Ollama's own
	// command line.
	signingVariable = "OLLAMA_AUTH"
	maxErrorBytes   = 16 << 10
)

// disableSigning unsets signingVariable for this process: where it is set and there is no key, no request would be sent at all.
func disableSigning() {
	_ = os.Unsetenv(signingVariable) // fails only for names that cannot be variables
}

// call is one call of Ollama's client, and the transport of that client. It sends method, path and body through provider.Client and
// nothing else: no header and no parameter of Ollama's client gets further, and a signature would be one of those. Of a response, it passes
// on the known fields: the client decodes every field, some of them into values of any type, which can take a multiple of their size.
type call struct {
	model     *Model
	operation string
	// known is a pointer to a struct of the fields that the response may have.
	known any
	// tools is set if the request has tools.
	tools bool
}

func (m *Model) newCall(operation string, known any) *call {
	return &call{model: m, operation: operation, known: known}
}

// api is Ollama's client for this call.
func (c *call) api() *api.Client {
	return api.NewClient(&url.URL{Scheme: "http", Host: placeholderHost}, &http.Client{Transport: c})
}

// RoundTrip sends a request. Any status but 2xx, and a body that is not one JSON value of known fields, is a problem.
func (c *call) RoundTrip(request *http.Request) (*http.Response, error) {
	forwarded := provider.Request{Operation: c.operation, Method: request.Method, Path: request.URL.Path}
	if request.Body != nil {
		defer func() { _ = request.Body.Close() }()
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		forwarded.Body = body
		forwarded.ContentType = "application/json"
	}
	answer, err := c.model.client.Do(request.Context(), forwarded)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status < 200 || answer.Status > 299 {
		return nil, c.toProblem(answer)
	}
	content, err := c.read(answer.Decoder())
	if err != nil {
		return nil, err
	}
	return &http.Response{
		Status: http.StatusText(answer.Status), StatusCode: answer.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(content)), ContentLength: int64(len(content)), Request: request,
	}, nil
}

// read the known fields of a response, as JSON.
func (c *call) read(d *stream.Decoder) ([]byte, error) {
	if err := d.Decode(c.known); err != nil {
		return nil, c.model.client.DecodeProblem(err)
	}
	switch more, err := d.More(); {
	case err != nil:
		return nil, c.model.client.DecodeProblem(err)
	case more:
		return nil, c.model.client.Invalid(nil)
	}
	return json.Marshal(c.known)
}

// result is nil, or the problem of an error of Ollama's client. Those errors may quote the response, and so are dropped.
func (c *call) result(err error) error {
	switch p := problem.As(err); {
	case err == nil:
		return nil
	case p != nil:
		return p
	}
	return c.model.client.Invalid(nil)
}

// toProblem maps a status other than 2xx. Ollama puts the cause into the field error.
func (c *call) toProblem(answer *provider.Answer) *problem.Problem {
	var content struct {
		Error string `json:"error" max:"4096"`
	}
	// The error page of a proxy is not JSON.
	_ = stream.New(io.LimitReader(answer.Body, maxErrorBytes), stream.Limits{}).Decode(&content)
	refusal := ai.Refusal{
		Status: answer.Status, Message: content.Error, RetryAfter: ai.RetryAfter(answer.Header, time.Now()),
		Secrets: c.model.settings.Secrets(),
	}
	if c.tools && refusal.NoTools() {
		return ai.ToolsNotSupported(c.model.client.Host(), c.model.settings.Model)
	}
	return refusal.Problem(c.model.client, c.model.settings.Model)
}

// Fields of responses, by operation.
type (
	knownVersion struct {
		Version string `json:"version" max:"64"`
	}
	knownShow struct {
		Parameters string   `json:"parameters" max:"65536"`
		ModelInfo  *present `json:"model_info,omitempty"`
		Details    struct {
			Format string `json:"format" max:"64"`
			Family string `json:"family" max:"64"`
		} `json:"details"`
	}
	knownChat struct {
		Error   string `json:"error,omitempty" max:"64"`
		Message struct {
			Role      string   `json:"role" max:"64"`
			Content   string   `json:"content"`
			ToolCalls ai.Calls `json:"tool_calls,omitempty"`
		} `json:"message"`
		Done            bool   `json:"done"`
		DoneReason      string `json:"done_reason" max:"64"`
		PromptEvalCount int64  `json:"prompt_eval_count"`
		EvalCount       int64  `json:"eval_count"`
	}
)

// present is an object that only has to be there.
type present struct{}

// UnmarshalStream keeps nothing.
func (*present) UnmarshalStream(d *stream.Decoder) error { return d.Skip() }
