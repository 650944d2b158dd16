package explore

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// minBackoff and maxBackoff between two attempts to read.
	minBackoff = 500 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// run reads a table until it is dropped.
func (p *Pool) run(ctx context.Context, at Scope, of *shared) {
	backoff := minBackoff
	version := ""
	for ctx.Err() == nil {
		as, streamCtx, cancel := p.start(ctx, of)
		start := time.Now()
		next, err := p.read(streamCtx, at, of, as.Reader, version)
		restarted := streamCtx.Err() != nil
		cancel()
		version = next
		switch {
		case restarted, err == nil && time.Since(start) > minBackoff:
			backoff = minBackoff
			continue
		case err == nil: // a watch that ends at once
			wait(ctx, backoff)
			continue
		case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
			version = "" // list again; what is shown stays
			if time.Since(start) > maxBackoff {
				backoff = minBackoff
				continue
			}
		case apierrors.IsForbidden(err):
			of.refuse(as.Viewer, err) // others may be allowed what this one no longer is
			p.signal(of)
		default:
			version = ""
			of.fail(err)
			p.signal(of)
		}
		p.pause(ctx, of, backoff, apierrors.IsForbidden(err))
		backoff = min(2*backoff, maxBackoff)
	}
}

// pause before the next attempt. If one holder was refused, another one need not wait.
func (p *Pool) pause(ctx context.Context, of *shared, about time.Duration, refused bool) {
	p.mu.Lock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	of.restart = cancel
	ready := refused && slices.ContainsFunc(of.holders, func(h *Holder) bool { return of.refusal(h.Viewer) == nil })
	p.mu.Unlock()
	if !ready {
		wait(ctx, about)
	}
}

// wait for about a time.
func wait(ctx context.Context, about time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(about + rand.N(about)):
	}
}

// start chooses the holder that the table is read as. If all have left a moment ago, it is the last one.
func (p *Pool) start(ctx context.Context, of *shared) (*Holder, context.Context, context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(of.holders) > 0 {
		first := slices.IndexFunc(of.holders, func(h *Holder) bool { return of.refusal(h.Viewer) == nil })
		of.runsAs = of.holders[max(first, 0)]
	}
	streamCtx, cancel := context.WithCancel(ctx)
	of.restart = cancel
	return of.runsAs, streamCtx, cancel
}

// read lists in pages unless there is a version to continue from, and then watches. It returns the version to continue from.
func (p *Pool) read(ctx context.Context, at Scope, of *shared, from Reader, version string) (string, error) {
	if version == "" {
		seen := of.begin()
		for next := ""; ; {
			page, err := from.List(ctx, at, next)
			if err != nil {
				return "", err
			}
			of.add(page.Columns, page.Rows, seen, p.room, p.clock.Now())
			if next, version = page.Continue, page.Version; next == "" {
				break
			}
			p.signal(of)
		}
		of.finish(seen, p.room, p.clock.Now())
		p.signal(of)
	}
	return from.Watch(ctx, at, version, func(event Event) {
		if event.Row == nil { // a bookmark
			return
		}
		if event.Deleted {
			of.remove(event.Row, p.room, p.clock.Now())
		} else {
			of.add(event.Columns, []*Row{event.Row}, nil, p.room, p.clock.Now())
		}
		p.signal(of)
	})
}
