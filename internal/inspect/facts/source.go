package facts

import "strings"

// Source is a kind of facts that comes from a backend instead of the API server, written <backend>/<what>. A stage between collecting
// and checks queries it and calls Graph.Provide.
type Source string

// Sources that come from a MetricsBackend.
const (
	// SourceUsage is the CPU and memory usage of containers; see Graph.Usage.
	SourceUsage Source = "metrics/usage"
	// SourceThrottling is the CPU throttling of containers; see Graph.Usage.
	SourceThrottling Source = "metrics/throttling"
	// SourceNodeUsage is the CPU and memory usage of nodes; see Graph.Usage.
	SourceNodeUsage Source = "metrics/nodes"
)

// Backend that provides it: metrics or logs.
func (s Source) Backend() string {
	backend, _, _ := strings.Cut(string(s), "/")
	return backend
}

// Provide records that facts of a source are in the graph, all or some. Call it before checks run.
func (g *Graph) Provide(source Source) {
	if g.sources == nil {
		g.sources = map[Source]bool{}
	}
	g.sources[source] = true
}

// Provided reports whether facts of a source are in the graph.
func (g *Graph) Provided(source Source) bool { return g.sources[source] }
