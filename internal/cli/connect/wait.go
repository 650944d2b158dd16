package connect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/printable"
)

const (
	// pollInterval of a command that waits, while the API server answers.
	pollInterval = 500 * time.Millisecond
	// maxPollBackoff between two attempts while it does not.
	maxPollBackoff = 30 * time.Second
	// pollTimeout of one attempt.
	pollTimeout = 15 * time.Second
)

// Poller repeats a read until it is done. An API server that does not answer is retried with a growing delay, and reported once on
// stderr, until the context ends.
type Poller struct {
	stderr io.Writer
	// sleep waits for a duration or the end of the context, whose error it returns.
	sleep func(context.Context, time.Duration) error
}

// NewPoller reports on stderr.
func NewPoller(stderr io.Writer) *Poller {
	return &Poller{stderr: printable.NewWriter(stderr), sleep: sleep}
}

// Until calls read until it is done or fails with an error that a retry cannot help.
func (p *Poller) Until(ctx context.Context, read func(context.Context) (done bool, err error)) error {
	delay := pollInterval
	reported := false
	for {
		attempt, cancel := context.WithTimeout(ctx, pollTimeout)
		done, err := read(attempt)
		cancel()
		switch {
		case err == nil && done:
			return nil
		case ended(ctx) != nil:
			return ended(ctx)
		case err == nil:
			if reported {
				fmt.Fprintln(p.stderr, "the API server answers again")
			}
			reported = false
			delay = pollInterval
		case !isTransient(err):
			return err
		default:
			if !reported {
				fmt.Fprintf(p.stderr, "%v; retrying until it answers\n", err)
			}
			reported = true
			delay = min(2*delay, maxPollBackoff)
		}
		if err := p.sleep(ctx, delay); err != nil {
			return err
		}
	}
}

// ended is the error of a context that has ended. On a busy machine, its timer can be later than its deadline, and the rate limiter of a
// client refuses requests in between.
func ended(ctx context.Context) error {
	if deadline, limited := ctx.Deadline(); ctx.Err() == nil && limited && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Interrupted reports whether an error is the end of a command by a signal.
func Interrupted(err error) bool { return errors.Is(err, context.Canceled) }

// isTransient reports whether a request may succeed when it is repeated.
func isTransient(err error) bool {
	return apierror.IsConnection(err) && !apierror.IsUntrusted(err) || apierror.IsTimeout(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err)
}
