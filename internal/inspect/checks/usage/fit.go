package usage

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// podRequests are the requests of one Pod: millicores and bytes.
type podRequests struct{ cpu, memory int64 }

// requestsOf returns the present requests of each Pod of a workload.
func requestsOf(sized *sizedContainer) podRequests {
	return podRequests{sized.Spec.CPURequest, sized.Spec.MemoryRequest}
}

// with returns the requests after advice for a container was followed.
func (r podRequests) with(sized *sizedContainer, a advice) podRequests {
	if a.cpu > 0 {
		r.cpu += a.cpu - sized.cpuRequest
	}
	if a.memory > 0 {
		r.memory += a.memory - sized.memoryRequest
	}
	return r
}

// String formats requests: 6 CPU and 1Gi of memory.
func (r podRequests) String() string {
	return phrase.Requests(&facts.PodSpec{CPURequest: r.cpu, MemoryRequest: r.memory})
}

// nodes are the allocatable resources of all nodes, whatever their taints. They are empty if not all nodes were read: a Pod may fit
// one of the others.
type nodes []*facts.NodeNode

func largestNodes(g *facts.Graph) nodes {
	if !g.Complete(facts.Node, "") {
		return nil
	}
	for _, n := range g.Nodes {
		if n.AllocatableCPU <= 0 || n.AllocatableMemory <= 0 { // a node that has just joined
			return nil
		}
	}
	return g.Nodes
}

// fits reports whether an empty node could run a Pod with these requests.
func (all nodes) fits(r podRequests) bool {
	for _, n := range all {
		if n.AllocatableCPU >= r.cpu && n.AllocatableMemory >= r.memory {
			return true
		}
	}
	return len(all) == 0
}

// largest names the nodes with the most CPU and the most memory.
func (all nodes) largest() string {
	cpu := all[0]
	memory := all[0]
	for _, n := range all[1:] {
		if n.AllocatableCPU > cpu.AllocatableCPU {
			cpu = n
		}
		if n.AllocatableMemory > memory.AllocatableMemory {
			memory = n
		}
	}
	each := []string{fmt.Sprintf("%s CPU on node %s", phrase.Cores(cpu.AllocatableCPU), cpu.Name)}
	each = append(each, fmt.Sprintf("%s of memory on node %s", phrase.Bytes(memory.AllocatableMemory), memory.Name))
	return strings.Join(each, ", ")
}

// warn adds to a finding that Pods with the present or the recommended requests fit no node.
func (all nodes) warn(f *check.Finding, present, recommended podRequests) {
	if !all.fits(present) {
		f.Evidence = append(f.Evidence, check.FromSpec("present requests of a Pod, %s, fit no node: the most allocatable is %s", present,
			all.largest()))
		f.Severity = v1alpha1.SeverityMedium
	}
	if all.fits(recommended) {
		return
	}
	if recommended != present {
		f.Evidence = append(f.Evidence, check.FromSpec("recommended requests of a Pod, %s, fit no node: the most allocatable is %s",
			recommended, all.largest()))
	}
	f.Remediation = remedy.Sprintf("Add a node that can allocate %s first, or spread the load over more Pods: Pods that fit no node stay "+
		"Pending. Then: %s", recommended.String(), f.Remediation)
}
