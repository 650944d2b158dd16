package facts

import "time"

// Sources of trends and alerts, which a MetricsBackend tells.
const (
	// SourceClaimFill and SourceNodeFill are which filesystems fill up; see Trends.Fills.
	SourceClaimFill Source = "metrics/claim-fill"
	SourceNodeFill  Source = "metrics/node-fill"
	// SourceErrors, SourceLatency and SourceRestarts are what is unusual; see Trends.Anomalies.
	SourceErrors   Source = "metrics/errors"
	SourceLatency  Source = "metrics/latency"
	SourceRestarts Source = "metrics/restarts"
	// SourceAlerts, SourceTargets and SourceRules are what the back end watches; see Alerts.
	SourceAlerts  Source = "metrics/alerts"
	SourceTargets Source = "metrics/targets"
	SourceRules   Source = "metrics/rules"
)

// Trends are what metrics tell of how things have changed: conclusions from series, never the series themselves.
type Trends struct {
	Fills     []Fill
	Anomalies []Anomaly
}

// FillKind says what is used up.
type FillKind string

// Kinds of what is used up.
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
	// Forecast is false where it is nearly full, and nothing is said of when.
	Forecast bool
	// Until it is full at the pace of its history, and the ends of a 90 % interval; Latest is zero where it may as well never
	// be.
	Until, Earliest, Latest time.Duration
	// PerDay is what goes away in a day, History how long that was seen.
	PerDay  float64
	History time.Duration
	// Cycles is how often it was cleaned up within the history, where the forecast is about its lowest points.
	Cycles int
}

// AnomalyKind says what is unusual.
type AnomalyKind string

// Kinds of anomalies.
const (
	AnomalyErrors   AnomalyKind = "errors"
	AnomalyLatency  AnomalyKind = "latency"
	AnomalyRestarts AnomalyKind = "restarts"
)

// Anomaly is a series of an object that is higher than its own history lets expect.
type Anomaly struct {
	Object Ref
	Kind   AnomalyKind
	// Metric it was seen in.
	Metric string
	// Now and Usual are values of the series: a share of requests, seconds, or restarts an hour.
	Now, Usual float64
	// Score is by how many robust deviations it stands off; infinite where nothing ever moved.
	Score float64
	// Season it was compared by, for example hour of week, over a history so long.
	Season  string
	History time.Duration
}

// Alerts are what the metrics back end watches by itself.
type Alerts struct {
	// Backend is the object that stands for the metrics back end.
	Backend Ref
	// Firing alerts by name and object; More counts those beyond the bound.
	Firing []FiringAlert
	More   int
	// Down are scrape targets that cannot be read, and MoreDown counts those that the back end does not name.
	Down     []DownTarget
	MoreDown int
	// BrokenRules could not be evaluated.
	BrokenRules []BrokenRule
}

// FiringAlert is an alert that fires for one object, however often.
type FiringAlert struct {
	Name   string
	Object Ref
	// Severity is the worst of the labels severity, as written; empty where none is set.
	Severity string
	// Count of series of the alert that fire for the object, and since when the first of them does; zero when not told.
	Count int
	Since time.Time
	// Summaries are the first different summaries of their annotations, unredacted.
	Summaries []string
	// Labels of the first of them that say more than the object does, as name=value, sorted.
	Labels []string
}

// DownTarget are scrape targets of one job on one object that cannot be read.
type DownTarget struct {
	Object Ref
	Job    string
	// Instances that are down, sorted, and the error of the first.
	Instances []string
	Error     string
}

// BrokenRule is a rule that the back end cannot evaluate.
type BrokenRule struct {
	Group, Name string
	// Alerting rules notify; others record series.
	Alerting bool
	Error    string
}

// Trends of the cluster; nil where no metrics were read.
func (g *Graph) Trends() *Trends { return g.trends }

// SetTrends puts them into the graph, before any check runs.
func (g *Graph) SetTrends(t *Trends) { g.trends = t }

// Alerts about the cluster; nil where none were asked for.
func (g *Graph) Alerts() *Alerts { return g.alerts }

// SetAlerts puts them into the graph, before any check runs.
func (g *Graph) SetAlerts(a *Alerts) { g.alerts = a }
