package conformance

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// at is when the fixtures happen.
func at(seconds int64) time.Time { return time.Unix(1_767_225_600+seconds, 0).UTC() } // 2026-01-01

func vector(elements ...string) string { return result("vector", elements...) }

func result(kind string, elements ...string) string {
	return fmt.Sprintf(`{"status":"success","data":{"resultType":%q,"result":[%s]}}`, kind, strings.Join(elements, ","))
}

// instants are instant queries.
func (s Subject) instants() []fixture {
	one := metrics.Vector{{Labels: metrics.Labels{"__name__": "up", "job": "a"}, Time: at(0), Value: 1}}
	const up = `{"metric":{"__name__":"up","job":"a"},"value":[1767225600,"1"]}`
	list := []fixture{
		{name: "a value", body: vector(up), want: one},
		{name: "fields in another order, and unknown ones", want: one,
			body: `{"more":{"a":[1,{"b":"]"}]},"data":{"result":[{"value":[ 1767225600.000 , "1" ],"else":[{"x":null}],` +
				`"metric":{"job":"a","__name__":"up"}}],"resultType":"vector","stats":{}},"infos":["PromQL info: x"],"status":"success"}`},
		{name: "nothing", body: vector(), want: metrics.Vector(nil)},
		{
			name: "null instead of nothing", body: `{"status":"success","data":{"resultType":"vector","result":null}}`,
			want: metrics.Vector(nil),
		},
		{name: "NaN, infinities and a stale marker are left out", want: one, body: vector(
			`{"metric":{"job":"b"},"value":[1767225600,"NaN"]}`, `{"metric":{"job":"c"},"value":[1767225600,"+Inf"]}`, up,
			`{"metric":{"job":"d"},"value":[1767225600,"-Inf"]}`)},
		{
			name: "a native histogram is left out", want: one,
			body: vector(`{"metric":{"job":"b"},"histogram":[1767225600,{"count":"3","sum":"1","buckets":[[0,"1","2","3"]]}]}`, up),
		},
		{
			name: "a time that is none is left out", want: one,
			body: vector(up, `{"metric":{},"value":[1e300,"1"]}`, `{"metric":{},"value":[-1e999,"1"]}`),
		},
		{name: "a time in the future is kept as it is", body: vector(`{"metric":{},"value":[1767225600.5,"2e3"]}`),
			want: metrics.Vector{{Labels: metrics.Labels{}, Time: at(0).Add(500 * time.Millisecond), Value: 2000}}},
		{name: "invalid UTF-8 is replaced", body: vector(
			"{\"metric\":{\"job\":\"a\xff\",\"e\":\"\\u00e9\\\"\\ud800\"},\"value\":[1767225600,\"1\"]}",
		),
			want: metrics.Vector{{Labels: metrics.Labels{"job": "a\ufffd", "e": "é\"\ufffd"}, Time: at(0), Value: 1}}},
		{
			name: "a scalar", body: result("scalar", "1767225600", `"3"`),
			want: metrics.Vector{{Labels: metrics.Labels{}, Time: at(0), Value: 3}},
		},
		{name: "a scalar that is NaN", body: result("scalar", "1767225600", `"NaN"`), want: metrics.Vector(nil)},
		{name: "a text", body: result("string", "1767225600", `"x"`), reason: v1alpha1.ReasonInvalidQuery, contains: "string"},
		{name: "a range", body: result("matrix"), reason: v1alpha1.ReasonInvalidQuery, contains: "rate("},
		{name: "an unknown type", body: result(Secret, up), reason: v1alpha1.ReasonInvalidResponse},
		{name: "no type", body: `{"status":"success","data":{"result":[]}}`, reason: v1alpha1.ReasonInvalidResponse},
		{name: "no data", body: `{"status":"success"}`, reason: v1alpha1.ReasonInvalidResponse},
		{
			name: "data twice", body: `{"status":"success","data":{"resultType":"vector","result":[]},"data":null}`,
			reason: v1alpha1.ReasonInvalidResponse,
		},
		{
			name: "an unknown status", body: `{"status":"` + Secret + `","data":{"resultType":"vector","result":[]}}`,
			reason: v1alpha1.ReasonInvalidResponse,
		},
		{
			name: "a number that is none", body: vector(`{"metric":{},"value":[1767225600,"` + Secret + `"]}`),
			reason: v1alpha1.ReasonInvalidResponse,
		},
		{name: "an element without labels", body: vector(`{"value":[1767225600,"1"]}`), reason: v1alpha1.ReasonInvalidResponse},
		{
			name:   "labels that are no texts",
			body:   vector(`{"metric":{"a":1},"value":[1767225600,"1"]}`),
			reason: v1alpha1.ReasonInvalidResponse,
		},
		{name: "an answer in part", reason: v1alpha1.ReasonUnhealthy, contains: "partial", want: one,
			body: `{"status":"success","data":{"resultType":"vector","result":[` + up + `]},"warnings":["` + Secret + `"]}`},
		{name: "an answer in part, as VictoriaMetrics says it", reason: v1alpha1.ReasonUnhealthy, want: one,
			body: `{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[` + up + `]}}`},
		{name: "a remark about the expression", want: one,
			body: `{"status":"success","data":{"resultType":"vector","result":[` + up +
				`]},"warnings":["PromQL warning: bucket label le is missing"]}`},
		{name: "more series than the budget allows", budget: metrics.Budget{MaxSeries: 2}, body: vector(up, up, up),
			reason: v1alpha1.ReasonBudgetExceeded, contains: "spec.queryBudget.maxSeries"},
		{name: "more bytes than the budget allows", budget: metrics.Budget{MaxBytes: 1 << 10}, body: vector(
			strings.Repeat(up+",", 100) + up,
		),
			reason: v1alpha1.ReasonBudgetExceeded, contains: "spec.queryBudget.maxBytes"},
	}
	list = append(list, failures()...)
	for i := range list {
		list[i].path = s.Prefix + "/api/v1/query"
		list[i].query = true
		list[i].params = url.Values{"query": {`up{job="ä"}`}, "time": {"1767225600.000"}}
		list[i].call = func(ctx context.Context, p metrics.Provider) (any, error) { return p.Query(ctx, `up{job="ä"}`, at(0)) }
	}
	long := "up or " + strings.Repeat("up or ", 1000) + "up"
	return append(list,
		fixture{name: "a query at the server's now", path: s.Prefix + "/api/v1/query", query: true, params: url.Values{"query": {"up"}},
			body: vector(up), want: one,
			call: func(ctx context.Context, p metrics.Provider) (any, error) { return p.Query(ctx, "up", time.Time{}) }},
		fixture{name: "a long query is posted", path: s.Prefix + "/api/v1/query", query: true, post: true,
			params: url.Values{"query": {long}}, body: vector(up), want: one,
			call: func(ctx context.Context, p metrics.Provider) (any, error) { return p.Query(ctx, long, time.Time{}) }},
	)
}

// failures that the API documents.
func failures() []fixture {
	failure := func(kind string) string {
		return `{"status":"error","errorType":"` + kind + `","error":"` + Secret + `","data":null}`
	}
	return []fixture{
		{
			name: "a query that does not parse", status: 400, body: failure("bad_data"), reason: v1alpha1.ReasonInvalidQuery,
			contains: "parse",
		},
		{
			name: "a query that cannot be evaluated", status: 422, body: failure("execution"), reason: v1alpha1.ReasonInvalidQuery,
			contains: "evaluate",
		},
		{name: "a query that VictoriaMetrics refuses", status: 422, body: failure("422"), reason: v1alpha1.ReasonInvalidQuery},
		{name: "a query that is refused without a word", status: 400, reason: v1alpha1.ReasonInvalidQuery},
		{
			name:     "a query that took too long",
			status:   503,
			body:     failure("timeout"),
			reason:   v1alpha1.ReasonTimeout,
			contains: "timed out",
		},
		{name: "an error with status 200", body: failure("internal"), reason: v1alpha1.ReasonServerError},
		{name: "a query that does not parse, with status 200", body: failure("bad_data"), reason: v1alpha1.ReasonInvalidQuery},
		{name: "a failure inside", status: 500, body: failure("internal"), reason: v1alpha1.ReasonServerError},
		{name: "an error that is no text", status: 400, body: `{"errorType":{"a":1}}`, reason: v1alpha1.ReasonInvalidQuery},
	}
}

// ranges are range queries.
func (s Subject) ranges() []fixture {
	span := metrics.Range{Start: at(0), End: at(60), Step: 15 * time.Second}
	labels := metrics.Labels{"__name__": "up"}
	points := func(seconds ...int64) []metrics.Series {
		list := metrics.Series{Labels: labels}
		for _, s := range seconds {
			list.Points = append(list.Points, metrics.Point{Time: at(s), Value: float64(s)})
		}
		return []metrics.Series{list}
	}
	matrix := func(values string) string {
		return result("matrix", `{"metric":{"__name__":"up"},"values":[`+values+`]}`)
	}
	list := []fixture{
		{name: "range: points", body: matrix(`[1767225600,"0"],[1767225615,"15"],[1767225660,"60"]`), want: points(0, 15, 60)},
		{name: "range: nothing", body: result("matrix"), want: []metrics.Series(nil)},
		{
			name: "range: NaN, infinities and stale markers are left out",
			body: matrix(`[1767225600,"NaN"],[1767225615,"15"],[1767225630,"+Inf"]`), want: points(15),
		},
		{name: "range: a series of NaN is left out", body: matrix(`[1767225600,"NaN"]`), want: []metrics.Series(nil)},
		{
			name: "range: the future and the past are left out",
			body: matrix(`[1767225599,"9"],[1767225600,"0"],[1767225661,"9"],[99999999999,"9"],[1e99,"9"]`), want: points(0),
		},
		{
			name: "range: points are put into order", body: matrix(`[1767225615,"15"],[1767225600,"0"],[1767225615,"9"]`),
			want: points(0, 15),
		},
		{name: "range: a vector", body: result("vector"), reason: v1alpha1.ReasonInvalidResponse},
		{name: "range: a broken pair", body: matrix(`[1767225600]`), reason: v1alpha1.ReasonInvalidResponse},
		{name: "range: values that are none", body: matrix(`7`), reason: v1alpha1.ReasonInvalidResponse},
		{name: "range: an answer in part",
			body: `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up"},` +
				`"values":[[1767225600,"0"]]}]},"warnings":["` + Secret + `"]}`,
			reason: v1alpha1.ReasonUnhealthy, want: points(0)},
		{name: "range: more series than the budget allows", budget: metrics.Budget{MaxSeries: 1}, body: result(
			"matrix", `{"metric":{},"values":[]}`, `{"metric":{},"values":[]}`,
		),
			reason: v1alpha1.ReasonBudgetExceeded, contains: "spec.queryBudget.maxSeries"},
	}
	for i := range list {
		list[i].params = url.Values{"query": {"up"}, "start": {"1767225600.000"}, "end": {"1767225660.000"}, "step": {"15"}}
	}
	list = append(list, fixture{name: "range: a fine step is made coarser", budget: metrics.Budget{MinStep: 30 * time.Second},
		body:   result("matrix"),
		params: url.Values{"query": {"up"}, "start": {"1767225600.000"}, "end": {"1767225660.000"}, "step": {"30"}}})
	for i := range list {
		list[i].path = s.Prefix + "/api/v1/query_range"
		list[i].query = true
		list[i].call = func(ctx context.Context, p metrics.Provider) (any, error) { return p.QueryRange(ctx, "up", span) }
	}
	asked := func(span metrics.Range) func(context.Context, metrics.Provider) (any, error) {
		return func(ctx context.Context, p metrics.Provider) (any, error) { return p.QueryRange(ctx, "up", span) }
	}
	return append(list,
		fixture{
			name: "range: too long is not sent", reason: v1alpha1.ReasonBudgetExceeded, contains: "spec.queryBudget.maxRange",
			call: asked(metrics.Range{Start: at(0), End: at(31 * 86400), Step: time.Hour}),
		},
		fixture{
			name: "range: backwards is not sent", reason: v1alpha1.ReasonInvalidQuery, call: asked(metrics.Range{Start: at(1), End: at(0)}),
		},
		fixture{
			name: "range: the end of time is not sent", reason: v1alpha1.ReasonBudgetExceeded,
			call: asked(metrics.Range{Start: at(0), End: at(math.MaxInt32 * 1000)}),
		},
	)
}
