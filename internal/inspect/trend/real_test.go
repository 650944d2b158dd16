package trend

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// counter returns a counter from its increments. It restarts at zero in the middle, like that of a new process.
func counter(points []metrics.Point, add func(ago time.Duration) float64, now time.Time) []metrics.Point {
	sum := 0.0
	for i := range points {
		if i == len(points)/2 {
			sum = 0
		}
		sum += add(now.Sub(points[i].Time))
		points[i].Value = sum
	}
	return points
}

// TestTrendsAndAlertsFromVictoriaMetrics writes three weeks of samples and expects exactly the forecast, the anomalies and
// the alert that they contain.
func TestTrendsAndAlertsFromVictoriaMetrics(t *testing.T) {
	url, _ := servers.VictoriaMetrics(t, servers.VictoriaMetricsOptions{})
	p, err := victoriametrics.New(metrics.Settings{
		Endpoint: provider.Endpoint{URL: url}, Timeout: 30 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	now := time.Now().UTC().Truncate(time.Minute)
	const scrape = 10 * time.Minute
	var written []metrics.Series
	write := func(value func(ago time.Duration) float64, counts bool, pairs ...string) {
		points := make([]metrics.Point, 0, historyRate/scrape)
		for ago := historyRate + time.Hour; ago >= 0; ago -= scrape {
			points = append(points, metrics.Point{Time: now.Add(-ago), Value: value(ago)})
		}
		if counts {
			points = counter(points, value, now)
		}
		written = append(written, metrics.Series{Labels: labelled(pairs...), Points: points})
	}
	always := func(v float64) func(time.Duration) float64 { return func(time.Duration) float64 { return v } }
	lately := func(before, since float64) func(time.Duration) float64 {
		return func(ago time.Duration) float64 {
			if ago < 4*time.Hour {
				return since
			}
			return before
		}
	}
	const (
		claim     = "kubelet_volume_stats_"
		request   = "http_requests_total"
		took      = "http_request_duration_seconds_"
		restarted = restartsMetric
	)
	data := []string{"namespace", "shop", "persistentvolumeclaim", "data"}
	write(
		func(ago time.Duration) float64 { return (3 + ago.Hours()/24) * gib },
		false,
		append(data, "__name__", claim+"available_bytes")...)
	write(always(100*gib), false, append(data, "__name__", claim+"capacity_bytes")...)
	api := []string{"namespace", "shop", "service", "api", "pod", "api-6d4cf56db6-x2k4p"}
	write(always(1000), true, append(api, "__name__", request, "code", "200")...)
	write(lately(0.1, 100), true, append(api, "__name__", request, "code", "503")...)
	write(lately(1000, 0), true, append(api, "__name__", took+"bucket", "le", "0.1")...)
	write(always(1000), true, append(api, "__name__", took+"bucket", "le", "1")...)
	write(always(1000), true, append(api, "__name__", took+"bucket", "le", "+Inf")...)
	write(lately(0, 1), true, "__name__", restarted, "namespace", "shop", "pod", "api-6d4cf56db6-x2k4p", "container", "api")
	write(always(0), true, "__name__", restarted, "namespace", "shop", "pod", "api-db-0", "container", "db")
	write(always(1), false, "__name__", "ALERTS", "alertname", "TooManyErrors", "alertstate", "firing", "severity", "page", "namespace",
		"shop", "service", "api")
	write(always(0), false, "__name__", "up", "job", "shop", "instance", "a:1", "namespace", "shop", "service", "api")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.(metrics.Writer).Write(ctx, written); err != nil {
		t.Fatal(err)
	}
	wait(ctx, t, p, now)
	g := shop(t)
	g.Now = now
	counted := &counting{Provider: p}
	gaps := Collect(ctx, Input{
		Provider: struct {
			*counting
			metrics.LabelLister
		}{counted, p.(metrics.LabelLister)},
		Graph: g, Backend: backend(),
		Wanting: wanting(facts.SourceClaimFill, facts.SourceErrors, facts.SourceLatency, facts.SourceRestarts, facts.SourceAlerts,
			facts.SourceTargets),
	})
	if len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	if fills := g.Trends().Fills; len(fills) != 1 || !fills[0].Forecast || fills[0].Until.Round(3*time.Hour) != 3*day {
		t.Errorf("fills %+v, want one that is full in three days", fills)
	}
	found := map[facts.AnomalyKind]string{}
	for _, a := range g.Trends().Anomalies {
		found[a.Kind] = a.Object.String()
		t.Logf("%+v", a)
	}
	want := map[facts.AnomalyKind]string{
		facts.AnomalyErrors: "Service/shop/api", facts.AnomalyLatency: "Service/shop/api", facts.AnomalyRestarts: "Deployment/shop/api",
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("anomalies (-want +got):\n%s", diff)
	}
	if a := g.Alerts(); len(a.Firing) != 1 || a.Firing[0].Object.String() != "Service/shop/api" || len(a.Down) != 1 {
		t.Errorf("alerts %+v", a)
	}
	t.Logf("%d queries", counted.queries)
	if counted.queries > 12 {
		t.Errorf("%d queries", counted.queries)
	}
}

// wait until the written samples can be queried.
func wait(ctx context.Context, t *testing.T, p metrics.Provider, now time.Time) {
	t.Helper()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		if found, err := p.Query(ctx, "count(up)", now); err == nil && len(found) == 1 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("the written samples cannot be queried")
		case <-ticker.C:
		}
	}
}

// counting counts queries.
type counting struct {
	metrics.Provider
	queries int
}

func (c *counting) Query(ctx context.Context, expression string, at time.Time) (metrics.Vector, error) {
	c.queries++
	return c.Provider.Query(ctx, expression, at)
}

func (c *counting) QueryRange(ctx context.Context, expression string, span metrics.Range) ([]metrics.Series, error) {
	c.queries++
	return c.Provider.QueryRange(ctx, expression, span)
}

// realPrometheus starts a Prometheus, and opens its client.
func realPrometheus(t *testing.T, o servers.PrometheusOptions) metrics.Provider {
	t.Helper()
	url, _ := servers.Prometheus(t, o)
	p, err := prometheus.New(
		metrics.Settings{Endpoint: provider.Endpoint{URL: url}, Timeout: 30 * time.Second, Egress: provider.Egress{AllowLoopback: true}},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// TestPrometheusAcceptsEveryQuery sends the queries of each source with each group of labels.
func TestPrometheusAcceptsEveryQuery(t *testing.T) {
	p := realPrometheus(t, servers.PrometheusOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all := wanting(Sources()...)
	g := shop(t)
	g.Now = time.Now()
	names := map[string]bool{
		restartsMetric:     true,
		claimSpace().free:  true,
		claimInodes().free: true,
		nodeSpace().free:   true,
		nodeInodes().free:  true,
		cpuMetric:          true,
		memoryMetric:       true,
	}
	r := newReader(Input{
		Provider: p, Graph: g, Wanting: all, Scope: scope.New(g, []string{"shop", "a.b"}), MatchLabels: map[string]string{"cluster": "a\"\\\n"},
		NodeHorizon: NodeHorizon, ClaimHorizon: ClaimHorizon,
	})
	r.metricNames(ctx)
	r.claims(ctx, names)
	r.nodes(ctx, names)
	r.nodes(ctx, map[string]bool{cadvisorSpace().capacity: true})
	r.restarts(ctx, r.suspects(ctx, names)[facts.SourceRestarts])
	r.series(ctx, question{
		what: "restarts", step: stepRestarts, spans: []time.Duration{historyRestarts}, expression: restartHistory,
	})
	r.noteYoungUsage(ctx)
	r.series(ctx, question{what: "usage", step: stepRate, spans: []time.Duration{historyRate}, expression: usageHistory})
	r.alerts(ctx)
	for _, s := range sources() {
		r.labelsOf(ctx, s)
		for _, group := range s.groups {
			fit, ok := shapeOf(s, append([]string{s.status[0]}, group...))
			if !ok {
				t.Fatalf("%s does not fit %v", s.total, group)
			}
			r.rates(ctx, fit, map[facts.Ref]requestedSince{})
			if s.buckets != "" {
				r.latencies(ctx, fit, nil)
			}
		}
	}
	for _, gap := range r.gaps {
		if gap.Source != "metrics: up with the label namespace" { // Prometheus scrapes itself only
			t.Errorf("gap %+v", gap)
		}
	}
	for _, s := range []facts.Source{facts.SourceClaimFill, facts.SourceNodeFill, facts.SourceRestarts, facts.SourceErrors, facts.SourceLatency, facts.SourceAlerts} {
		if !g.Provided(s) {
			t.Errorf("%s was not provided", s)
		}
	}
}
