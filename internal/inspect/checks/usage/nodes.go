package usage

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/nodeload"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// Thresholds in percent of the allocatable resources of a node.
const (
	requestedHigh, usedLow   = 70, 30
	usedHigh, beyondRequests = 90, 20
)

func nodeUsageChecks() []check.Check {
	needs := []facts.Kind{facts.Node, facts.Pod}
	sources := []facts.Source{facts.SourceNodeUsage}
	return []check.Check{
		{
			ID: "node-requested-not-used", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityInfo,
			Summary: "A node is fully requested but mostly idle.",
			Meaning: fmt.Sprintf(
				"The Pods of the node request %d %% or more of its CPU or memory, and the node used %d %% or less of it (95th "+
					"percentile of the last day). The cluster pays for more nodes than it uses. cpu-request-too-high and "+
					"memory-request-too-high report the workloads whose requests are too high.",
				requestedHigh,
				usedLow,
			),
			Remediation: "Lower the requests of its Pods to their usage, so that the cluster needs fewer nodes. `kubectl describe node " +
				"<name>` lists them under Allocated resources.",
			Link: rightSizing, Needs: needs, Sources: sources, Run: nodeNotUsed,
		},
		{
			ID: "node-used-beyond-requests", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityMedium,
			Summary: "A node is nearly exhausted although its requests are low.",
			Meaning: fmt.Sprintf(
				"The node used %d %% or more of its CPU or memory (95th percentile of the last day), and its Pods request at least %d "+
					"percentage points less. The scheduler only considers requests and places more Pods there: they slow down without "+
					"CPU and are evicted without memory.",
				usedHigh,
				beyondRequests,
			),
			Remediation: "Raise the requests of the Pods that use more than they request (reported by cpu-request-too-low, " +
				"memory-request-too-low and usage-without-request), or add nodes. `kubectl top pod -A --sort-by=cpu` shows the " +
				"current usage.",
			Link: "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/", Needs: needs, Sources: sources,
			Run: nodeUsedBeyond,
		},
	}
}

// nodeUse is a node with its requests and usage in percent; usage is negative if unknown.
type nodeUse struct {
	nodeload.Load
	used                      facts.NodeUsage
	usedCPU, usedMemory       int64
	requestCPU, requestMemory int64
}

func nodeUses(g *facts.Graph) []nodeUse {
	var all []nodeUse
	for _, l := range nodeload.Loads(g) {
		used, ok := g.UsageOfNode(l.Node.Name)
		if !ok {
			continue
		}
		n := nodeUse{Load: l, used: used, usedCPU: -1, usedMemory: -1, requestCPU: l.CPUShare(), requestMemory: l.MemoryShare()}
		if used.CPU >= 0 {
			n.usedCPU = nodeload.Percent(milli(used.CPU), l.Node.AllocatableCPU)
		}
		if used.Memory >= 0 {
			n.usedMemory = nodeload.Percent(int64(used.Memory), l.Node.AllocatableMemory)
		}
		all = append(all, n)
	}
	return all
}

func (n *nodeUse) useEvidence() []check.Evidence {
	var parts []string
	if n.used.CPU >= 0 {
		parts = append(parts, phrase.Cores(milli(n.used.CPU))+" CPU")
	}
	if n.used.Memory >= 0 {
		parts = append(parts, phrase.Bytes(int64(n.used.Memory))+" of memory")
	}
	return append(
		n.Evidence(),
		check.FromMetric("used: %s (container_cpu_usage_seconds_total and container_memory_working_set_bytes of id=\"/\")",
			strings.Join(parts, " and ")),
	)
}

func nodeNotUsed(g *facts.Graph, _ check.Params) []check.Finding {
	return judgeNodes(g, func(requested, used int64) bool { return used >= 0 && requested >= requestedHigh && used <= usedLow },
		func(name, what string) string {
			return fmt.Sprintf("Most of the %s of node %s is requested, but little of it is used.", what, name)
		})
}

func nodeUsedBeyond(g *facts.Graph, _ check.Params) []check.Finding {
	return judgeNodes(g, func(requested, used int64) bool { return used >= usedHigh && used-requested >= beyondRequests },
		func(name, what string) string {
			return fmt.Sprintf(
				"Nearly all of the %s of node %s is used, although far less is requested: the scheduler underestimates its load.",
				what,
				name,
			)
		})
}

func judgeNodes(g *facts.Graph, judge func(requested, used int64) bool, message func(name, what string) string) []check.Finding {
	var findings []check.Finding
	for _, n := range nodeUses(g) {
		var what []string
		if judge(n.requestCPU, n.usedCPU) {
			what = append(what, "CPU")
		}
		if judge(n.requestMemory, n.usedMemory) {
			what = append(what, "memory")
		}
		if len(what) > 0 {
			findings = append(
				findings,
				check.Finding{
					Object:   n.Node.Ref,
					Message:  message(n.Node.Name, strings.Join(what, " and the ")),
					Evidence: n.useEvidence(),
				},
			)
		}
	}
	return findings
}
