package victoriametrics_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/metrics"
	"kubeops.io/kubeops/internal/testkit/servers"
)

func TestARealVictoriaMetricsGivesBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	url, process := servers.VictoriaMetrics(t, servers.VictoriaMetricsOptions{Username: "kubeops", Password: servers.FirstPassword})
	endpoint := provider.Endpoint{URL: url, Auth: provider.Auth{Username: "kubeops", Password: servers.FirstPassword}}
	p := dial(t, metrics.Settings{Endpoint: endpoint, Timeout: conformance.Timeout})
	start := time.Now().Add(-10 * time.Minute).Truncate(15 * time.Second).UTC()
	labels := metrics.Labels{"__name__": "up", "job": "tests", "text": "é\"\\\n"}
	written := metrics.Series{Labels: labels}
	for i := range 41 {
		written.Points = append(written.Points,
			metrics.Point{Time: start.Add(time.Duration(i) * 15 * time.Second), Value: float64(i) / 4})
	}
	ctx, cancel := context.WithTimeout(context.Background(), conformance.Patience)
	defer cancel()
	if err := p.(metrics.Writer).Write(ctx, []metrics.Series{written}); err != nil {
		t.Fatal(err)
	}
	health := conformance.Healthy(t, p)
	if health.Flavor != victoriametrics.FlavorSingle || health.Retention != "30d" {
		t.Errorf("got %+v", health)
	}
	span := metrics.Range{Start: start, End: start.Add(10 * time.Minute), Step: 15 * time.Second}
	conformance.Eventually(t, "what was written", func(ctx context.Context) error {
		list, err := p.QueryRange(ctx, "up", span)
		if err != nil || len(list) != 1 || list[0].Labels["text"] != labels["text"] ||
			!slices.EqualFunc(list[0].Points, written.Points, same) {
			return fmt.Errorf("got %+v, %w", list, err)
		}
		vector, err := p.Query(ctx, `sum by (job) (up)`, start.Add(time.Minute))
		if err != nil || len(vector) != 1 || vector[0].Value != 1 || vector[0].Labels["job"] != "tests" {
			return fmt.Errorf("got %+v, %w", vector, err)
		}
		return nil
	})
	series, truncated, err := p.(metrics.SeriesLister).Series(ctx, []string{"up"}, span, 10)
	if err != nil || truncated || len(series) != 1 || series[0]["job"] != "tests" {
		t.Errorf("got series %v, %t, %v", series, truncated, err)
	}
	jobs, err := p.(metrics.LabelLister).LabelValues(ctx, "job", []string{"up"}, span)
	if err != nil || !slices.Equal(jobs, []string{"tests"}) {
		t.Errorf("got jobs %v, %v", jobs, err)
	}
	if targets, err := p.(metrics.TargetReader).Targets(ctx); err != nil || targets.Up+targets.Down != 0 {
		t.Errorf("got targets %+v, %v", targets, err)
	}
	for _, expression := range []string{"up[", "no_such_function(up)", "up[5m]"} {
		_, err := p.Query(ctx, expression, time.Now())
		conformance.Reason(t, err, v1alpha1.ReasonInvalidQuery, "")
	}
	endpoint.Auth.Password = servers.SecondPassword
	_, err = dial(t, metrics.Settings{Endpoint: endpoint}).Probe(ctx)
	conformance.Reason(t, err, v1alpha1.ReasonUnauthorized, "rejected the credentials")
	endpoint.Auth.Password = servers.FirstPassword
	endpoint.URL = url + "/prefix"
	_, err = dial(t, metrics.Settings{Endpoint: endpoint}).Probe(ctx)
	conformance.Reason(t, err, v1alpha1.ReasonInvalidResponse, "check that the URL")
	conformance.Recovers(t, p, process)
}

// TestWhatARealPrometheusWritesOnCanBeAskedForInVictoriaMetrics is the remote write that docs/observability.md shows.
func TestWhatARealPrometheusWritesOnCanBeAskedForInVictoriaMetrics(t *testing.T) {
	t.Parallel()
	url, _ := servers.VictoriaMetrics(t, servers.VictoriaMetricsOptions{})
	servers.Prometheus(t, servers.PrometheusOptions{RemoteWrite: url + "/api/v1/write"})
	p := dial(t, metrics.Settings{Endpoint: provider.Endpoint{URL: url}, Timeout: conformance.Timeout})
	conformance.Eventually(t, "what Prometheus wrote on", func(ctx context.Context) error {
		vector, err := p.Query(ctx, `up{job="prometheus"}`, time.Now())
		if err != nil || len(vector) != 1 || vector[0].Value != 1 {
			return fmt.Errorf("got %+v, %w", vector, err)
		}
		return nil
	})
	if health := conformance.Healthy(t, p); health.Flavor != victoriametrics.FlavorSingle {
		t.Errorf("got %+v", health)
	}
}

func same(a, b metrics.Point) bool { return a.Time.Equal(b.Time) && a.Value == b.Value }
