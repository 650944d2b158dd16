package victoriametrics

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/promapi"
)

// querier asks a single server or vmselect. It does not embed the API, because that has more than VictoriaMetrics has.
type querier struct {
	api     *promapi.API
	cluster bool
}

// Query evaluates an expression at one time, see metrics.Provider. Like the server, it leaves out the newest 30 seconds
// (-search.latencyOffset).
func (q querier) Query(ctx context.Context, expression string, at time.Time) (metrics.Vector, error) {
	return q.api.Query(ctx, expression, at)
}

// QueryRange evaluates an expression over a range, see metrics.Provider.
func (q querier) QueryRange(ctx context.Context, expression string, span metrics.Range) ([]metrics.Series, error) {
	return q.api.QueryRange(ctx, expression, span)
}

// Series that match, see metrics.SeriesLister.
func (q querier) Series(ctx context.Context, selectors []string, span metrics.Range, limit int) ([]metrics.Labels, bool, error) {
	return q.api.Series(ctx, selectors, span, limit)
}

// LabelNames of series that match, see metrics.LabelLister.
func (q querier) LabelNames(ctx context.Context, selectors []string, span metrics.Range) ([]string, error) {
	return q.api.LabelNames(ctx, selectors, span)
}

// LabelValues of a label of series that match, see metrics.LabelLister.
func (q querier) LabelValues(ctx context.Context, label string, selectors []string, span metrics.Range) ([]string, error) {
	return q.api.LabelValues(ctx, label, selectors, span)
}

// Metadata of metrics, see metrics.MetadataReader. Servers of before 2025 know none.
func (q querier) Metadata(ctx context.Context, metric string) (map[string]metrics.Metadata, error) {
	return q.api.Metadata(ctx, metric)
}

// Close closes idle connections.
func (q querier) Close() { q.api.Close() }

// Probe makes a real round trip, see metrics.Provider.
func (q querier) Probe(ctx context.Context) (metrics.Health, error) {
	health, err := q.api.Prove(ctx, "now()")
	if err != nil {
		return metrics.Health{}, err
	}
	health.Flavor = FlavorSingle
	if q.cluster {
		health.Flavor = FlavorCluster
	}
	var info promapi.BuildInfo
	var own ownMetrics
	promapi.Together(ctx,
		func(ctx context.Context) (err error) {
			info, err = q.api.BuildInfo(ctx)
			return err
		},
		func(ctx context.Context) (err error) {
			own, err = readOwnMetrics(ctx, q.api.Client())
			return err
		},
	)
	health.ActiveSeries = own.series
	if own.series == nil { // counting them costs the server more
		health.ActiveSeries, _ = q.api.ActiveSeries(ctx)
	}
	health.Version = own.version
	if health.Version == "" && info.Version != pretended {
		health.Version = promapi.Word(info.Version)
	}
	health.Retention = own.retention
	return health, nil
}

// pretended is the version of Prometheus that VictoriaMetrics tells Grafana as its own.
const pretended = "2.24.0"

// ownMetrics are what a server tells at /metrics. Which of it is there depends on the version, and on -metricsAuthKey.
type ownMetrics struct {
	version, retention string
	// series that got samples within the last hour; nil where there are none, or where another server holds them.
	series *int64
}

func readOwnMetrics(ctx context.Context, client *provider.Client) (ownMetrics, error) {
	answer, err := client.Do(ctx, provider.Request{Operation: "metrics", Path: "/metrics", MaxBytes: provider.ListBytes})
	if err != nil {
		return ownMetrics{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status != 200 {
		return ownMetrics{}, client.Refused(answer)
	}
	return scanOwnMetrics(answer.Body), nil
}

// scanOwnMetrics looks through the text format for
// vm_app_version{version="victoria-metrics-…", short_version="v1.93.1"} 1, flag{name="retentionPeriod", value="1", is_set="true"} 1
// and vm_cache_entries{type="storage/hour_metric_ids"} 1000.
func scanOwnMetrics(text io.Reader) (found ownMetrics) {
	lines := bufio.NewScanner(text) // ends at a line of over 64 KiB, which none of these is
	for lines.Scan() && (found.version == "" || found.retention == "" || found.series == nil) {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "vm_app_version{"):
			found.version = strings.TrimPrefix(promapi.Word(label(line, `short_version="`)), "v")
		case strings.HasPrefix(line, `flag{name="retentionPeriod"`):
			found.retention = period(promapi.Word(label(line, `value="`)))
		case strings.HasPrefix(line, hourSeries):
			if n, err := strconv.ParseInt(strings.TrimPrefix(line, hourSeries), 10, 64); err == nil && n > 0 {
				found.series = &n
			}
		}
	}
	return found
}

const hourSeries = `vm_cache_entries{type="storage/hour_metric_ids"} `

// label is the value of a label, by its beginning in a line of the text format. Values with quotes are none of ours.
func label(line, beginning string) string {
	// A blank before it tells short_version from version.
	_, rest, found := strings.Cut(line, " "+beginning)
	if !found {
		return ""
	}
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// period says what a number without a unit means to VictoriaMetrics.
func period(retention string) string {
	switch _, err := strconv.ParseFloat(retention, 64); {
	case retention == "1":
		return "1 month"
	case err == nil:
		return retention + " months"
	}
	return retention
}
