// Package trend reads from a metrics back end how things change: which filesystems fill up, and which series are higher than
// their own history lets expect; and what the back end watches by itself: its alerts, targets and rules. What it found goes to
// the graph as facts; series are dropped as soon as they were judged.
//
// The statistics (Exhaustion, Anomalous) know nothing of Kubernetes; docs/trends.md describes them and what they were measured
// to miss and to see falsely. The number of queries grows with the kinds of metrics that there are, never with objects.
package trend
