package elasticsearch

import (
	"context"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
)

// How a tail polls.
const (
	// tailEvery is the time between two polls.
	tailEvery = time.Second
	// tailBack is how far behind the newest line later ones are still looked for: collectors send in batches, and a server
	// shows lines after its refresh interval, so that they do not appear in their order.
	tailBack = 15 * time.Second
	// tailBatch of documents at once.
	tailBatch = 1000
)

// Tail polls for new lines. A line that appears more than 15 seconds behind a newer one is missed. The order is that of time
// within what is new at each poll.
func (p *Provider) Tail(ctx context.Context, q logs.Query, each func(logs.Entry) error) error {
	q.Backward = false
	q.Cursor = ""
	// Servers keep whole milliseconds: a line written a moment after the start may bear an earlier time than the start.
	q.Start = q.Start.Truncate(time.Millisecond)
	if q.End.IsZero() {
		q.End = time.Now().AddDate(100, 0, 0)
	}
	begin := q.Start
	seen := map[string]int64{}
	ticker := time.NewTicker(tailEvery)
	defer ticker.Stop()
	for {
		newest, err := p.tailOnce(ctx, q, seen, each)
		if err != nil {
			return err
		}
		if back := time.UnixMilli(newest).Add(-tailBack); newest > 0 && back.After(begin) {
			q.Start = back
			for key, at := range seen {
				if at < back.UnixMilli() {
					delete(seen, key)
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// tailOnce hands on what was not seen, and returns the time of the newest line that was, 0 when there is none.
func (p *Provider) tailOnce(ctx context.Context, q logs.Query, seen map[string]int64, each func(logs.Entry) error) (int64, error) {
	var newest int64
	for _, at := range seen {
		newest = max(newest, at)
	}
	s, err := p.scan(ctx, q)
	if err != nil || s.plan.never {
		return newest, err
	}
	// A line with a time in the future must not move the window away from those of today.
	soon := time.Now().UnixMilli()
	for {
		var stop error
		_, last, err := s.next(ctx, tailBatch, func(h hit, line string, labels map[string]string) bool {
			key := h.index + "\x00" + h.id
			if _, again := seen[key]; again {
				return true
			}
			seen[key] = h.at
			newest = max(newest, min(h.at, soon))
			stop = each(logs.Entry{Time: time.UnixMilli(h.at).UTC(), Line: cut(line), Labels: labels})
			return stop == nil
		})
		if stop != nil || err != nil {
			return newest, firstError(stop, err)
		}
		if last {
			return newest, nil
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
