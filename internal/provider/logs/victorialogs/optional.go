package victorialogs

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

// maxBuckets of a histogram.
const maxBuckets = 10_000

// hitsAnswer is counts over time. Buckets without lines may be left out.
type hitsAnswer struct {
	Hits *[]struct {
		Timestamps []time.Time `json:"timestamps"`
		Values     []uint64    `json:"values"`
	} `json:"hits"`
}

// Histogram counts lines in buckets that begin at multiples of their width, to the nanosecond.
func (p *Provider) Histogram(ctx context.Context, query logs.Query, width time.Duration) ([]logs.Bucket, error) {
	if width < time.Millisecond || width%time.Millisecond != 0 || !query.Start.Before(query.End) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidQuery, nil,
			"a histogram needs buckets of whole milliseconds, and a start before its end")
	}
	start := clamp(query.Start)
	// Counted from 1970, as the server does; time.Truncate counts from the year 1.
	first := time.Unix(0, start.UnixNano()-start.UnixNano()%int64(width)).UTC()
	if query.End.Sub(first)/width >= maxBuckets {
		return nil, problem.UserError(v1alpha1.ReasonBudgetExceeded, nil,
			"a histogram is limited to %d buckets; use wider buckets or a shorter time range", maxBuckets)
	}
	var answer hitsAnswer
	err := p.client.JSON(ctx, askList("histogram", "/select/logsql/hits", url.Values{
		"query": {p.fields.filter(query, query.Start, query.End)}, "step": {fmt.Sprintf("%dms", width.Milliseconds())},
	}), &answer)
	if err != nil {
		return nil, err
	}
	var buckets []logs.Bucket
	for at := first; at.Before(query.End); at = at.Add(width) {
		buckets = append(buckets, logs.Bucket{Start: at})
	}
	if !answer.into(buckets, width) {
		return nil, p.client.Invalid(nil)
	}
	return buckets, nil
}

// into buckets; false when a count belongs to none of them, or is none.
func (a hitsAnswer) into(buckets []logs.Bucket, width time.Duration) bool {
	if a.Hits == nil {
		return false
	}
	for _, series := range *a.Hits {
		if len(series.Timestamps) != len(series.Values) {
			return false
		}
		for i, at := range series.Timestamps {
			since := at.Sub(buckets[0].Start)
			if since < 0 || since%width != 0 || since/width >= time.Duration(len(buckets)) || series.Values[i] > 1<<53 {
				return false
			}
			buckets[since/width].Count += int64(series.Values[i]) //nolint:gosec // bounded above
		}
	}
	return true
}

// LabelValues lists values, sorted. Which of the label's names there are is asked first.
func (p *Provider) LabelValues(ctx context.Context, label string, query logs.Query, limit int) ([]string, error) {
	if limit <= 0 || !query.Start.Before(query.End) {
		return nil, ctx.Err()
	}
	filter := p.fields.filter(query, query.Start, query.End)
	there, err := p.fieldNames(ctx, filter)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range p.fields.of(label) {
		if !slices.Contains(there, name) {
			continue
		}
		values, err := p.values(ctx, askList("label_values", "/select/logsql/field_values", url.Values{
			"query": {filter}, "field": {name}, "limit": {strconv.Itoa(limit)},
		}))
		if err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	if label == logs.LabelLevel {
		for i := range all {
			all[i] = strings.ToLower(all[i])
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(limit, len(all))], nil
}
