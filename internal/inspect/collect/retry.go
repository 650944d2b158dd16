package collect

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

const (
	// maxTries of one request. client-go itself waits and tries again, up to ten times, where the server says when (429
	// and 5xx with Retry-After) and where it closed the connection without an answer.
	maxTries = 3
	// firstPause before the second try; it doubles, with jitter, so that many readers do not come back at once.
	firstPause = 200 * time.Millisecond
)

// retry asks again while the answer is an error that may pass, until ctx ends.
func retry[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	pause := firstPause
	for try := 1; ; try++ {
		answer, err := ask()
		if err == nil || try == maxTries || !mayPass(err) || ctx.Err() != nil {
			return answer, err
		}
		timer := time.NewTimer(pause + rand.N(pause)) //nolint:gosec // jitter needs no secrecy
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer, err
		}
		pause *= 2
	}
}

// mayPass says whether an error may be gone at the next try. What client-go has tried again already is not tried more
// often.
func mayPass(err error) bool {
	if _, told := apierrors.SuggestsClientDelay(err); told {
		return false
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code == http.StatusTooManyRequests || code >= http.StatusInternalServerError
	}
	var request *url.Error // no answer at all; a half of one is another error
	if errors.As(err, &request) && (utilnet.IsProbableEOF(err) || utilnet.IsConnectionReset(err)) {
		return false
	}
	return connectionError(err) && !untrusted(err)
}

// connectionError says whether there was no answer at all, or half of one.
func connectionError(err error) bool {
	var status apierrors.APIStatus
	if err == nil || errors.As(err, &status) {
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded)
}

// untrusted says whether the server's certificate was refused.
func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

// outOfTime says whether the deadline passed before the answer.
func outOfTime(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || apierrors.IsTimeout(err)
}
