package check

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// WithPodCount adds the number of Pods on the node to the evidence.
func WithPodCount(g *facts.Graph, finding Finding) Finding {
	if n := len(RunningOn(g, finding.Object.Name)); n > 0 {
		finding.Evidence = append(finding.Evidence, FromCondition("Pods on the node: %d", n))
	}
	return finding
}

// RunningOn are the Pods of a node that have not finished.
func RunningOn(g *facts.Graph, node string) []*facts.PodNode {
	return slices.DeleteFunc(slices.Clone(g.PodsOn(node)), func(p *facts.PodNode) bool {
		return p.Phase == "Succeeded" || p.Phase == "Failed"
	})
}
