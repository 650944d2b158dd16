package loki

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
)

// maxBuckets that Loki computes in one query (its limit of points of a series is 11,000).
const maxBuckets = 10_000

// Histogram counts lines in buckets that begin at multiples of their width. The first and the last bucket, which the query's
// time may cut, are counted by a query of their own each, and all between by one query, whose points Loki moves to multiples of
// the step.
//
// Loki counts (t-width, t] at each t, and widths are whole milliseconds there. Shifted back by a millisecond, that is the bucket
// [t-width, t) for times of whole milliseconds; a line that came less than a millisecond before a border counts behind it.
// Each line counts once.
func (p *Provider) Histogram(ctx context.Context, query logs.Query, width time.Duration) ([]logs.Bucket, error) {
	if width < 10*time.Millisecond || width%time.Millisecond != 0 || !query.Start.Before(query.End) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidQuery, nil,
			"a histogram needs buckets of whole milliseconds, ten or more, and a start before its end")
	}
	start, end := wholeMillis(query.Start), wholeMillis(query.End)
	if !start.Before(end) {
		end = start.Add(time.Millisecond)
	}
	first := floor(start, width)
	if end.Sub(first)/width >= maxBuckets {
		return nil, problem.UserError(v1alpha1.ReasonBudgetExceeded, nil,
			"a histogram is limited to %d buckets; use wider buckets or a shorter time range", maxBuckets)
	}
	e, err := p.expression(ctx, query)
	if err != nil {
		return nil, err
	}
	var buckets []logs.Bucket
	for at := first; at.Before(end); at = at.Add(width) {
		buckets = append(buckets, logs.Bucket{Start: at})
	}
	last := len(buckets) - 1
	if last <= 0 {
		buckets[0].Count, err = p.count(ctx, e, start, end)
		return buckets, err
	}
	if buckets[0].Count, err = p.count(ctx, e, start, buckets[1].Start); err != nil {
		return nil, err
	}
	if buckets[last].Count, err = p.count(ctx, e, buckets[last].Start, end); err != nil {
		return nil, err
	}
	if last > 1 {
		err = p.countInner(ctx, e, buckets[1:last], width)
	}
	return buckets, err
}

// wholeMillis rounds up: a time of whole milliseconds is before a border exactly when it is before the rounded one.
func wholeMillis(t time.Time) time.Time {
	return time.UnixMilli((nanos(t) + int64(time.Millisecond) - 1) / int64(time.Millisecond)).UTC()
}

// floor to a multiple of the width since 1970, as Loki does. (time.Truncate counts from the year 1.)
func floor(t time.Time, width time.Duration) time.Time {
	ns := t.UnixNano()
	return time.Unix(0, ns-ns%int64(width)).UTC()
}

// countInner counts buckets that have others before and behind them.
func (p *Provider) countInner(ctx context.Context, e expression, buckets []logs.Bucket, width time.Duration) error {
	first := buckets[0].Start
	end := buckets[len(buckets)-1].Start.Add(width)
	var answer seriesAnswer
	err := p.call(ctx, atMost(provider.ListBytes, get("histogram", "/loki/api/v1/query_range", url.Values{
		"query": {fmt.Sprintf("sum(count_over_time(%s [%dms] offset 1ms))", e, width.Milliseconds())},
		"start": {strconv.FormatInt(first.Add(width).UnixNano(), 10)}, "end": {strconv.FormatInt(end.UnixNano(), 10)},
		"step": {strconv.FormatFloat(width.Seconds(), 'f', -1, 64)},
	})), &answer)
	if err != nil {
		return err
	}
	if answer.Status != "success" || answer.Data.ResultType != "matrix" {
		return p.client.Invalid(nil)
	}
	for _, series := range answer.Data.Result {
		for _, point := range series.Values {
			at := point.at.Add(-width)
			if at.Before(first) || !at.Before(end) {
				return p.client.Invalid(nil)
			}
			buckets[at.Sub(first)/width].Count += point.count
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

// instant counts the lines between two times of whole milliseconds, summed up as said.
func (p *Provider) instant(ctx context.Context, operation, sum string, e expression, from, to time.Time) ([]series, error) {
	var answer seriesAnswer
	err := p.call(ctx, atMost(provider.ListBytes, get(operation, "/loki/api/v1/query", url.Values{
		"query": {fmt.Sprintf("%s(count_over_time(%s [%dms] offset 1ms))", sum, e, to.Sub(from).Milliseconds())},
		"time":  {strconv.FormatInt(nanos(to), 10)},
	})), &answer)
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

// UnmarshalStream reads both; a number that is no count is an error.
func (p *point) UnmarshalStream(d *stream.Decoder) error {
	var seconds float64
	var text string
	elements := 0
	err := d.Array(func() (err error) {
		switch elements++; elements {
		case 1:
			seconds, err = d.Float64()
		case 2:
			var read []byte
			read, err = d.Bytes(maxWord)
			text = string(read)
		}
		return err
	})
	if err != nil {
		return err
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil || !(number >= 0 && number < 1<<53) || !(seconds >= 0 && seconds < 1<<33) {
		return fmt.Errorf("%.20q is not a count", text)
	}
	// Milliseconds are what Loki gives here.
	p.at = time.UnixMilli(int64(seconds*1000 + 0.5)).UTC()
	p.count = int64(number)
	return nil
}
