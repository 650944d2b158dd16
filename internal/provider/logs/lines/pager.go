package lines

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Pager makes pages from a server that is asked by time only: no state is kept there, and nothing is lost or doubled where
// many lines have the same time.
type Pager struct {
	// Fetch asks for the first limit lines from start (included) to end (not included), in one direction. Which of the lines
	// of the last time are among them does not matter.
	Fetch func(ctx context.Context, start, end time.Time, limit int) ([]logs.Entry, error)
	// Most lines that one Fetch may ask for; also how many lines may have the same time, to the nanosecond.
	Most int
}

// cursor says where a page ended: after some lines of a time. With none, the time is over.
type cursor struct {
	at   time.Time
	done int
}

func (c cursor) String() string {
	return strconv.FormatInt(c.at.UnixNano(), 10) + "+" + strconv.Itoa(c.done)
}

// parseCursor reads what String wrote. It comes from outside and may contain anything.
func parseCursor(text string, query logs.Query) (cursor, error) {
	bad := problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "the cursor does not belong to this query; start again with the first page")
	at, done, two := strings.Cut(text, "+")
	ns, errAt := strconv.ParseInt(at, 10, 64)
	count, errDone := strconv.Atoi(done)
	c := cursor{at: time.Unix(0, ns).UTC(), done: count}
	if !two || errAt != nil || errDone != nil || count < 0 || c.at.Before(query.Start) || !c.at.Before(query.End) {
		return cursor{}, bad
	}
	return c, nil
}

// Page of a query. Where the lines are so long that a page is more than may be read, it is a shorter one.
func (p Pager) Page(ctx context.Context, query logs.Query) (logs.Page, error) {
	if !query.Start.Before(query.End) {
		return logs.Page{}, ctx.Err()
	}
	page, err := p.page(ctx, query)
	for size := query.PageSize() / 16; size > 0; size /= 16 {
		if told := problem.As(err); told == nil || told.Reason != v1alpha1.ReasonResponseTooLarge {
			break
		}
		query.Limit = size
		page, err = p.page(ctx, query)
	}
	return page, err
}

func (p Pager) page(ctx context.Context, query logs.Query) (logs.Page, error) {
	start := query.Start
	end := query.End
	want := query.PageSize()
	var page logs.Page
	if query.Cursor != "" {
		c, err := parseCursor(query.Cursor, query)
		if err != nil {
			return page, err
		}
		if c.done > 0 {
			if full, err := p.rest(ctx, &page, c, query.Backward, want); err != nil || full {
				return page, err
			}
			if len(page.Entries) == want {
				page.Next = cursor{at: c.at}.String()
				return page, nil
			}
		}
		if query.Backward {
			end = c.at
		} else {
			start = c.at.Add(1)
		}
	}
	if !start.Before(end) {
		return page, ctx.Err()
	}
	left := want - len(page.Entries)
	limit := min(left+1, p.Most)
	entries, err := p.fetch(ctx, start, end, limit, query.Backward)
	if err != nil {
		return logs.Page{}, err
	}
	if len(entries) < limit {
		page.Entries = append(page.Entries, entries...)
		return page, nil
	}
	return p.cut(ctx, page, entries, query.Backward, left)
}

// fetch lines in order. A server that answers with lines of another time, or with more than it was asked for, is not believed:
// a page would have no end.
func (p Pager) fetch(ctx context.Context, start, end time.Time, limit int, backward bool) ([]logs.Entry, error) {
	entries, err := p.Fetch(ctx, start, end, limit)
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(entry logs.Entry) bool { return entry.Time.Before(start) || !entry.Time.Before(end) })
	Sort(entries, backward)
	return entries[:min(limit, len(entries))], nil
}

// cut a page off that has more lines behind it. The lines of the last time may not all be there, so they are asked for.
func (p Pager) cut(ctx context.Context, page logs.Page, entries []logs.Entry, backward bool, left int) (logs.Page, error) {
	last := entries[len(entries)-1].Time
	whole := len(entries)
	for whole > 0 && entries[whole-1].Time.Equal(last) {
		whole--
	}
	page.Entries = append(page.Entries, entries[:whole]...)
	if left -= whole; left == 0 {
		page.Next = cursor{at: entries[whole-1].Time}.String()
		return page, nil
	}
	full, err := p.rest(ctx, &page, cursor{at: last}, backward, len(page.Entries)+left)
	if err != nil {
		return logs.Page{}, err
	}
	if !full {
		page.Next = cursor{at: last}.String()
	}
	return page, nil
}

// rest of the lines of one time, after those that were read before. It tells whether the page is full with lines left.
func (p Pager) rest(ctx context.Context, page *logs.Page, c cursor, backward bool, want int) (bool, error) {
	group, err := p.fetch(ctx, c.at, c.at.Add(1), p.Most, backward)
	if err != nil {
		return false, err
	}
	if len(group) >= p.Most {
		return false, problem.UserError(v1alpha1.ReasonBudgetExceeded, nil,
			"%d or more lines have the same timestamp, which is more than paging supports; narrow the query by a label", p.Most)
	}
	group = group[min(c.done, len(group)):]
	room := want - len(page.Entries)
	if len(group) <= room {
		page.Entries = append(page.Entries, group...)
		return false, nil
	}
	page.Entries = append(page.Entries, group[:room]...)
	page.Next = cursor{at: c.at, done: c.done + room}.String()
	return true, nil
}
