// Package retry repeats calls until they succeed.
package retry

import (
	"context"
	"time"
)

// pause is short, since most waits take a few milliseconds.
const pause = 25 * time.Millisecond

// For calls do until it succeeds or the time is over, and returns the last error.
func For(ctx context.Context, patience time.Duration, do func() error) error {
	until := time.NewTimer(patience)
	defer until.Stop()
	for {
		err := do()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-until.C:
			return err
		case <-time.After(pause):
		}
	}
}
