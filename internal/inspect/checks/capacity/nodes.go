package capacity

import (
	"cmp"
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
	nearlyFull     = 90
	overcommitted  = 150
	farAboveOthers = 40
	crowded        = 80
)

func nodeRoomChecks() []check.Check {
	needs := []facts.Kind{facts.Node, facts.Pod}
	return []check.Check{
		{
			ID: "node-requests-nearly-full", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityInfo,
			Summary: "Nearly all allocatable resources of a node are requested.",
			Meaning: fmt.Sprintf(
				"The Pods of the node request more than %d %% of its allocatable CPU or memory, or it runs more than %d %% of its "+
					"maximum number of Pods. A full node is well utilized and not a problem in itself, but it accepts few more Pods. "+
					"The severity is low if the number of Pods is the limit, since the rest of the node is wasted. Nodes that accept "+
					"no Pods at present are not reported.",
				nearlyFull,
				nearlyFull,
			),
			Remediation: "No action is needed while other nodes have capacity. Otherwise add nodes, or lower unused requests (`kubectl " +
				"top pods -A`). The maximum number of Pods is maxPods in the kubelet configuration.",
			Link:  "https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/#node-allocatable",
			Needs: needs, Run: nodeNearlyFull,
		},
		{
			ID: "node-overcommitted-memory", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityInfo,
			Summary: "The memory limits of the Pods on a node far exceed its memory.",
			Meaning: fmt.Sprintf(
				"The memory limits of the containers on the node add up to more than %d %% of its allocatable memory. When many "+
					"containers use memory up to their limits at the same time, the node runs out of memory and evicts Pods.",
				overcommitted,
			),
			Remediation: "Set memory limits closer to requests; memory-limit-far-above-request reports the largest gaps. `kubectl " +
				"describe node <name>` shows the limits under Allocated resources.",
			Link:  "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
			Needs: needs, Run: nodeOvercommitted,
		},
		{
			ID: "node-imbalance", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityInfo,
			Summary: "A node is far more allocated than similar nodes.",
			Meaning: fmt.Sprintf(
				"Among four or more schedulable nodes of the same pool and size, this one has more than %d %% of its CPU or memory "+
					"requested, and at least %d percentage points more than the average of the others. The scheduler does not move "+
					"running Pods, so nodes added later stay empty.",
				crowded,
				farAboveOthers,
			),
			Remediation: "Restart its largest workloads (`kubectl rollout restart deployment <name>`), add topology spread constraints " +
				"to them, or run the descheduler.",
			Link:  "https://kubernetes.io/docs/concepts/scheduling-eviction/",
			Needs: needs, Run: nodeImbalance,
		},
		{
			ID: "node-pods-without-requests", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityInfo,
			Summary: "Many Pods of a node have no requests.",
			Meaning: "More than 30 %, and at least five, of the Pods on the node request neither CPU nor memory; namespaces whose " +
				"names begin with kube- are not counted. The scheduler underestimates the load of the node, which affects all its " +
				"Pods. qos-best-effort reports the workloads.",
			Remediation: "Set requests on the workloads, or create a LimitRange with defaults in their namespaces.",
			Link:        "https://kubernetes.io/docs/concepts/policy/limit-range/",
			Needs:       needs, Run: nodeWithoutRequests,
		},
	}
}

func nodeNearlyFull(g *facts.Graph, _ check.Params) []check.Finding {
	all := nodeload.Loads(g)
	var findings []check.Finding
	for i := range all {
		load := &all[i]
		var what []string
		if load.CPUShare() > nearlyFull {
			what = append(what, "CPU")
		}
		if load.MemoryShare() > nearlyFull {
			what = append(what, "memory")
		}
		pods := nodeload.Percent(load.Pods, load.Node.AllocatablePods) > nearlyFull
		if len(what) == 0 && !pods {
			continue
		}
		finding := check.Finding{
			Object: load.Node.Ref,
			Message: fmt.Sprintf("More than %d %% of the %s of node %s is requested.", nearlyFull, strings.Join(what, " and the "),
				load.Node.Name),
			Evidence: append(load.Evidence(), check.FromCondition("Pods: %d of %d", load.Pods, load.Node.AllocatablePods)),
		}
		if pods && len(what) == 0 {
			finding.Severity = v1alpha1.SeverityLow
			finding.Message = fmt.Sprintf("Node %s runs nearly its maximum number of Pods, although it has CPU and memory left.",
				load.Node.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}

func nodeOvercommitted(g *facts.Graph, _ check.Params) []check.Finding {
	all := nodeload.Loads(g)
	var findings []check.Finding
	for i := range all {
		if load := &all[i]; nodeload.Percent(load.Limits, load.Node.AllocatableMemory) > overcommitted {
			findings = append(findings, check.Finding{
				Object:  load.Node.Ref,
				Message: fmt.Sprintf("The memory limits on node %s exceed %d %% of its memory.", load.Node.Name, overcommitted),
				Evidence: []check.Evidence{
					check.FromCondition("memory limits: %s; the node has %s", phrase.Bytes(load.Limits),
						phrase.Bytes(load.Node.AllocatableMemory)),
				},
			})
		}
	}
	return findings
}

// pool is a key that the nodes of one pool share.
func pool(n *facts.NodeNode) string {
	parts := []string{fmt.Sprint(n.AllocatableCPU/1000, n.AllocatableMemory>>30)}
	for _, label := range []string{
		"cloud.google.com/gke-nodepool", "eks.amazonaws.com/nodegroup", "kubernetes.azure.com/agentpool", "karpenter.sh/nodepool",
		"node.kubernetes.io/instance-type",
	} {
		parts = append(parts, n.NodeLabels[label])
	}
	for _, t := range n.Taints {
		if t.Effect != "PreferNoSchedule" {
			parts = append(parts, t.Key+"="+t.Value)
		}
	}
	return strings.Join(parts, "|")
}

func nodeImbalance(g *facts.Graph, _ check.Params) []check.Finding {
	const enough = 4
	all := nodeload.Loads(g)
	pools := map[string][]int64{} // the larger share of each node
	share := func(load *nodeload.Load) int64 { return max(load.CPUShare(), load.MemoryShare()) }
	for i := range all {
		pools[pool(all[i].Node)] = append(pools[pool(all[i].Node)], share(&all[i]))
	}
	var findings []check.Finding
	for i := range all {
		load := &all[i]
		shares := pools[pool(load.Node)]
		if len(shares) < enough || share(load) <= crowded {
			continue
		}
		var sum int64
		for _, s := range shares {
			sum += s
		}
		others := (sum - share(load)) / int64(len(shares)-1)
		if share(load)-others < farAboveOthers {
			continue
		}
		findings = append(findings, check.Finding{
			Object:  load.Node.Ref,
			Message: fmt.Sprintf("Node %s has far more requested than similar nodes.", load.Node.Name),
			Evidence: append(load.Evidence(),
				check.FromCondition("the %d others have %d %% requested on average", len(shares)-1, others)),
		})
	}
	return findings
}

func nodeWithoutRequests(g *facts.Graph, _ check.Params) []check.Finding {
	const some, share = 5, 30
	all := nodeload.Loads(g)
	var findings []check.Finding
	for i := range all {
		load := &all[i]
		if load.Silent < some || nodeload.Percent(int64(load.Silent), int64(load.Guests)) <= share {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   load.Node.Ref,
			Message:  fmt.Sprintf("Many Pods of node %s have no requests: the scheduler underestimates its load.", load.Node.Name),
			Evidence: []check.Evidence{check.FromCondition("%d of %d Pods request neither CPU nor memory", load.Silent, load.Guests)},
		})
	}
	return findings
}

// byDemand orders Pods by their requests, largest first: by memory, then by CPU.
func byDemand(a, b *facts.PodSpec) int {
	return cmp.Or(cmp.Compare(b.MemoryRequest, a.MemoryRequest), cmp.Compare(b.CPURequest, a.CPURequest))
}
