package collect

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/internal/names"
)

// maxRestarts of one list whose continue token expired.
const maxRestarts = 3

// list reads all pages of one list into the graph. partly means that some were read before the error.
func (c *collector) list(ctx context.Context, r resource, namespace string) (partly bool, err error) {
	partly, err = pages(ctx, namespace, r.pageSize(), func(p page) (response, error) {
		nodes, next, err := c.reader.page(ctx, r, p)
		return response{next: next, take: func() (bool, error) {
			if r.custom.kind != "" && c.customObjects.Add(int64(len(nodes))) > maxCustomObjects {
				return false, tooManyError{}
			}
			c.builder.Add(nodes...)
			c.objects.Add(int64(len(nodes)))
			if len(nodes) > 0 {
				c.populated.Store(namespace, true)
			}
			return true, nil
		}}, err
	}, func() { c.builder.Forget(r.kind, namespace) })
	if err == nil {
		if namespace != "" || len(c.scope.Namespaces) == 0 {
			c.read.Add(1)
		}
		c.builder.Covered(r.kind, namespace)
	}
	return partly, err
}

// response is one page of a list.
type response struct {
	// take keeps the page; false means that no more pages are wanted.
	take func() (more bool, err error)
	// next is the continue token of the next page; empty after the last.
	next string
}

// pages reads a list page by page. restart is called where the list has to start over: it must forget the pages taken so far.
// partly means that some pages were taken before the error.
func pages(
	ctx context.Context, namespace string, size int64, read func(page) (response, error), restart func(),
) (partly bool, err error) {
	if namespace != "" {
		if err := names.Namespace("namespace", namespace); err != nil {
			return false, err // the client for metadata would join it to a path
		}
	}
	p := page{namespace: namespace, size: size}
	restarts := 0
	for {
		got, err := retry(ctx, func() (response, error) { return read(p) })
		switch {
		case err == nil:
		case tooLarge(err) && p.size > 1:
			p.size = max(1, p.size/8)
			continue
		case expired(err) && restarts < maxRestarts:
			// The server has compacted the snapshot. All pages must be of the same one, so start over.
			restart()
			p.from = ""
			partly = false
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
		p.from = got.next
		partly = true
	}
}

// expired reports whether the server has compacted the snapshot of a list.
func expired(err error) bool { return apierrors.IsResourceExpired(err) || apierrors.IsGone(err) }

func tooLarge(err error) bool {
	var large tooLargeError
	return errors.As(err, &large)
}
