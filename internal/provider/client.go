package provider

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/stream"
)

// Options of a Client, besides where to.
type Options struct {
	// Type of the backend, for metrics, for example prometheus.
	Type string
	// Limits of what is sent and read.
	Limits Limits
	// Egress rules.
	Egress Egress
	// Metrics counts requests; nil counts nothing.
	Metrics *Metrics
	// Memory that responses take from while they are read; nil bounds each response only.
	Memory *ResponseShare
	// KeepRedirects returns redirects as answers instead of following them within the host.
	KeepRedirects bool
}

// Limits of responses by what is asked for, in bytes. Limits.MaxBytes applies where it is less.
const (
	// ProbeBytes of a response with a version, a state or a few settings.
	ProbeBytes = 1 << 20
	// ListBytes of a response that lists indices, labels, nodes or their values.
	ListBytes = 8 << 20
)

// maxHeader of a response in bytes.
const maxHeader = 64 << 10

// memoryFactor is how much memory the decoded values of a response may take, as a multiple of the bytes of the response.
const memoryFactor = 2

// Client sends requests to one server, with every limit around it. It holds connections: Close it.
type Client struct {
	base    *url.URL
	fields  Fields
	http    *http.Client
	limits  Limits
	options Options
}

// Request is one call.
type Request struct {
	// Operation names the call in metrics, for example query.
	Operation string
	// Method of the call. Default GET.
	Method string
	// Path below the endpoint's URL, unescaped, beginning with a slash.
	Path string
	// Query parameters.
	Query url.Values
	// Header besides those of the endpoint.
	Header http.Header
	// Body, and what it is. With Form set, the body is that form.
	Body        []byte
	ContentType string
	Form        url.Values
	// Timeout of this request, when it is not that of the limits.
	Timeout time.Duration
	// MaxBytes of the response, when it is less than that of the limits.
	MaxBytes int64
	// Prefix reads the beginning of a response that may be longer than MaxBytes. The caller stops reading in time.
	Prefix bool
}

// Answer of a server. Its Body ends with a ResponseTooLarge problem where the limit is passed; close it.
type Answer struct {
	Status int
	Header http.Header
	Body   io.ReadCloser

	// bytes is the limit of the body.
	bytes int64
}

// Decoder reads the body as JSON. What it keeps is limited to twice the bytes that the response may have.
func (a *Answer) Decoder() *stream.Decoder {
	return stream.New(a.Body, stream.Limits{Memory: memoryFactor * a.bytes})
}

// NewClient checks the endpoint and connects nothing yet.
func NewClient(endpoint Endpoint, options Options) (*Client, error) {
	base, err := parse(endpoint)
	if err != nil {
		return nil, err
	}
	config, err := endpoint.TLS.Config(endpoint.Fields)
	if err != nil {
		return nil, err
	}
	options.Limits = options.Limits.defaulted()
	transport, err := options.Egress.Transport(base, config, options.Limits.Timeout)
	if err != nil {
		return nil, ToProblem(err, base.Host, endpoint.Fields)
	}
	c := &Client{base: base, fields: endpoint.Fields, limits: options.Limits, options: options}
	c.http = &http.Client{
		Transport: &limited{
			next: transport, header: endpoint.Header, authorization: endpoint.Auth.header(), host: base.Host, scheme: base.Scheme,
			bytes: options.Limits.MaxBytes, rate: rate.NewLimiter(rate.Limit(options.Limits.PerSecond), options.Limits.Burst),
			memory: options.Memory, backend: options.Type,
		},
		CheckRedirect: c.redirect,
	}
	return c, nil
}

// Transport sends requests to the server of a base URL, directly or through the proxy of the environment. The timeout is that of
// connecting and of the TLS handshake. An HTTP/2 connection whose server is silent for 45 seconds is closed. The caller bounds responses.
// ToProblem explains the errors.
func (e Egress) Transport(base *url.URL, config *tls.Config, timeout time.Duration) (*http.Transport, error) {
	transport := &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: timeout, MaxResponseHeaderBytes: maxHeader, DialContext: e.Dialer(timeout).DialContext,
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: base})
	switch {
	case err != nil:
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, err, "the proxy settings in the environment of the manager are not valid")
	case proxy != nil:
		if err := e.CheckHost(base.Hostname()); err != nil {
			return nil, err
		}
		e.viaProxy(transport, proxy, timeout)
	}
	return transport, nil
}

// viaProxy sends requests through a proxy. The proxy is the administrator's: it may be anywhere. What is requested of it is judged
// before each request, since it would resolve the name itself.
func (e Egress) viaProxy(transport *http.Transport, proxy *url.URL, timeout time.Duration) {
	transport.Proxy = func(request *http.Request) (*url.URL, error) {
		return proxy, e.CheckBehindProxy(request.Context(), request.URL.Hostname())
	}
	transport.DialContext = (&net.Dialer{Timeout: timeout, KeepAlive: keepAlive}).DialContext
}

// Host of the endpoint, for messages.
func (c *Client) Host() string { return c.base.Host }

// HTTP is the client underneath, with the same rules, for libraries that bring their own calls. Their errors go through
// ToProblem.
func (c *Client) HTTP() *http.Client { return c.http }

// BaseURL is the endpoint's URL without a slash at its end.
func (c *Client) BaseURL() string { return c.base.String() }

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// redirect follows within the host only, never from https to http, and never where a request that carries something would become
// one that asks for something: what it carried would be lost.
func (c *Client) redirect(request *http.Request, via []*http.Request) error {
	if c.options.KeepRedirects {
		return http.ErrUseLastResponse
	}
	if len(via) >= 5 || request.Method != via[0].Method {
		return errRedirected
	}
	if request.URL.Host != c.base.Host || (c.base.Scheme == "https" && request.URL.Scheme != "https") {
		return errRedirected
	}
	return nil
}

// Do sends a request and returns the answer, whatever its status. The deadline holds until the body is closed.
func (c *Client) Do(ctx context.Context, r Request) (*Answer, error) {
	timeout := r.Timeout
	if timeout <= 0 {
		timeout = c.limits.Timeout
	}
	ctx, cancel := context.WithTimeout(context.WithValue(withLimit(ctx, r.MaxBytes, r.Prefix), operationKey{}, r.Operation), timeout)
	request, err := c.request(ctx, r)
	if err != nil {
		cancel()
		return nil, err
	}
	began := time.Now()
	response, err := c.http.Do(request) //nolint:bodyclose // the caller closes the response
	if err != nil {
		cancel()
		p := c.ToProblem(err)
		c.options.Metrics.observe(c.options.Type, r.Operation, p.Reason, time.Since(began))
		return nil, p
	}
	c.options.Metrics.observe(c.options.Type, r.Operation, fmt.Sprintf("%dxx", response.StatusCode/100), time.Since(began))
	return &Answer{
		Status: response.StatusCode, Header: response.Header, bytes: limitOf(ctx, c.limits.MaxBytes),
		Body: &body{ReadCloser: response.Body, cancel: cancel, client: c},
	}, nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	if slices.ContainsFunc(strings.Split(r.Path, "/"), func(segment string) bool { return segment == "." || segment == ".." }) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%s or a setting beside it leads out of its path: it contains . or .. between slashes", orText(c.fields.URL, "the URL"))
	}
	target := *c.base
	target.Path += r.Path
	target.RawQuery = r.Query.Encode()
	content, contentType := r.Body, r.ContentType
	if r.Form != nil {
		content = []byte(r.Form.Encode())
		contentType = "application/x-www-form-urlencoded"
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(content))
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, err,
			"%s cannot be used as the URL of a request", orText(c.fields.URL, "the URL"))
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return request, nil
}

// JSON sends a request, and decodes the answer into a value, see stream.Decoder.Decode. A status other than 2xx is a problem, see
// Refused; so is an answer that is not JSON, too large, or too late. A nil value drops the answer.
func (c *Client) JSON(ctx context.Context, r Request, into any) error {
	answer, err := c.Do(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status < 200 || answer.Status > 299 {
		return c.Refused(answer)
	}
	if into == nil {
		_, err := io.Copy(io.Discard, answer.Body)
		if err != nil {
			return c.ToProblem(err)
		}
		return nil
	}
	if err := answer.Decoder().Decode(into); err != nil {
		return c.DecodeProblem(err)
	}
	return nil
}

// DecodeProblem is the problem of an answer that could not be decoded: that of its body, one that names the exceeded limit of a
// stream.Decoder, or Invalid.
func (c *Client) DecodeProblem(err error) *problem.Problem {
	var limit *stream.LimitError
	switch p := problem.As(err); {
	case p != nil:
		return p
	case errors.As(err, &limit):
		return overLimit(limit, c.Host())
	}
	return c.Invalid(err)
}

// Invalid is the problem of an answer that is not what this type of backend answers.
func (c *Client) Invalid(cause error) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonInvalidResponse, cause,
		"the response of %s is not that of %s; check that the URL does not lead to a login page or another service",
		c.Host(), article(c.options.Type))
}

func article(name string) string {
	if name == "" {
		return "this type of backend"
	}
	if strings.ContainsRune("aeiou", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}

// Observe counts a request that a library sent through HTTP: its result is the class of the status (2xx), or the reason why
// there was none.
func (c *Client) Observe(operation, result string, took time.Duration) {
	c.options.Metrics.observe(c.options.Type, operation, result, took)
}
