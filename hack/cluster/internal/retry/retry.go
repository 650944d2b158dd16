// Package retry waits for what takes a moment.
package retry

import (
	"context"
	"time"
)

// pause is short, since what is waited for usually takes a few milliseconds.
const pause = 25 * time.Millisecond

// For tries until do has no error or the time is over, and gives the last error.
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
