package promapi

import (
	"context"
	"net/url"
	"sync"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/stream"
)

// Prove makes the round trip: it asks how old the newest sample of up is, by the server's own clock, in an expression that
// always has exactly one value: -1 where there is no up. Clock is the function of the server's time, time() or now(). It takes
// no slot of the budget, because a backend is not less healthy while others ask it a lot.
func (a *API) Prove(ctx context.Context, clock string) (metrics.Health, error) {
	params := a.expression(clock + " - max(timestamp(up)) or vector(-1)")
	for name, values := range a.options.Params {
		params[name] = values
	}
	params.Set("nocache", "1") // VictoriaMetrics leaves the newest half minute out otherwise
	began := time.Now()
	vector, err := a.query(ctx, call{operation: "probe", path: "/api/v1/query", params: params, bytes: provider.ProbeBytes})
	health := metrics.Health{QueryLatency: time.Since(began)}
	if p := problem.As(err); p != nil && p.Reason == v1alpha1.ReasonInvalidQuery {
		return metrics.Health{}, a.client.Invalid(p) // every server of this type understands it
	}
	switch {
	case err != nil:
		return metrics.Health{}, err
	case len(vector) != 1:
		return metrics.Health{}, a.client.Invalid(nil)
	}
	if age := vector[0].Value; age != -1 && age < (100*365*24*time.Hour).Seconds() {
		fresh := max(0, time.Duration(age*float64(time.Second)))
		health.Freshness = &fresh
	}
	return health, nil
}

// Together calls functions at the same time and waits for all. They add what a server may tell and need not: an error of one
// means that it is not told.
func Together(ctx context.Context, functions ...func(context.Context) error) {
	var wait sync.WaitGroup
	for _, f := range functions {
		wait.Go(func() { _ = f(ctx) })
	}
	wait.Wait()
}

// BuildInfo of a server.
type BuildInfo struct {
	// Version without a leading v.
	Version string
	// Revision of the source; servers that only pretend to be a Prometheus tell none.
	Revision string
	// Application is reported by Mimir.
	Application string
}

// BuildInfo that the server tells.
func (a *API) BuildInfo(ctx context.Context) (BuildInfo, error) {
	var info BuildInfo
	return info, a.status(ctx, "buildinfo", nil, &info)
}

// ActiveSeries in the head of the store.
func (a *API) ActiveSeries(ctx context.Context) (*int64, error) {
	var told struct {
		HeadStats struct{ NumSeries *int64 } // Prometheus
		// TotalSeries of today, from VictoriaMetrics.
		TotalSeries *int64
	}
	if err := a.status(ctx, "tsdb", url.Values{"topN": {"1"}, "limit": {"1"}}, &told); err != nil {
		return nil, err
	}
	for _, count := range []*int64{told.HeadStats.NumSeries, told.TotalSeries} {
		if count != nil && *count >= 0 {
			return count, nil
		}
	}
	return nil, nil
}

// Retention as the server words it, or "".
func (a *API) Retention(ctx context.Context) (string, error) {
	var told struct{ StorageRetention string }
	err := a.status(ctx, "runtimeinfo", nil, &told)
	return Word(told.StorageRetention), err
}

// status reads one of the pages below /api/v1/status.
func (a *API) status(ctx context.Context, page string, params url.Values, into any) error {
	if params == nil {
		params = url.Values{}
	}
	c := call{operation: page, path: "/api/v1/status/" + page, params: params, bytes: provider.ProbeBytes}
	return a.get(ctx, c, func(d *stream.Decoder) error { return d.Decode(into) })
}

// Word is a short text that a server tells, such as a version, without what does not belong there; cut off at 64 bytes.
func Word(text string) string {
	kept := make([]rune, 0, 64)
	for _, r := range text {
		if len(kept) == cap(kept) {
			break
		}
		if r >= ' ' && r <= '~' {
			kept = append(kept, r)
		}
	}
	return string(kept)
}
