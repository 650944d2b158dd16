package loki

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

// mostBuckets that Loki computes in one query (its limit of points of a series is 11,000).
const mostBuckets = 10_000

// Histogram counts lines in buckets that begin at multiples of their width. Loki counts (t-width, t] at each t and moves t
// to multiples of the step; shifted back by a millisecond, that is the bucket [t-width, t) of lines whose times are whole
// milliseconds (a shift by less gives nothing, as Loki 3.7 reckons with milliseconds there). The two ends of the query's
// time that are no whole buckets are counted by a query of their own each, which Loki does not move.
func (p *Provider) Histogram(ctx context.Context, query logs.Query, width time.Duration) ([]logs.Bucket, error) {
	if width < time.Millisecond || width%time.Millisecond != 0 || !query.Start.Before(query.End) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "a histogram needs buckets of whole milliseconds, and a start before its end")
	}
	start, end := time.Unix(0, nanos(query.Start)).UTC(), time.Unix(0, nanos(query.End)).UTC()
	first := floor(start, width)
	if end.Sub(first)/width >= mostBuckets {
		return nil, problem.UserError(v1alpha1.ReasonBudgetExceeded, nil, "a histogram has at most %d buckets; make them wider or ask for less time", mostBuckets)
	}
	e, err := p.expression(ctx, query)
	if err != nil {
		return nil, err
	}
	var buckets []logs.Bucket
	for at := first; at.Before(end); at = at.Add(width) {
		buckets = append(buckets, logs.Bucket{Start: at})
	}
	wholeFrom, wholeTo := floor(start.Add(width-1), width), floor(end, width)
	if wholeFrom.Before(wholeTo) {
		if err := p.countWhole(ctx, e, wholeFrom, wholeTo, width, buckets); err != nil {
			return nil, err
		}
	}
	for i := range buckets {
		from, to := buckets[i].Start, buckets[i].Start.Add(width)
		if !from.Before(start) && !to.After(end) {
			continue
		}
		if from.Before(start) {
			from = start
		}
		if to.After(end) {
			to = end
		}
		if buckets[i].Count, err = p.count(ctx, e, from, to); err != nil {
			return nil, err
		}
	}
	return buckets, nil
}

// floor to a multiple of the width since 1970, as Loki does. (time.Truncate counts from the year 1.)
func floor(t time.Time, width time.Duration) time.Time {
	ns := t.UnixNano()
	return time.Unix(0, ns-ns%int64(width)).UTC()
}

// countWhole buckets of a time that begins and ends with one.
func (p *Provider) countWhole(ctx context.Context, e expression, from, to time.Time, width time.Duration, buckets []logs.Bucket) error {
	var answer seriesAnswer
	err := p.call(ctx, get("histogram", "/loki/api/v1/query_range", url.Values{
		"query": {fmt.Sprintf("sum(count_over_time(%s [%dms] offset 1ms))", e, width.Milliseconds())},
		"start": {strconv.FormatInt(from.Add(width).UnixNano(), 10)}, "end": {strconv.FormatInt(to.UnixNano(), 10)},
		"step": {strconv.FormatFloat(width.Seconds(), 'f', -1, 64)},
	}), &answer)
	if err != nil {
		return err
	}
	if answer.Status != "success" || answer.Data.ResultType != "matrix" {
		return p.client.Invalid(nil)
	}
	first := buckets[0].Start
	for _, series := range answer.Data.Result {
		for _, point := range series.Values {
			at := point.at.Add(-width)
			i := int(at.Sub(first) / width)
			if i < 0 || i >= len(buckets) || at.Before(from) || !at.Before(to) {
				return p.client.Invalid(nil)
			}
			buckets[i].Count += point.count
		}
	}
	return nil
}

// count the lines of a time.
func (p *Provider) count(ctx context.Context, e expression, from, to time.Time) (int64, error) {
	series, err := p.instant(ctx, "histogram", "sum", e, from, to)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, one := range series {
		sum += one.Value.count
	}
	return sum, nil
}

// instant counts the lines of a time, summed up as said.
func (p *Provider) instant(ctx context.Context, operation, sum string, e expression, from, to time.Time) ([]series, error) {
	var answer seriesAnswer
	err := p.call(ctx, get(operation, "/loki/api/v1/query", url.Values{
		// Loki counts (time-range, time]; its durations are whole milliseconds, of which a part counts as one.
		"query": {fmt.Sprintf("%s(count_over_time(%s [%dms]))", sum, e, max((to.Sub(from)+time.Millisecond-1).Milliseconds(), 1))},
		"time":  {strconv.FormatInt(nanos(to)-1, 10)},
	}), &answer)
	if err != nil {
		return nil, err
	}
	if answer.Status != "success" || answer.Data.ResultType != "vector" {
		return nil, p.client.Invalid(nil)
	}
	return answer.Data.Result, nil
}

// seriesAnswer is what Loki answers to a query for numbers.
type seriesAnswer struct {
	Status string `json:"status"`
	Data   struct {
		ResultType string   `json:"resultType"`
		Result     []series `json:"result"`
	} `json:"data"`
}

// series of numbers: one of an instant, several of a range.
type series struct {
	Metric map[string]string `json:"metric"`
	Value  point             `json:"value"`
	Values []point           `json:"values"`
}

// point is [time in seconds, "number"].
type point struct {
	at    time.Time
	count int64
}

// UnmarshalJSON reads both; a number that is no count is an error.
func (p *point) UnmarshalJSON(data []byte) error {
	var pair [2]json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	var seconds float64
	var text string
	if err := json.Unmarshal(pair[0], &seconds); err != nil {
		return err
	}
	if err := json.Unmarshal(pair[1], &text); err != nil {
		return err
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !(number >= 0 && number < 1<<53) || !(seconds >= 0 && seconds < 1<<33) {
		return fmt.Errorf("%.20q is no count", text)
	}
	// Milliseconds are what Loki gives here.
	p.at, p.count = time.UnixMilli(int64(seconds*1000+0.5)).UTC(), int64(number)
	return nil
}
