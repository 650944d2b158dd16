package collect

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// maxTries of one request. client-go itself already waits and tries again where the server says when (429, 5xx with
	// Retry-After).
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

// mayPass says whether an error may be gone at the next try.
func mayPass(err error) bool {
	return apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsUnexpectedServerError(err) || connectionError(err)
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
