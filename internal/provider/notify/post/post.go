// Package post sends JSON to URLs of which the path and the query may be secret, as those of chat webhooks are.
package post

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Bounds of an answer, in bytes, and of how long a server may ask to be left alone.
const (
	maxAnswer = 64 << 10
	maxAfter  = time.Hour
)

// Poster sends to one URL. It holds connections: Close it.
type Poster struct {
	*provider.Client
	path  string
	query url.Values
}

// Request is one call.
type Request struct {
	Body        []byte
	ContentType string
	Header      http.Header
	// Query is added to that of the URL.
	Query url.Values
}

// Answer of a server that took the request; of its body, no more than 64 KiB.
type Answer struct {
	Status int
	Body   []byte
}

// New checks the URL of a channel of a type, and connects nothing yet. No error of it shows path or query.
func New(settings notify.Settings, channel v1alpha1.NotificationChannelType) (*Poster, error) {
	target, err := url.Parse(settings.Endpoint.URL)
	if err != nil || (target.Scheme != "http" && target.Scheme != "https") || target.Hostname() == "" || target.User != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the URL of the channel must begin with http:// or https://, name a host, and hold no user name")
	}
	query, err := url.ParseQuery(target.RawQuery)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the query of the URL for %s cannot be read", target.Host)
	}
	endpoint := settings.Endpoint
	endpoint.URL = target.Scheme + "://" + target.Host
	timeout := settings.Timeout
	if timeout <= 0 {
		timeout = v1alpha1.DefaultMessageTimeout
	}
	client, err := provider.NewClient(endpoint, provider.Options{
		Type: string(channel), Limits: provider.Limits{Timeout: timeout, MaxBytes: maxAnswer}, Egress: settings.Egress, Metrics: settings.Metrics,
	})
	if err != nil {
		return nil, err
	}
	return &Poster{Client: client, path: target.Path, query: query}, nil
}

// Do posts, and returns the answer, whatever its status but 429. Its errors are problems, none of which shows path or query.
func (p *Poster) Do(ctx context.Context, r Request) (Answer, error) {
	query := url.Values{}
	for _, values := range []url.Values{p.query, r.Query} {
		for name, list := range values {
			query[name] = append(query[name], list...)
		}
	}
	answer, err := p.Client.Do(ctx, provider.Request{
		Operation: "send", Method: http.MethodPost, Path: p.path, Query: query, Header: r.Header, Body: r.Body, ContentType: r.ContentType,
	})
	if err != nil {
		return Answer{}, discreet(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return Answer{}, discreet(p.ToProblem(err))
	}
	if answer.Status == http.StatusTooManyRequests {
		return Answer{}, p.TooMany(answer.Header.Get("Retry-After"))
	}
	return Answer{Status: answer.Status, Body: body}, nil
}

// String names the server and nothing else, whatever prints a Poster.
func (p *Poster) String() string { return "poster to " + p.Host() }

// GoString hides the same from %#v.
func (p *Poster) GoString() string { return p.String() }

// Path of the URL, without an ending that was added to it.
func (p *Poster) Path(ending string) string { return strings.TrimSuffix(p.path, ending) }

// Taken is nil for a status of 2xx, and else its problem.
func (p *Poster) Taken(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity, status == http.StatusRequestEntityTooLarge:
		return p.Rejected("does not take the message (%d); check spec.template", status)
	case status == http.StatusUnauthorized:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil, "%s does not let us in (401); check the URL and the credentials that the spec names", p.Host())
	case status == http.StatusForbidden:
		return problem.Retrying(v1alpha1.ReasonForbidden, nil, "%s does not let us write there (403); check the URL, and what its owner allows", p.Host())
	case status == http.StatusNotFound, status == http.StatusGone, status == http.StatusMethodNotAllowed:
		return problem.Retrying(v1alpha1.ReasonNotFound, nil, "%s does not have this path (%d); the webhook may have been taken away: make a new one, and put its URL into the Secret", p.Host(), status)
	}
	return p.RefusedStatus(status)
}

// Accepted is nil where the answer says that the message was taken: a status of 2xx, and no page for people, such as one to log in.
func (p *Poster) Accepted(answer Answer) error {
	if err := p.Taken(answer.Status); err != nil {
		return err
	}
	if bytes.HasPrefix(bytes.TrimSpace(answer.Body), []byte("<")) {
		return p.Invalid(nil)
	}
	return nil
}

// Rejected is the problem of a message that was not taken.
func (p *Poster) Rejected(format string, args ...any) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonRejected, nil, "%s "+format, append([]any{p.Host()}, args...)...)
}

// TooMany is the problem of a server that asks for fewer messages, and the time that it asks for in seconds, where it does.
func (p *Poster) TooMany(retryAfter string) *problem.Problem {
	after := time.Minute
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds > 0 {
		after = min(time.Duration(seconds)*time.Second, maxAfter)
	}
	return problem.Waiting(v1alpha1.ReasonRateLimited, after, "%s asks for fewer messages; lower spec.messagesPerMinute, or tell less by spec.filter", p.Host())
}

// discreet takes the URL out of the cause of a problem.
func discreet(err error) error {
	p := problem.As(err)
	var hasURL *url.Error
	if p == nil || !errors.As(p.Cause, &hasURL) {
		return err
	}
	bare := *p
	bare.Cause = hasURL.Err
	return &bare
}
