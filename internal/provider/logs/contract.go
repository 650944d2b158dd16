// Package logs is the contract of backends that hold logs. Every backend implements Provider; what else it can do, it says
// by implementing the small interfaces below, and Capabilities derives the list for status from them.
package logs

import (
	"context"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/provider"
)

// Names of labels that mean the same in every backend; a backend maps them to its own fields.
const (
	LabelNamespace = "namespace"
	LabelPod       = "pod"
	LabelContainer = "container"
	LabelNode      = "node"
	// LabelLevel is the level of a line, in lower case, where the collector tells it.
	LabelLevel = "level"
	// LabelProbe marks lines that a round trip wrote.
	LabelProbe = "kubeops_probe"
)

// Provider is what every log backend can do. All methods keep to the context's deadline, bound what they read, and return
// *problem.Problem errors that name the cause. They may be called from many goroutines.
type Provider interface {
	// Health asks the server how it is. A server that answers and reports that it does not work is Health with Failed set.
	Health(ctx context.Context) (Health, error)
	// Search returns one page of lines. Cursor of the page gets the next one.
	Search(ctx context.Context, query Query) (Page, error)
	// Close closes idle connections.
	Close()
}

// Entry is one line.
type Entry struct {
	Time time.Time
	// Line as it was written, invalid UTF-8 replaced, cut off at 64 KiB.
	Line string
	// Labels in the names of this package, and others as the backend has them.
	Labels map[string]string
}

// Query of lines. All that is set must hold.
type Query struct {
	// Start is included, End is not. Both are required.
	Start, End time.Time
	// Labels that a line must have, in the names of this package.
	Labels map[string]string
	// AnyOf holds lists of values, of which a label must have one.
	AnyOf map[string][]string
	// Contains are texts that must all stand in the line, in any case (upper or lower) where the backend can.
	Contains []string
	// Limit of lines on a page. Default 100, at most 5000.
	Limit int
	// Backward returns the newest lines first.
	Backward bool
	// Cursor of the page before, empty for the first.
	Cursor string
}

// Page of lines, in the order that was asked for. An empty Next reports that exist no more.
type Page struct {
	Entries []Entry
	Next    string
}

// Health is what a server reports about itself. What it does not report is nil or empty.
type Health struct {
	Version string
	// Flavor is elasticsearch, opensearch, loki, victorialogs or unknown.
	Flavor string
	// State is green, yellow or red of a cluster, ready otherwise.
	State string
	// Failed says why the server cannot work, for people, in a text that is stable between attempts; empty when it can.
	Failed string
	// Warnings do not keep it from working: unassigned shards, a disk over a watermark, ring members that are not active.
	Warnings []string
	// ActiveShards and UnassignedShards of a cluster.
	ActiveShards, UnassignedShards *int
	// Schema of the fields that was found out: ecs, kubernetes or flat; empty where nothing is stored yet.
	Schema string
}

// Writer takes lines.
type Writer interface {
	// Write stores lines. The labels of this package become the backend's own fields.
	Write(ctx context.Context, entries []Entry) error
}

// Tailer follows new lines.
type Tailer interface {
	// Tail calls each forevery new line until the context ends or each returns an error.
	Tail(ctx context.Context, query Query, each func(Entry) error) error
}

// Bucket of a histogram.
type Bucket struct {
	Start time.Time
	Count int64
}

// Histogrammer counts lines over time.
type Histogrammer interface {
	// Histogram of the lines that match, in steps of a width; empty buckets are filled in.
	Histogram(ctx context.Context, query Query, width time.Duration) ([]Bucket, error)
}

// LabelLister lists values.
type LabelLister interface {
	// LabelValues of a label of this package (or another that the backend has) within the query's time, at most limit.
	LabelValues(ctx context.Context, label string, query Query, limit int) ([]string, error)
}

// Retention that a backend applies.
type Retention struct {
	// Keeps is how long lines are kept; zero means forever.
	Keeps time.Duration
	// Source says where that was read, for example `ILM policy logs-30d`.
	Source string
}

// RetentionReader knows how long lines are kept.
type RetentionReader interface {
	// Retention that applies. Known is false where the server does not tell.
	Retention(ctx context.Context) (retention Retention, known bool, err error)
}

// Fields are names of fields of stored lines; those that are empty follow the schema.
type Fields struct {
	// Schema is auto, ecs, kubernetes or flat. Default auto.
	Schema                                                string
	Time, Message, Namespace, Pod, Container, Node, Level string
}

// Disputing returns the usual fields of a namespace if Namespace is another field. Anyone who can write a LogBackend chooses it: a line
// whose usual field names another namespace belongs to that one, and counts as a line without a namespace.
func (f Fields) Disputing(usual []string) []string {
	if f.Namespace == "" || slices.Contains(usual, f.Namespace) {
		return nil
	}
	return usual
}

// Settings that all types share, with every reference resolved. The settings of one type are its Config.
type Settings struct {
	Endpoint provider.Endpoint
	Fields   Fields
	// Timeout of one request.
	Timeout time.Duration
	// MaxBytes of one answer. Default 32 MiB.
	MaxBytes int64
	// Egress, Metrics and Memory as the manager sets them.
	Egress  provider.Egress
	Metrics *provider.Metrics
	Memory  *provider.ResponseShare
}

// Capabilities of a provider, sorted, for status.
func Capabilities(p Provider) []string {
	list := []string{"search"}
	add := func(name string, can bool) {
		if can {
			list = append(list, name)
		}
	}
	_, can := p.(Tailer)
	add("tail", can)
	_, can = p.(Histogrammer)
	add("histogram", can)
	_, can = p.(LabelLister)
	add("labels", can)
	_, can = p.(Writer)
	add("write", can)
	_, can = p.(RetentionReader)
	add("retention", can)
	slices.Sort(list)
	return list
}

// LineLimit is where a line is cut off, in bytes.
const LineLimit = 64 << 10

// PageSize of a query, with its default and bounds.
func (q Query) PageSize() int {
	switch {
	case q.Limit <= 0:
		return 100
	case q.Limit > 5000:
		return 5000
	}
	return q.Limit
}
