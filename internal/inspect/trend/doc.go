// Package trend reads trends from a metrics backend: filesystems that fill up, and series that differ from what their history
// predicts. It also reads the backend's own alerts, targets and rules. Results are added to the graph as facts; series are
// discarded once evaluated.
//
// The statistics (Exhaustion, Anomalous) are independent of Kubernetes; docs/trends.md describes them with their measured miss and
// false-positive rates. The number of queries depends on the kinds of metrics, never on the number of objects.
package trend
