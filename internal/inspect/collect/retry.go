package collect

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/apierror"
)

const (
	// maxAttempts of one request. client-go itself retries up to ten times where the server sends Retry-After (429 and 5xx)
	// and where the connection closed without a response.
	maxAttempts = 3
	// firstPause before the second attempt. It doubles, with jitter, so many readers do not return at once.
	firstPause = 200 * time.Millisecond
)

// retry repeats a request while its error is transient, until ctx ends.
func retry[T any](ctx context.Context, request func() (T, error)) (T, error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		response, err := request()
		if err == nil || attempt == maxAttempts || !transient(err) || ctx.Err() != nil {
			return response, err
		}
		timer := time.NewTimer(pause + rand.N(pause)) //nolint:gosec // jitter needs no secrecy
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return response, err
		}
		pause *= 2
	}
}

// transient reports whether the next attempt may succeed. What client-go has retried already is not retried here.
func transient(err error) bool {
	if _, delayed := apierrors.SuggestsClientDelay(err); delayed {
		return false
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
	}
	if closed(err) { // no response at all; part of one is another error
		return false
	}
	return apierror.IsConnection(err) && !apierror.IsUntrusted(err) && !pluginFailed(err)
}

// maxConnects is how often a request is sent whose connection closes without a response, and connectPause the time between two. Both are
// those of client-go, which does not repeat requests whose response is streamed.
const (
	maxConnects  = 11
	connectPause = time.Second
)

// stream sends a request and returns its body. It is sent again where the connection closes without a response: the server may have closed
// an idle one just then.
func stream(ctx context.Context, request func() *rest.Request) (io.ReadCloser, error) {
	for attempt := 1; ; attempt++ {
		body, err := request().Stream(ctx)
		if err == nil || attempt == maxConnects || !closed(err) {
			return body, err
		}
		timer := time.NewTimer(connectPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// closed reports whether a connection was closed before there was a response.
func closed(err error) bool {
	var request *url.Error
	return errors.As(err, &request) && (utilnet.IsProbableEOF(err) || utilnet.IsConnectionReset(err))
}
