package facts

import "strings"

// Source is one kind of facts that a back end tells, and not the API server: written <back end>/<what>. A stage between
// collecting and checks asks for it and says with Graph.Provide that it came.
type Source string

// Sources that a MetricsBackend tells.
const (
	// SourceUsage is what the containers of workloads used of CPU and memory; see Graph.Usage.
	SourceUsage Source = "metrics/usage"
	// SourceThrottling is how often containers were held up by their CPU limit; see Graph.Usage.
	SourceThrottling Source = "metrics/throttling"
	// SourceNodeUsage is what nodes used of CPU and memory; see Graph.Usage.
	SourceNodeUsage Source = "metrics/nodes"
)

// Backend is what tells it: metrics or logs.
func (s Source) Backend() string {
	backend, _, _ := strings.Cut(string(s), "/")
	return backend
}

// Provide says that facts of a source are in the graph, all of them or some. It is called before any check runs.
func (g *Graph) Provide(source Source) {
	if g.sources == nil {
		g.sources = map[Source]bool{}
	}
	g.sources[source] = true
}

// Provided says whether there are facts of a source in the graph.
func (g *Graph) Provided(source Source) bool { return g.sources[source] }
