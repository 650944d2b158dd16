package facts

import (
	"cmp"
	"slices"
	"time"
)

// Usage is what a metrics back end told of the use of CPU and memory: a few numbers for each container of a workload, however
// many Pods it has or had.
type Usage struct {
	// Window that the numbers are of, up to the time of the graph.
	Window time.Duration
	// Containers by workload and container.
	Containers []ContainerUsage
	// Nodes by name.
	Nodes []NodeUsage
}

// Untold is a number that the back end did not tell.
const Untold float32 = -1

// ContainerUsage is what one container of a workload used, over all its Pods.
type ContainerUsage struct {
	// Workload is the topmost owner of the Pods.
	Workload  Ref
	Container string
	// CPU is the 95th percentile of the use of the busiest Pod, in cores, and CPUPeak its maximum: of averages over some minutes.
	// Pods that lived for a small part of the time of others are left out, since they show little but their start.
	CPU, CPUPeak float32
	// Memory is the highest working set of any Pod in bytes, and MemoryNow that of the Pods that exist. Resident is the highest
	// memory of the last day that is no cache of files, of the Pods that exist.
	Memory, MemoryNow, Resident float32
	// Throttled is the share of the scheduler's periods, 0 to 1, in which the CPU limit held up the most throttled of the Pods that
	// exist.
	Throttled float32
	// History is how long the container was seen, and Pods in how many Pods.
	History time.Duration
	Pods    int32
}

// NodeUsage is what all on a node used, Pods or not.
type NodeUsage struct {
	Node string
	// CPU is the 95th percentile in cores, Memory the 95th percentile of the working set in bytes.
	CPU, Memory float32
}

func (c *ContainerUsage) compare(workload Ref, container string) int {
	return cmp.Or(c.Workload.Compare(workload), cmp.Compare(c.Container, container))
}

// SetUsage puts it into the graph, before any check runs. Its lists are sorted.
func (g *Graph) SetUsage(u *Usage) {
	slices.SortFunc(u.Containers, func(a, b ContainerUsage) int { return a.compare(b.Workload, b.Container) })
	slices.SortFunc(u.Nodes, func(a, b NodeUsage) int { return cmp.Compare(a.Node, b.Node) })
	g.usage = u
}

// Usage of containers and nodes; nil where none was read.
func (g *Graph) Usage() *Usage { return g.usage }

// UsageOf finds the use of one container of a workload.
func (g *Graph) UsageOf(workload Ref, container string) (ContainerUsage, bool) {
	if g.usage == nil {
		return ContainerUsage{}, false
	}
	i, ok := slices.BinarySearchFunc(g.usage.Containers, 0, func(c ContainerUsage, _ int) int { return c.compare(workload, container) })
	if !ok {
		return ContainerUsage{}, false
	}
	return g.usage.Containers[i], true
}

// UsageOfNode finds the use of a node.
func (g *Graph) UsageOfNode(name string) (NodeUsage, bool) {
	if g.usage == nil {
		return NodeUsage{}, false
	}
	i, ok := slices.BinarySearchFunc(g.usage.Nodes, name, func(n NodeUsage, name string) int { return cmp.Compare(n.Node, name) })
	if !ok {
		return NodeUsage{}, false
	}
	return g.usage.Nodes[i], true
}
