package collect

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// maxRestarts of one list whose later pages came too late.
const maxRestarts = 3

// list reads all pages of one list. partly says that some were read before the error.
func (c *collector) list(ctx context.Context, r resource, namespace string) (partly bool, err error) {
	type answer struct {
		nodes []any
		next  string
	}
	p, restarts := page{namespace: namespace, size: r.pageSize()}, 0
	for {
		got, err := retry(ctx, func() (answer, error) {
			nodes, next, err := c.reader.page(ctx, r, p)
			return answer{nodes, next}, err
		})
		switch {
		case err == nil:
		case tooLarge(err) && p.size > 1:
			p.size = max(1, p.size/8)
			continue
		case expired(err) && restarts < maxRestarts:
			// The pages were too slow for the server's memory of old versions: begin again, so that all of them show one
			// moment.
			c.builder.Forget(r.kind, namespace)
			p.from, partly = "", false
			restarts++
			continue
		default:
			return partly, err
		}
		if r.custom.kind != "" && c.customObjects.Add(int64(len(got.nodes))) > maxCustomObjects {
			return true, tooManyError{}
		}
		c.builder.Add(got.nodes...)
		c.objects.Add(int64(len(got.nodes)))
		if got.next == "" {
			c.read.Add(1)
			c.builder.Covered(r.kind, namespace)
			return false, nil
		}
		p.from, partly = got.next, true
	}
}

// expired says whether the server no longer knows the moment that a list shows.
func expired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

func tooLarge(err error) bool {
	var large tooLargeError
	return errors.As(err, &large)
}
