package facts

import "time"

// Sources of trends and alerts, which come from a MetricsBackend.
const (
	// SourceClaimFill and SourceNodeFill are filesystems that fill up, SourceClaimFree those that are nearly full; see Trends.Fills.
	SourceClaimFill Source = "metrics/claim-fill"
	SourceClaimFree Source = "metrics/claim-free"
	SourceNodeFill  Source = "metrics/node-fill"
	// SourceErrors, SourceTraffic, SourceTrafficDrop, SourceLatency, SourceLoad and SourceRestarts are anomalies; see Trends.Anomalies.
	SourceErrors      Source = "metrics/errors"
	SourceTraffic     Source = "metrics/traffic"
	SourceTrafficDrop Source = "metrics/traffic-drop"
	SourceLoad        Source = "metrics/load"
	SourceLatency     Source = "metrics/latency"
	SourceRestarts    Source = "metrics/restarts"
	// SourceAlerts, SourceTargets and SourceRules are the state of the backend's own monitoring; see Alerts.
	SourceAlerts  Source = "metrics/alerts"
	SourceTargets Source = "metrics/targets"
	SourceRules   Source = "metrics/rules"
)

// Trends are forecasts and anomalies computed from metrics; the series are not kept.
type Trends struct {
	Fills     []Fill
	Anomalies []Anomaly
}

// FillKind is what runs out.
type FillKind string

// Kinds of fills.
const (
	FillSpace  FillKind = "space"
	FillInodes FillKind = "inodes"
)

// Fill is a filesystem that fills up, or is nearly full.
type Fill struct {
	// Object is a PersistentVolumeClaim or a Node.
	Object Ref
	What   FillKind
	// Path of the filesystem on a Node, for example /var/lib/containerd; empty for claims.
	Path string
	// Free of Capacity, in bytes or in files.
	Free, Capacity float64
	// Forecast is false where it is nearly full without a forecast of when.
	Forecast bool
	// Until is the time until it is full at its past growth, Earliest and Latest the ends of a 90 % interval. Latest is zero
	// where it may never be full.
	Until, Earliest, Latest time.Duration
	// PerDay is the decrease of free space per day, History the time over which it was measured.
	PerDay  float64
	History time.Duration
	// Cycles is how often it was cleaned up within the history; the forecast then is of the low points.
	Cycles int
}

// AnomalyKind is what is unusual.
type AnomalyKind string

// Kinds of anomalies.
const (
	AnomalyErrors AnomalyKind = "errors"
	// AnomalyTrafficDrop and AnomalyTrafficSurge are of requests per second.
	AnomalyTrafficDrop  AnomalyKind = "traffic drop"
	AnomalyTrafficSurge AnomalyKind = "traffic surge"
	// AnomalyCPU and AnomalyMemory are the usage of a workload, in cores and bytes.
	AnomalyCPU      AnomalyKind = "CPU"
	AnomalyMemory   AnomalyKind = "memory"
	AnomalyLatency  AnomalyKind = "latency"
	AnomalyRestarts AnomalyKind = "restarts"
)

// Anomaly is a series of an object that differs from what its history suggests.
type Anomaly struct {
	Object Ref
	Kind   AnomalyKind
	// Metric that shows it.
	Metric string
	// Now and Usual are values of the series: a share of requests, requests per second, seconds, cores, bytes, or restarts per hour.
	Now, Usual float64
	// Score is the distance in robust standard deviations; infinite where the history is constant.
	Score float64
	// Season of the comparison, for example hour of week, over History.
	Season  string
	History time.Duration
	// Lasts is how long it has lasted if that is longer than a day; zero otherwise.
	Lasts time.Duration
}

// Alerts are the state of the backend's own monitoring.
type Alerts struct {
	// Backend is the object of the metrics backend.
	Backend Ref
	// Firing alerts by name and object; More counts those beyond the limit.
	Firing []FiringAlert
	More   int
	// Down are scrape targets that are down; MoreDown counts those that the backend does not list.
	Down     []DownTarget
	MoreDown int
	// BrokenRules failed to evaluate.
	BrokenRules []BrokenRule
}

// FiringAlert is an alert that fires for one object, once or more.
type FiringAlert struct {
	Name   string
	Object Ref
	// Severity is the worst severity label, as written; empty without one.
	Severity string
	// Count of firing series for the object, and Since when the first fires; zero when unknown.
	Count int
	Since time.Time
	// Summaries are the first distinct summary annotations, unredacted.
	Summaries []string
	// Labels of the first series that the object does not imply, as name=value, sorted.
	Labels []string
}

// DownTarget are the scrape targets of one job and object that are down.
type DownTarget struct {
	Object Ref
	// Job of the targets; empty if it may not be shown.
	Job string
	// Instances that are down, sorted, and the error of the first.
	Instances []string
	Error     string
	// Unnamed counts those that are down besides, whose addresses may not be shown.
	Unnamed int
}

// BrokenRule is a rule that failed to evaluate.
type BrokenRule struct {
	Group, Name string
	// Alerting is false for recording rules.
	Alerting bool
	Error    string
}

// Trends returns forecasts and anomalies; nil where no metrics were read.
func (g *Graph) Trends() *Trends { return g.trends }

// SetTrends adds them to the graph. Call it before checks run.
func (g *Graph) SetTrends(t *Trends) { g.trends = t }

// Alerts returns the state of the backend's monitoring; nil where it was not read.
func (g *Graph) Alerts() *Alerts { return g.alerts }

// SetAlerts adds them to the graph. Call it before checks run.
func (g *Graph) SetAlerts(a *Alerts) { g.alerts = a }
