package live

import (
	"context"
	"math/rand/v2"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/collect"
)

// How long to wait after an error: at first, and at most. An API server that is back is noticed within seconds; one that refuses a list is
// asked rarely.
const (
	minPause            = 100 * time.Millisecond
	maxUnreachablePause = time.Second
	maxRefusedPause     = 30 * time.Second
)

// backoff is the pause between two attempts. The zero value with a clock begins with the shortest.
type backoff struct {
	clock       clock.Clock
	last        time.Duration
	unreachable bool
}

// wait until the next attempt after an error, or the end of ctx.
func (b *backoff) wait(ctx context.Context, err error) {
	timer := b.clock.NewTimer(b.next(err))
	defer timer.Stop()
	select {
	case <-timer.C():
	case <-ctx.Done():
	}
}

// next pause, with jitter. An error of another sort starts over: a server that answers with an error again is up.
func (b *backoff) next(err error) time.Duration {
	unreachable := collect.Unreachable(err)
	if unreachable != b.unreachable {
		b.last = 0
	}
	b.unreachable = unreachable
	limit := maxRefusedPause
	if unreachable {
		limit = maxUnreachablePause
	}
	b.last = min(max(2*b.last, minPause), limit)
	return b.last/2 + rand.N(b.last/2) //nolint:gosec // jitter needs no secrecy
}

func (b *backoff) reset() { b.last = 0 }
