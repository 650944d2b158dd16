package bundle

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
)

func TestItemsThatAreLeftAreAnError(t *testing.T) {
	refused := errors.New("refused")
	for _, tc := range []struct {
		name string
		// last is the item whose call ends the context or fails.
		last      int64
		ends      bool
		err, want error
	}{
		{"all items", 100, false, nil, nil},
		{"the context ends amid the items", 3, true, nil, context.Canceled},
		{"the context ends before the items", 0, true, nil, context.Canceled},
		{"the context ends in the last item", 100, true, nil, nil},
		{"an error ends it", 3, false, refused, refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tc.ends && tc.last == 0 {
				cancel()
			}
			var called atomic.Int64
			err := inParallel(ctx, make([]struct{}, 100), func(ctx context.Context, _ struct{}) error {
				switch n := called.Add(1); {
				case n < tc.last:
					return nil
				case n > tc.last:
					<-ctx.Done()
					return nil
				}
				if tc.ends {
					cancel()
				}
				return tc.err
			})
			if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if tc.want == nil && called.Load() != 100 {
				t.Errorf("%d of 100 items", called.Load())
			}
		})
	}
}
