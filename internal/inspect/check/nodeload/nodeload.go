// Package nodeload adds up what the Pods of each node request.
package nodeload

import (
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// Load is what the Pods of a node request.
type Load struct {
	// Node that the Pods are on.
	Node *facts.NodeNode
	// CPU in millicores and Memory in bytes, as requested; Limits is the sum of memory limits.
	CPU, Memory, Limits int64
	// Pods is the number of Pods.
	Pods int64
	// Guests are Pods outside of system namespaces; Silent of them request nothing.
	Guests, Silent int
}

// Loads returns the loads of the schedulable nodes, in the order of the nodes; none unless all Pods were read.
func Loads(g *facts.Graph) []Load {
	if !g.Complete(facts.Pod, "") || !g.Complete(facts.Node, "") {
		return nil
	}
	var all []Load
	for _, n := range g.Nodes {
		if !n.Deleting.IsZero() || n.ClosedReason() != "" || n.AllocatableCPU <= 0 || n.AllocatableMemory <= 0 {
			continue
		}
		l := Load{Node: n}
		for _, pod := range g.PodsOn(n.Name) {
			l.add(pod)
		}
		all = append(all, l)
	}
	return all
}

func (l *Load) add(pod *facts.PodNode) {
	if pod.Spec == nil || pod.Phase == "Succeeded" || pod.Phase == "Failed" {
		return
	}
	l.CPU += pod.Spec.CPURequest
	l.Memory += pod.Spec.MemoryRequest
	l.Pods++
	for i := range pod.Containers {
		l.Limits += pod.Containers[i].MemoryLimit
	}
	if !check.IsSystemNamespace(pod.Namespace) {
		l.Guests++
		if pod.Spec.CPURequest == 0 && pod.Spec.MemoryRequest == 0 {
			l.Silent++
		}
	}
}

// Percent of a whole, rounded down; quantities from user input may be huge.
func Percent(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return int64(float64(part) / float64(whole) * 100)
}

// CPUShare is the share of the allocatable CPU that is requested, in percent.
func (l *Load) CPUShare() int64 { return Percent(l.CPU, l.Node.AllocatableCPU) }

// MemoryShare is the share of the allocatable memory that is requested, in percent.
func (l *Load) MemoryShare() int64 { return Percent(l.Memory, l.Node.AllocatableMemory) }

// Evidence compares the requests with the node's allocatable resources.
func (l *Load) Evidence() []check.Evidence {
	return []check.Evidence{
		check.FromCondition("requested: %s of %s CPU, %s of %s of memory", phrase.Cores(l.CPU), phrase.Cores(l.Node.AllocatableCPU),
			phrase.Bytes(l.Memory), phrase.Bytes(l.Node.AllocatableMemory)),
	}
}
