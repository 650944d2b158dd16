// Package metrics is the contract of backends that hold metrics. Every backend implements Provider; what else it can do, it
// says by implementing the small interfaces below, and Capabilities derives the list for status from them.
package metrics

import (
	"context"
	"math"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/provider"
)

// Provider is what every metrics backend can do. All methods keep to the context's deadline, bound what they read, and
// return *problem.Problem errors that name the cause. They may be called from many goroutines.
type Provider interface {
	// Probe makes a real round trip: it reads the build information and asks a query whose answer is known to exist.
	Probe(ctx context.Context) (Health, error)
	// Query evaluates an expression at one time; the zero time is the server's now. Stale markers and NaN are left out.
	Query(ctx context.Context, expression string, at time.Time) (Vector, error)
	// QueryRange evaluates an expression over a range.
	QueryRange(ctx context.Context, expression string, span Range) ([]Series, error)
	// Close closes idle connections.
	Close()
}

// Labels of a series, the metric name as __name__.
type Labels map[string]string

// Sample of an instant query.
type Sample struct {
	Labels Labels
	Time   time.Time
	Value  float64
}

// Vector is the answer to an instant query.
type Vector []Sample

// Range of a range query, both ends included.
type Range struct {
	Start, End time.Time
	Step       time.Duration
}

// Point of a series.
type Point struct {
	Time  time.Time
	Value float64
}

// Series is one line of the answer to a range query, points by time, NaN and stale markers left out.
type Series struct {
	Labels Labels
	Points []Point
}

// Health is what a round trip found. What a server does not tell is nil or empty.
type Health struct {
	Version string
	// Flavor is prometheus, thanos, mimir, victoriametrics, victoriametrics-cluster or unknown.
	Flavor string
	// QueryLatency of the query.
	QueryLatency time.Duration
	// Freshness is the age of the newest sample of up; nil where there is none.
	Freshness *time.Duration
	// ActiveSeries in the head of the store.
	ActiveSeries *int64
	// Retention as the server words it.
	Retention string
}

// Targets counts what the server scrapes.
type Targets struct {
	Up, Down int
	// Broken are the first of the targets that are down, with the error as the server tells it, at most 20.
	Broken []BrokenTarget
}

// BrokenTarget is a target whose last scrape failed.
type BrokenTarget struct {
	Job, Instance, Error string
	Labels               Labels
}

// Alert that is active.
type Alert struct {
	// Name is the label alertname.
	Name   string
	Labels Labels
	// Annotations as they are, unredacted.
	Annotations map[string]string
	Since       time.Time
	// State is firing or pending.
	State string
}

// Rule that the server evaluates.
type Rule struct {
	Group, Name, Expression string
	// Kind is alerting or recording.
	Kind string
	// Health is ok, err or unknown; Error is the last one, as the server tells it.
	Health, Error string
}

// Metadata of a metric.
type Metadata struct{ Type, Help, Unit string }

// SeriesLister finds series.
type SeriesLister interface {
	// Series that match one of the selectors within the span, at most limit; truncated reports that exist more.
	Series(ctx context.Context, selectors []string, span Range, limit int) (series []Labels, truncated bool, err error)
}

// LabelLister lists labels.
type LabelLister interface {
	LabelNames(ctx context.Context, selectors []string, span Range) ([]string, error)
	LabelValues(ctx context.Context, label string, selectors []string, span Range) ([]string, error)
}

// MetadataReader knows what metrics mean.
type MetadataReader interface {
	// Metadata by name of metric, all of them when the name is empty.
	Metadata(ctx context.Context, metric string) (map[string]Metadata, error)
}

// RuleReader knows the rules.
type RuleReader interface {
	Rules(ctx context.Context) ([]Rule, error)
}

// TargetReader knows the targets.
type TargetReader interface {
	Targets(ctx context.Context) (Targets, error)
}

// AlertReader knows which alerts are active.
type AlertReader interface {
	Alerts(ctx context.Context) ([]Alert, error)
}

// Writer takes samples: the insert path, for tests and for KubeOps' own results.
type Writer interface {
	Write(ctx context.Context, series []Series) error
}

// AlertmanagerHealth is what an Alertmanager told.
type AlertmanagerHealth struct {
	Version   string
	Receivers int
	// Firing alerts that are neither silenced nor inhibited.
	Firing int
}

// Alertmanager is implemented by a provider whose settings name one.
type Alertmanager interface {
	ProbeAlertmanager(ctx context.Context) (AlertmanagerHealth, error)
}

// Budget protects a server from queries. Zero values have the defaults of the API.
type Budget struct {
	MaxRange      time.Duration
	MinStep       time.Duration
	MaxConcurrent int
	MaxSeries     int
	MaxBytes      int64
}

// Defaulted fills in what is zero.
func (b Budget) Defaulted() Budget {
	if b.MaxRange <= 0 {
		b.MaxRange = 30 * 24 * time.Hour
	}
	if b.MinStep <= 0 {
		b.MinStep = 15 * time.Second
	}
	if b.MaxConcurrent <= 0 {
		b.MaxConcurrent = 2
	}
	if b.MaxSeries <= 0 {
		b.MaxSeries = 50_000
	}
	if b.MaxBytes <= 0 {
		b.MaxBytes = 32 << 20
	}
	return b
}

// Settings that all types share, with every reference resolved. The settings of one type are its Config.
type Settings struct {
	// Endpoint that is queried.
	Endpoint provider.Endpoint
	// Alertmanager, if there is one.
	Alertmanager *provider.Endpoint
	// Budget of queries.
	Budget Budget
	// Timeout of one request.
	Timeout time.Duration
	// Slots are shared by all clients of one backend, so that they keep to Budget.MaxConcurrent together. Nil: this client has its own.
	Slots Slots
	// Egress, Metrics and Memory as the manager sets them.
	Egress  provider.Egress
	Metrics *provider.Metrics
	Memory  *provider.ResponseShare
}

// Capabilities of a provider, sorted, for status.
func Capabilities(p Provider) []string {
	list := []string{"query"}
	add := func(name string, can bool) {
		if can {
			list = append(list, name)
		}
	}
	_, can := p.(SeriesLister)
	add("series", can)
	_, can = p.(LabelLister)
	add("labels", can)
	_, can = p.(MetadataReader)
	add("metadata", can)
	_, can = p.(RuleReader)
	add("rules", can)
	_, can = p.(TargetReader)
	add("targets", can)
	_, can = p.(AlertReader)
	add("alerts", can)
	_, can = p.(Writer)
	add("write", can)
	_, can = p.(Alertmanager)
	add("alertmanager", can)
	slices.Sort(list)
	return list
}

// Usable says whether a value is a number that can be reckoned with: no NaN (Prometheus' stale marker is one), no infinity.
func Usable(value float64) bool { return !math.IsNaN(value) && !math.IsInf(value, 0) }
