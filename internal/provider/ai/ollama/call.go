package ollama

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/stream"
)

const maxErrorBytes = 16 << 10

// call sends a request and reads the fields of a response that the value has. A body of nil is a GET request. Any status but 2xx, more than
// one JSON value, and a value that is not one of the API are problems.
func (m *Model) call(ctx context.Context, operation, path string, body, into any) error {
	request := provider.Request{Operation: operation, Path: path}
	if body != nil {
		content, err := json.Marshal(body)
		if err != nil {
			return err
		}
		request.Method = http.MethodPost
		request.Body = content
		request.ContentType = "application/json"
	}
	answer, err := m.client.Do(ctx, request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status < 200 || answer.Status > 299 {
		return m.toProblem(answer)
	}
	d := answer.Decoder()
	if err := d.Decode(into); err != nil {
		return m.client.DecodeProblem(err)
	}
	switch more, err := d.More(); {
	case err != nil:
		return m.client.DecodeProblem(err)
	case more:
		return m.client.Invalid(nil)
	}
	return nil
}

// toProblem maps a status other than 2xx. Ollama puts the cause into the field error.
func (m *Model) toProblem(answer *provider.Answer) error {
	var content struct {
		Error string `json:"error" max:"4096"`
	}
	// The error page of a proxy is not JSON.
	_ = stream.New(io.LimitReader(answer.Body, maxErrorBytes), stream.Limits{}).Decode(&content)
	refusal := ai.Refusal{Status: answer.Status, Message: content.Error, RetryAfter: ai.RetryAfter(answer.Header, time.Now())}
	return refusal.Problem(m.client, m.settings.Model)
}

// present is a value that only has to be there.
type present struct{}

// UnmarshalStream keeps nothing.
func (*present) UnmarshalStream(d *stream.Decoder) error { return d.Skip() }
