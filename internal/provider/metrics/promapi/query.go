package promapi

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/stream"
)

// Query evaluates an expression at one time, see metrics.Provider. Infinities are left out, too. Where the server answers in part
// only, there are samples and an Unhealthy problem.
func (a *API) Query(ctx context.Context, expression string, at time.Time) (metrics.Vector, error) {
	params := a.expression(expression)
	if !at.IsZero() {
		params.Set("time", seconds(at))
	}
	return a.query(ctx, call{operation: "query", path: "/api/v1/query", params: params, query: true})
}

func (a *API) expression(expression string) url.Values {
	return url.Values{"query": {expression}, "timeout": {strconv.FormatFloat(a.options.Timeout.Seconds(), 'f', -1, 64)}}
}

func (a *API) query(ctx context.Context, c call) (metrics.Vector, error) {
	var vector metrics.Vector
	r := result{api: a, wants: "vector", each: func(e element) (bool, error) {
		if e.point != nil {
			vector = append(vector, metrics.Sample{Labels: e.labels, Time: e.point.Time, Value: e.point.Value})
		}
		return e.point != nil, nil
	}}
	err := a.get(ctx, c, r.read)
	switch {
	case !answered(err):
		return nil, err
	case r.kind == "scalar" && r.scalar != nil:
		vector = metrics.Vector{{Labels: metrics.Labels{}, Time: r.scalar.Time, Value: r.scalar.Value}}
	}
	return vector, err
}

// answered says whether there is an answer, in part at least.
func answered(err error) bool {
	p := problem.As(err)
	return err == nil || (p != nil && p.Reason == v1alpha1.ReasonUnhealthy)
}

// QueryRange evaluates an expression over a range that fits the budget, see metrics.Budget.Fit. Points that were not asked for,
// such as ones of the future, are left out, and so are series without points. Where the server answers in part only, there are
// series and an Unhealthy problem.
func (a *API) QueryRange(ctx context.Context, expression string, span metrics.Range) ([]metrics.Series, error) {
	span, err := a.options.Budget.Fit(span)
	if err != nil {
		return nil, err
	}
	params := a.expression(expression)
	for name, values := range spanned(span) {
		params[name] = values
	}
	params.Set("step", strconv.FormatFloat(span.Step.Seconds(), 'f', -1, 64))
	var list []metrics.Series
	r := result{api: a, wants: "matrix"}
	r.each = func(e element) (bool, error) {
		points := within(e.points, span)
		if len(points) > 0 {
			list = append(list, metrics.Series{Labels: e.labels, Points: points})
		}
		return len(points) > 0, r.scanner.Keep(int64(len(points)) * pointBytes)
	}
	err = a.get(ctx, call{operation: "query_range", path: "/api/v1/query_range", params: params, query: true}, r.read)
	if !answered(err) {
		return nil, err
	}
	return list, err
}

// within is a copy of the points in a range, by time, one for each time.
func within(points []metrics.Point, span metrics.Range) []metrics.Point {
	start, end := span.Start.UnixMilli(), span.End.UnixMilli()
	points = slices.DeleteFunc(points, func(p metrics.Point) bool {
		at := p.Time.UnixMilli()
		return at < start || at > end
	})
	earlier := func(a, b metrics.Point) int { return a.Time.Compare(b.Time) }
	if !slices.IsSortedFunc(points, earlier) {
		slices.SortStableFunc(points, earlier)
	}
	points = slices.CompactFunc(points, func(a, b metrics.Point) bool { return a.Time.Equal(b.Time) })
	kept := make([]metrics.Point, len(points))
	copy(kept, points)
	return kept
}

// result is the field data of an answer to a query: {"resultType":"vector","result":[…]}, in any order.
type result struct {
	api *API
	// wants is vector or matrix; a scalar will do for a vector.
	wants string
	// each is called for every series, and reports whether it keeps it.
	each func(element) (kept bool, err error)
	// kind of the result, as the server tells it.
	kind string
	// scalar is the result of that kind, where it is a number.
	scalar *metrics.Point

	scanner scanner
	count   int
	// single are the parts of a scalar or text, which is an array of two.
	single []string
}

func (r *result) read(d *stream.Decoder) error {
	r.scanner.Decoder = d
	err := d.Object(func(name []byte) (err error) {
		switch string(name) {
		case "resultType":
			if r.kind, err = d.Text(maxWord); err != nil {
				return err
			}
			return r.judge()
		case "result":
			return d.Array(func() error { return r.element(d) })
		}
		return nil
	})
	if err != nil || r.kind == r.wants && len(r.single) == 0 {
		return err
	}
	return r.finish()
}

// element reads one element of the result. Memory grows with one element at a time.
func (r *result) element(d *stream.Decoder) error {
	kind, err := d.Kind()
	if err != nil {
		return err
	}
	if kind != stream.Object {
		wants := stream.Number // a time
		if len(r.single) == 1 {
			wants = stream.String // and a value
		}
		if len(r.single) == 2 || r.count > 0 || kind != wants {
			return stream.ErrShape
		}
		part, _, err := d.Scalar(maxNumber)
		r.single = append(r.single, string(part))
		return err
	}
	if r.count++; r.count > r.api.options.Budget.MaxSeries {
		return metrics.Exceeded("maxSeries", "the answer to the query has more than %d series; ask for fewer",
			r.api.options.Budget.MaxSeries)
	}
	before := d.Kept()
	e, err := r.scanner.series()
	if err != nil {
		return err
	}
	kept, err := r.each(e)
	if !kept {
		d.Drop(before)
		return err
	}
	if err != nil {
		return err
	}
	return d.Keep(seriesBytes)
}

// judge the kind of a result: one that an expression cannot have here is the expression's fault, one that is unknown the server's.
func (r *result) judge() error {
	switch {
	case r.kind == r.wants, r.kind == "scalar" && r.wants == "vector":
		return nil
	case r.kind == "matrix":
		return problem.UserError(v1alpha1.ReasonInvalidQuery, nil,
			"the expression is a range vector (a selector with [...]); apply a function such as rate(...)")
	case r.kind == "string":
		return problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "the expression is a string, not a number")
	}
	return stream.ErrShape
}

// finish reads what is no list of series.
func (r *result) finish() error {
	if r.kind != "scalar" || len(r.single) != 2 || r.count > 0 {
		return stream.ErrShape
	}
	at, err := stream.ParseFloat([]byte(r.single[0]))
	if err != nil {
		return err
	}
	value, err := stream.ParseFloat([]byte(r.single[1]))
	if point, usable := pointOf(at, value); err == nil && usable {
		r.scalar = &point
	}
	return err
}
