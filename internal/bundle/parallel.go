package bundle

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// inParallel calls something for all items, several at the same time. The first error ends it.
func inParallel[T any](ctx context.Context, items []T, call func(context.Context, T) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, item := range items {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return call(ctx, item) })
	}
	return group.Wait()
}
