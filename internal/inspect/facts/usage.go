package facts

import (
	"cmp"
	"slices"
	"time"
)

// Usage is the CPU and memory usage from a metrics backend: a few numbers per container of a workload, for all its Pods.
type Usage struct {
	// Window of the numbers, which ends at the time of the graph.
	Window time.Duration
	// Containers by workload and container.
	Containers []ContainerUsage
	// Nodes by name.
	Nodes []NodeUsage
}

// Untold is an unknown number.
const Untold float32 = -1

// ContainerUsage is the usage of one container of a workload, over all its Pods.
type ContainerUsage struct {
	// Workload is the topmost owner of the Pods.
	Workload  Ref
	Container string
	// CPU is the 95th percentile of the busiest Pod in cores, CPUPeak its maximum, both of averages over some minutes. Pods that
	// lived much shorter than others are left out, since they mostly show their start.
	CPU, CPUPeak float32
	// Memory is the highest working set of any Pod in bytes, MemoryNow that of existing Pods. Resident is the highest memory of
	// existing Pods in the last day, without page cache.
	Memory, MemoryNow, Resident float32
	// Throttled is the share of CFS periods, 0 to 1, in which the most throttled existing Pod was throttled.
	Throttled float32
	// History is how long the container was observed, Pods the number of its Pods.
	History time.Duration
	Pods    int32
	// Stopped is the time from the last sample of any Pod to the end of the window, if running Pods have no current samples;
	// otherwise 0.
	Stopped time.Duration
}

// NodeUsage is the usage of a node, by Pods and everything else.
type NodeUsage struct {
	Node string
	// CPU is the 95th percentile in cores, Memory the 95th percentile of the working set in bytes.
	CPU, Memory float32
}

func (c *ContainerUsage) compare(workload Ref, container string) int {
	return cmp.Or(c.Workload.Compare(workload), cmp.Compare(c.Container, container))
}

// SetUsage adds it to the graph, sorted. Call it before checks run.
func (g *Graph) SetUsage(u *Usage) {
	slices.SortFunc(u.Containers, func(a, b ContainerUsage) int { return a.compare(b.Workload, b.Container) })
	slices.SortFunc(u.Nodes, func(a, b NodeUsage) int { return cmp.Compare(a.Node, b.Node) })
	g.usage = u
}

// Usage returns the usage of containers and nodes; nil where it was not read.
func (g *Graph) Usage() *Usage { return g.usage }

// UsageOf returns the usage of one container of a workload.
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

// UsageOfNode returns the usage of a node.
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
