package ollama

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/ollama/ollama/api"

	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
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
// nothing else: no header and no parameter of Ollama's client gets further, and a signature would be one of those.
type call struct {
	model     *Model
	operation string
	// readErr is why the body of the response ended early. Ollama's client does not return such errors for streams.
	readErr error
}

func (m *Model) newCall(operation string) *call { return &call{model: m, operation: operation} }

// api is Ollama's client for this call.
func (c *call) api() *api.Client {
	return api.NewClient(&url.URL{Scheme: "http", Host: placeholderHost}, &http.Client{Transport: c})
}

// RoundTrip sends a request. Any status but 2xx is a problem.
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
	if answer.Status < 200 || answer.Status > 299 {
		defer func() { _ = answer.Body.Close() }()
		return nil, c.model.toProblem(answer)
	}
	return &http.Response{
		Status: http.StatusText(answer.Status), StatusCode: answer.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.Header, Body: &responseBody{ReadCloser: answer.Body, call: c}, ContentLength: -1, Request: request,
	}, nil
}

// result is nil, or the problem of an error of Ollama's client. Those errors may quote the response, and so are dropped.
func (c *call) result(err error) error {
	if c.readErr != nil {
		err = c.readErr
	}
	switch p := problem.As(err); {
	case err == nil:
		return nil
	case p != nil:
		return p
	}
	return c.model.client.Invalid(nil)
}

// toProblem maps a status other than 2xx. Ollama puts the cause into the field error.
func (m *Model) toProblem(answer *provider.Answer) *problem.Problem {
	var content api.StatusError
	start, _ := io.ReadAll(io.LimitReader(answer.Body, maxErrorBytes))
	_ = json.Unmarshal(start, &content) // the error page of a proxy is not JSON
	refusal := ai.Refusal{
		Status: answer.Status, Message: content.ErrorMessage, RetryAfter: ai.RetryAfter(answer.Header, time.Now()),
	}
	return refusal.Problem(m.client, m.settings.Model)
}

// responseBody records why it ended early.
type responseBody struct {
	io.ReadCloser
	call *call
}

func (b *responseBody) Read(buffer []byte) (int, error) {
	n, err := b.ReadCloser.Read(buffer)
	if err != nil && !errors.Is(err, io.EOF) {
		b.call.readErr = err
	}
	return n, err
}
