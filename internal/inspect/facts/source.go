package facts

import (
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/remedy"
)

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

// Gap is a source that was not read, or only in part.
type Gap struct {
	// Kind that the source provides; empty for sources without kinds, such as log lines.
	Kind Kind
	// Kinds in addition to Kind, where gaps with the same reason were joined.
	Kinds []Kind
	// Source as users know it, for example "pods", "pods in namespace shop" or "pods/log".
	Source string
	Reason v1alpha1.GapReason
	// Message says what was not read and why.
	Message string
	// Remediation is how to fix it.
	Remediation remedy.Text
	// Checks are the ids of affected checks; derived from the kinds when empty.
	Checks []string
	// Optional gaps leave a report complete; see the API type.
	Optional bool
}

// AllKinds are the kinds that the source provides.
func (g Gap) AllKinds() []Kind {
	if g.Kind == "" {
		return g.Kinds
	}
	return append([]Kind{g.Kind}, g.Kinds...)
}
