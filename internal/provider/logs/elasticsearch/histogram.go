package elasticsearch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Bounds of a histogram.
const (
	// maxBuckets that a server makes by default.
	maxBuckets = 10_000
	// maxCounted documents, where texts are checked on this side.
	maxCounted = 200_000
)

// Histogram counts lines. Buckets begin at multiples of the width since 1970. Lines with a text are counted on this side, at
// most 200,000 that may have it: BudgetExceeded beyond.
func (p *Provider) Histogram(ctx context.Context, q logs.Query, width time.Duration) ([]logs.Bucket, error) {
	step := width.Milliseconds()
	if step < 1 || width%time.Millisecond != 0 {
		return nil, problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "the width of a histogram must be whole milliseconds")
	}
	start, end := millis(q.Start), millis(q.End)
	if start >= end {
		return nil, nil
	}
	// The times of the query, not rounded up: the first bucket holds its start, and the last one its end.
	first, last := floor(q.Start.UnixMilli(), step), floor(end-1, step)
	if count := (last-first)/step + 1; count > maxBuckets || count < 1 {
		return nil, problem.UserError(v1alpha1.ReasonInvalidQuery, nil,
			"a histogram is limited to %d buckets; use wider buckets or a shorter time range", maxBuckets)
	}
	buckets := make([]logs.Bucket, 0, (last-first)/step+1)
	for at := first; at <= last; at += step {
		buckets = append(buckets, logs.Bucket{Start: time.UnixMilli(at).UTC()})
	}
	add := func(at, n int64) {
		if i := (floor(at, step) - first) / step; at >= first && i < int64(len(buckets)) && n > 0 {
			buckets[i].Count += n
		}
	}
	q.Cursor = ""
	q.Backward = false
	s, err := p.scan(ctx, q)
	switch {
	case err != nil:
		return nil, err
	case s.plan.never:
		return buckets, nil
	case s.plan.exact():
		err = s.count(ctx, step, add)
	default:
		err = s.countHere(ctx, add)
	}
	if err != nil {
		return nil, err
	}
	return buckets, nil
}

func floor(at, step int64) int64 {
	rest := at % step
	if rest < 0 {
		rest += step
	}
	return at - rest
}

// count on the server.
func (s *scanner) count(ctx context.Context, step int64, add func(at, n int64)) error {
	body := s.plan.body(nil, nil, object{"size": 0, "track_total_hits": false, "aggs": object{"time": object{"date_histogram": object{
		"field": s.m.time, s.server.interval(): fmt.Sprintf("%dms", step), "min_doc_count": 1,
	}}}})
	var answer struct {
		Aggregations struct {
			Time struct {
				Buckets []struct {
					Key   json.Number `json:"key"`
					Count int64       `json:"doc_count"`
				}
			}
		}
	}
	request := post("histogram", "/"+s.p.index+"/_search", body)
	request.MaxBytes = provider.ListBytes
	request.Query = partial()
	if err := s.p.client.JSON(ctx, request, &answer); err != nil {
		return err
	}
	if answer.Aggregations.Time.Buckets == nil {
		return s.p.client.Invalid(nil)
	}
	for _, bucket := range answer.Aggregations.Time.Buckets {
		at, err := bucket.Key.Int64()
		if err != nil {
			return s.p.client.Invalid(err)
		}
		add(at, bucket.Count)
	}
	return nil
}

// countHere looks at every document that may be meant.
func (s *scanner) countHere(ctx context.Context, add func(at, n int64)) error {
	for counted := 0; counted < maxCounted; {
		n, last, err := s.next(ctx, batch, func(h hit, _ string, _ map[string]string) bool {
			add(h.at, 1)
			return true
		})
		if err != nil || last {
			return err
		}
		counted += n
	}
	return problem.UserError(v1alpha1.ReasonBudgetExceeded, nil,
		"counting lines with this text would read more than %d lines; use a shorter time range, or narrow the query by labels", maxCounted)
}
