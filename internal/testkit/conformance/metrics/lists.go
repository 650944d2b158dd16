package conformance

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

// lists are queries for series, labels and metadata, which every backend supports.
func (s Subject) lists() []fixture {
	span := metrics.Range{Start: at(0), End: at(60)}
	times := url.Values{"match[]": {"up", "down"}, "start": {"1767225600.000"}, "end": {"1767225660.000"}}
	series := url.Values{"limit": {"3"}, "match[]": times["match[]"], "start": times["start"], "end": times["end"]}
	find := func(ctx context.Context, p metrics.Provider) (any, error) {
		lister, can := p.(metrics.SeriesLister)
		if !can {
			return nil, errors.New("it lists no series")
		}
		list, truncated, err := lister.Series(ctx, []string{"up", "down"}, span, 2)
		return found{list, truncated}, err
	}
	values := func(label string) func(ctx context.Context, p metrics.Provider) (any, error) {
		return func(ctx context.Context, p metrics.Provider) (any, error) {
			return p.(metrics.LabelLister).LabelValues(ctx, label, []string{"up", "down"}, span)
		}
	}
	a, b := metrics.Labels{"__name__": "up", "job": "a"}, metrics.Labels{"__name__": "up", "job": "b"}
	const up = `{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}`
	return []fixture{
		{name: "series", path: s.Prefix + "/api/v1/series", query: true, params: series, call: find,
			body: `{"status":"success","data":[` + up + `]}`, want: found{[]metrics.Labels{a, b}, false}},
		{name: "series: more than are wanted", path: s.Prefix + "/api/v1/series", query: true, params: series, call: find,
			body: `{"status":"success","data":[` + up + `,` + up + `]}`, want: found{[]metrics.Labels{a, b}, true}},
		{name: "series: of another shape", path: s.Prefix + "/api/v1/series", query: true, params: series, call: find,
			body: `{"status":"success","data":["` + Secret + `"]}`, reason: v1alpha1.ReasonInvalidResponse},
		{name: "label names", path: s.Prefix + "/api/v1/labels", query: true, params: times,
			body: `{"status":"success","data":["job","__name__"]}`, want: []string{"__name__", "job"},
			call: func(ctx context.Context, p metrics.Provider) (any, error) {
				return p.(metrics.LabelLister).LabelNames(ctx, []string{"up", "down"}, span)
			}},
		{name: "label values", path: s.Prefix + "/api/v1/label/job/values", query: true, params: times, call: values("job"),
			body: `{"status":"success","data":["b","a"]}`, want: []string{"a", "b"}},
		{name: "label values: too many", path: s.Prefix + "/api/v1/label/job/values", query: true, params: times, call: values("job"),
			budget: metrics.Budget{MaxSeries: 1},
			body:   `{"status":"success","data":["b","a"]}`, reason: v1alpha1.ReasonBudgetExceeded, contains: "spec.queryBudget.maxSeries"},
		{name: "label values: a name that leads elsewhere", call: values("../../admin/tsdb"), reason: v1alpha1.ReasonInvalidQuery},
		{name: "metadata", path: s.Prefix + "/api/v1/metadata", params: url.Values{"metric": {"up"}},
			body: `{"status":"success","data":{"up":[{"type":"gauge","help":"h","unit":"u"},{"type":"counter"}],"none":[]}}`,
			want: map[string]metrics.Metadata{"up": {Type: "gauge", Help: "h", Unit: "u"}},
			call: func(ctx context.Context, p metrics.Provider) (any, error) {
				return p.(metrics.MetadataReader).Metadata(ctx, "up")
			}},
	}
}

type found struct {
	Series    []metrics.Labels
	Truncated bool
}

// concurrency checks that the budget limits the queries at a time, that others wait, and that a query whose time is up returns
// BudgetExceeded.
func (s Subject) concurrency(t *testing.T) {
	const limit = 2
	var running, peak atomic.Int32
	arrived, finish := make(chan struct{}, 16), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := running.Add(1)
		defer running.Add(-1)
		for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
		}
		arrived <- struct{}{}
		select {
		case <-finish:
		case <-r.Context().Done():
		}
		_, _ = w.Write([]byte(vector()))
	}))
	t.Cleanup(server.Close)
	s.Settings.Budget.MaxConcurrent = limit
	settings := s.Settings
	settings.Endpoint = provider.Endpoint{URL: server.URL}
	settings.Timeout = time.Minute
	settings.Egress = provider.Egress{AllowLoopback: true}
	p, err := s.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	done := make(chan error, 6)
	for range 6 {
		go func() { _, err := p.Query(ctx, "up", time.Time{}); done <- err }()
	}
	for range limit {
		<-arrived
	}
	late, over := context.WithTimeout(ctx, hostile.Timeout/10)
	defer over()
	_, err = p.Query(late, "up", time.Time{})
	Reason(t, err, v1alpha1.ReasonBudgetExceeded, "spec.queryBudget.maxConcurrent")
	close(finish)
	for range 6 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if peak.Load() != limit {
		t.Errorf("%d queries ran at once, want %d", peak.Load(), limit)
	}
}
