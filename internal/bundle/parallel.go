package bundle

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// inParallel calls something for all items, several at the same time. The first error ends it. So does the context, which is an error if
// items are left.
func inParallel[T any](ctx context.Context, items []T, call func(context.Context, T) error) error {
	group, limited := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	left := false
	for _, item := range items {
		if left = limited.Err() != nil; left {
			break
		}
		group.Go(func() error { return call(limited, item) })
	}
	if err := group.Wait(); err != nil || !left {
		return err
	}
	return ctx.Err()
}
