package collect

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// maxRestarts of one list whose later pages came too late.
const maxRestarts = 3

// list reads all pages of one list into the graph. partly says that some were read before the error.
func (c *collector) list(ctx context.Context, r resource, namespace string) (partly bool, err error) {
	partly, err = pages(ctx, namespace, r.pageSize(), func(p page) (answer, error) {
		nodes, next, err := c.reader.page(ctx, r, p)
		return answer{next: next, take: func() (bool, error) {
			if r.custom.kind != "" && c.customObjects.Add(int64(len(nodes))) > maxCustomObjects {
				return false, tooManyError{}
			}
			c.builder.Add(nodes...)
			c.objects.Add(int64(len(nodes)))
			return true, nil
		}}, err
	}, func() { c.builder.Forget(r.kind, namespace) })
	if err == nil {
		c.read.Add(1)
		c.builder.Covered(r.kind, namespace)
	}
	return partly, err
}

// answer is one page of a list.
type answer struct {
	// take keeps what is in it; false means that no more is wanted.
	take func() (more bool, err error)
	// next is where the next page begins; empty after the last.
	next string
}

// pages asks for page after page of one list, size objects each. again is called where the list must be read anew, so that what was taken of
// it can be forgotten. partly says that some pages were taken before the error.
func pages(ctx context.Context, namespace string, size int64, ask func(page) (answer, error), again func()) (partly bool, err error) {
	p, restarts := page{namespace: namespace, size: size}, 0
	for {
		got, err := retry(ctx, func() (answer, error) { return ask(p) })
		switch {
		case err == nil:
		case tooLarge(err) && p.size > 1:
			p.size = max(1, p.size/8)
			continue
		case expired(err) && restarts < maxRestarts:
			// The pages were too slow for the server's memory of old versions: begin again, so that all of them show one
			// moment.
			again()
			p.from, partly = "", false
			restarts++
			continue
		default:
			return partly, err
		}
		more, err := got.take()
		if err != nil {
			return true, err
		}
		if !more || got.next == "" {
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
