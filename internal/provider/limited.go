package provider

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"golang.org/x/time/rate"

	"kubeops.io/kubeops/internal/tracing"
)

var errRedirected = errors.New("redirected to another host")

// sizeError is a response over its size limit, in bytes.
type sizeError struct{ limit int64 }

func (e *sizeError) Error() string {
	return fmt.Sprintf("response over the limit of %d bytes", e.limit)
}

// limited is the one way out: it adds headers and credentials for its own host only, waits for a free slot, and bounds the answer.
type limited struct {
	next          http.RoundTripper
	header        http.Header
	authorization string
	host, scheme  string
	bytes         int64
	rate          *rate.Limiter
	memory        *ResponseShare
	// backend is the type of the backend, for traces.
	backend string
}

// RoundTrip sends one request, and records it in the trace of its context.
func (l *limited) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, span := tracing.Start(request.Context(), "request "+l.backend, tracing.Value("kubeops.backend.type", l.backend),
		tracing.Value("kubeops.backend.operation", operationOf(request.Context())), tracing.Value("http.request.method", request.Method),
		tracing.Value("server.address", l.host))
	response, err := l.send(request.WithContext(ctx))
	if err == nil {
		span.SetAttributes(attribute.Int("http.response.status_code", response.StatusCode))
	}
	tracing.End(span, err)
	return response, err
}

// send waits for a slot, adds credentials, and bounds the answer.
func (l *limited) send(request *http.Request) (*http.Response, error) {
	if request.URL.Host != l.host || request.URL.Scheme != l.scheme {
		return nil, errRedirected
	}
	if err := l.rate.Wait(request.Context()); err != nil {
		return nil, context.DeadlineExceeded // the turn would come after the deadline
	}
	request = request.Clone(request.Context())
	for name, values := range l.header {
		request.Header[name] = values
	}
	if l.authorization != "" {
		request.Header.Set("Authorization", l.authorization)
	}
	request.Header.Set("User-Agent", "kubeops")
	response, err := l.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if isPrefix(request.Context()) {
		response.ContentLength = -1 // an announced length says nothing about what is read
	}
	if err := BoundResponse(response, limitOf(request.Context(), l.bytes), l.memory); err != nil {
		return nil, err
	}
	return response, nil
}

// BoundResponse makes the body of a response end with an error once it exceeds a number of bytes, and takes what it reads from a share of
// memory, which may be nil, until it is closed. A response that announces more is closed, and the error is that of its body.
func BoundResponse(response *http.Response, limit int64, memory *ResponseShare) error {
	if response.ContentLength > limit {
		_ = response.Body.Close()
		return &sizeError{limit}
	}
	response.Body = &bounded{
		ReadCloser: response.Body, limit: limit, left: limit, free: uncounted, ctx: response.Request.Context(),
		lease: memory.open(),
	}
	return nil
}

// limitKey is the limit of the response to a request, in its context.
type limitKey struct{}

// operationKey is the name of the operation of a request, in its context.
type operationKey struct{}

// operationOf a request; empty if a library makes it.
func operationOf(ctx context.Context) string {
	operation, _ := ctx.Value(operationKey{}).(string)
	return operation
}

// responseLimit of one request; prefix says that only the beginning of the response is read.
type responseLimit struct {
	bytes  int64
	prefix bool
}

func withLimit(ctx context.Context, bytes int64, prefix bool) context.Context {
	return context.WithValue(ctx, limitKey{}, responseLimit{bytes, prefix})
}

func isPrefix(ctx context.Context) bool {
	limit, is := ctx.Value(limitKey{}).(responseLimit)
	return is && limit.prefix
}

// limitOf the response to a request, at most that of the client.
func limitOf(ctx context.Context, client int64) int64 {
	if own, is := ctx.Value(limitKey{}).(responseLimit); is && own.bytes > 0 {
		return min(own.bytes, client)
	}
	return client
}

// CloseIdleConnections closes idle connections.
func (l *limited) CloseIdleConnections() {
	if closer, ok := l.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// bounded ends with an error, never with a silent cut, when more comes than may. It counts bytes after decompression, so a
// small answer that unpacks to gigabytes ends here, too. What it reads is taken from the memory of all responses until it is closed.
type bounded struct {
	io.ReadCloser
	limit, left int64
	// free is what may be read before the lease must grow.
	free  int64
	ctx   context.Context //nolint:containedctx // that of the request, which ends with the body
	lease *lease
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.left < 0 {
		return 0, &sizeError{b.limit}
	}
	if b.lease != nil {
		if b.free <= 0 {
			if err := b.lease.grow(b.ctx); err != nil {
				return 0, err
			}
			b.free = grant
		}
		into = into[:min(int64(len(into)), b.free)]
	}
	n, err := b.ReadCloser.Read(into)
	b.free -= int64(n)
	if b.left -= int64(n); b.left < 0 {
		return n + int(b.left), &sizeError{b.limit} // what is over the limit is not handed on
	}
	return n, err
}

func (b *bounded) Close() error {
	b.lease.close()
	return b.ReadCloser.Close()
}

// body explains what goes wrong while it is read, and ends the request's deadline when it is closed.
type body struct {
	io.ReadCloser
	cancel context.CancelFunc
	client *Client
}

func (b *body) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, b.client.ToProblem(err)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
