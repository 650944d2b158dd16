// Package httppost posts messages to URLs whose path and query may be secret, as those of chat webhooks are.
package httppost

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

const (
	maxResponseBytes  = 64 << 10
	defaultRetryAfter = time.Minute
	maxRetryAfter     = time.Hour
)

// Client posts to one URL. It holds connections: Close it.
type Client struct {
	*provider.Client
	path  string
	query url.Values
}

// Request is one POST.
type Request struct {
	Body        []byte
	ContentType string
	Header      http.Header
	// Query is added to that of the URL.
	Query url.Values
}

// Response of a server. Its body has at most 64 KiB.
type Response struct {
	Status int
	Body   []byte
}

// New validates the URL of a channel and connects nothing yet. Its errors never contain the path or query.
func New(settings notify.Settings, channel v1alpha1.NotificationChannelType) (*Client, error) {
	target, err := url.Parse(settings.Endpoint.URL)
	if err != nil || (target.Scheme != "http" && target.Scheme != "https") || target.Hostname() == "" || target.User != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"the URL of the channel must start with http:// or https://, contain a host, and contain no user name")
	}
	query, err := url.ParseQuery(target.RawQuery)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the query of the URL for %s is invalid", target.Host)
	}
	endpoint := settings.Endpoint
	endpoint.URL = target.Scheme + "://" + target.Host
	timeout := settings.Timeout
	if timeout <= 0 {
		timeout = v1alpha1.DefaultMessageTimeout
	}
	client, err := provider.NewClient(endpoint, provider.Options{
		Type: string(channel), Limits: provider.Limits{Timeout: timeout, MaxBytes: maxResponseBytes},
		Egress: settings.Egress, Metrics: settings.Metrics, Memory: settings.Memory,
	})
	if err != nil {
		return nil, err
	}
	return &Client{Client: client, path: target.Path, query: query}, nil
}

// Post sends a request and returns the response, whatever its status except 429. Errors are problems without the path or query.
func (c *Client) Post(ctx context.Context, request Request) (Response, error) {
	query := url.Values{}
	for _, part := range []url.Values{c.query, request.Query} {
		for name, values := range part {
			query[name] = append(query[name], values...)
		}
	}
	answer, err := c.Do(ctx, provider.Request{
		Operation: "send", Method: http.MethodPost, Path: c.path, Query: query,
		Header: request.Header, Body: request.Body, ContentType: request.ContentType,
	})
	if err != nil {
		return Response{}, withoutURL(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status == http.StatusTooManyRequests {
		return Response{}, c.RateLimited(answer.Header.Get("Retry-After"))
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		if refused := c.CheckStatus(answer.Status); refused != nil {
			return Response{}, refused // the status says more than the body that cannot be read
		}
		return Response{}, withoutURL(c.ToProblem(err))
	}
	return Response{Status: answer.Status, Body: body}, nil
}

// String contains the host and nothing else, to keep the path and query out of logs.
func (c *Client) String() string { return "client for " + c.Host() }

// GoString does the same for %#v.
func (c *Client) GoString() string { return c.String() }

// PathBefore is the path of the URL without a suffix.
func (c *Client) PathBefore(suffix string) string { return strings.TrimSuffix(c.path, suffix) }

// CheckStatus returns nil for a status of 2xx, and a problem for any other.
func (c *Client) CheckStatus(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity, status == http.StatusRequestEntityTooLarge:
		return c.Rejected("rejected the message (%d); check spec.template", status)
	case status == http.StatusUnauthorized:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
			"%s rejected the credentials (401); check the URL and the credentials of the channel", c.Host())
	case status == http.StatusForbidden:
		return problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"%s denied access (403); check the URL, and what the owner of the webhook allows", c.Host())
	case status == http.StatusNotFound, status == http.StatusGone, status == http.StatusMethodNotAllowed:
		return problem.Retrying(v1alpha1.ReasonNotFound, nil,
			"%s does not have this path (%d); check the URL, or create the webhook again if it was deleted", c.Host(), status)
	case status >= http.StatusInternalServerError:
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s returned a server error (%d); check its log", c.Host(), status)
	}
	return c.RefusedStatus(status)
}

// CheckResponse returns nil if the server accepted the message: a status of 2xx, and no HTML, such as a login page.
func (c *Client) CheckResponse(response Response) error {
	if err := c.CheckStatus(response.Status); err != nil {
		return err
	}
	if bytes.HasPrefix(bytes.TrimSpace(response.Body), []byte("<")) {
		return c.Invalid(nil)
	}
	return nil
}

// Rejected is the problem of a message that was not accepted. The host precedes the text.
func (c *Client) Rejected(format string, args ...any) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonRejected, nil, "%s "+format, append([]any{c.Host()}, args...)...)
}

// RateLimited is the problem of a server that limits the rate. The value of Retry-After is in seconds and may be empty.
func (c *Client) RateLimited(retryAfter string) *problem.Problem {
	after := defaultRetryAfter
	if seconds, err := strconv.Atoi(retryAfter); err == nil && seconds > 0 {
		after = min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	return problem.Waiting(v1alpha1.ReasonRateLimited, after,
		"%s limits the rate; lower spec.messagesPerMinute, or send fewer messages with spec.filter", c.Host())
}

// withoutURL removes the URL from the cause of a problem.
func withoutURL(err error) error {
	p := problem.As(err)
	var withURL *url.Error
	if p == nil || !errors.As(p.Cause, &withURL) {
		return err
	}
	stripped := *p
	stripped.Cause = withURL.Err
	return &stripped
}
