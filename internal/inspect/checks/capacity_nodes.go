package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// capacityChecks are about room and cost: what nodes, quotas, volumes and load balancers have and take.
func capacityChecks() []Check {
	return slices.Concat(nodeRoomChecks(), clusterRoomChecks(), quotaChecks(), quotaRoomChecks())
}

// The shares above are percentages of what a node can give.
const (
	nearlyFull     = 90
	overcommitted  = 150
	farAboveOthers = 40
	crowded        = 80
)

func nodeRoomChecks() []Check {
	needs := []facts.Kind{facts.Node, facts.Pod}
	return []Check{
		{
			ID: "node-requests-nearly-full", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityInfo,
			Summary: "Nearly all that a node can give is requested.",
			Meaning: fmt.Sprintf("The Pods of the node request more than %d %% of its CPU or memory, or it has more than %d %% of the Pods that it takes. A full node is well used, and no harm by itself; it "+
				"takes few Pods more. It is low when it is the number of Pods that runs out, since that wastes the rest of the node. Nodes that take no Pods at present are left out.", nearlyFull, nearlyFull),
			Remediation: "Nothing, as long as other nodes have room. Else add nodes, or lower requests that are never used (`kubectl top pods -A`). The number of Pods is maxPods of the kubelet.",
			Link:        "https://kubernetes.io/docs/tasks/administer-cluster/reserve-compute-resources/#node-allocatable",
			Needs:       needs, Run: nodeNearlyFull,
		},
		{
			ID: "node-overcommitted-memory", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityInfo,
			Summary: "The Pods of a node may use far more memory than it has.",
			Meaning: fmt.Sprintf("The memory limits of the containers on the node come to more than %d %% of what it can give. When many of them use what they may at the same time, the node runs short and evicts Pods.", overcommitted),
			Remediation: "Bring memory limits closer to requests; those with the largest gap are found by memory-limit-far-above-request. " +
				"`kubectl describe node <name>` shows limits under Allocated resources.",
			Link:  "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
			Needs: needs, Run: nodeOvercommitted,
		},
		{
			ID: "node-imbalance", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityInfo,
			Summary: "A node is far fuller than others of its kind.",
			Meaning: fmt.Sprintf("Of four or more nodes of the same pool and size that take Pods, this one has more than %d %% of its CPU or memory requested, and at least %d points more than they have on average. The scheduler does "+
				"not move Pods that run, so that nodes which came later stay empty.", crowded, farAboveOthers),
			Remediation: "Restart the rollouts of its largest workloads (`kubectl rollout restart deployment <name>`), give them topology spread constraints, or run the descheduler.",
			Link:        "https://kubernetes.io/docs/concepts/scheduling-eviction/",
			Needs:       needs, Run: nodeImbalance,
		},
		{
			ID: "node-pods-without-requests", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityInfo,
			Summary: "Many Pods of a node request nothing.",
			Meaning: "Of the Pods on the node, those of kube- namespaces left out, more than 30 %, and five or more, request neither CPU nor memory: the scheduler takes the node for emptier than it is, and all who share it pay. " +
				"qos-best-effort names the workloads.",
			Remediation: "Give the workloads requests, or give the namespaces a LimitRange with defaults.",
			Link:        "https://kubernetes.io/docs/concepts/policy/limit-range/",
			Needs:       needs, Run: nodeWithoutRequests,
		},
	}
}

// load is what the Pods of a node ask for.
type load struct {
	node *facts.NodeNode
	// cpu in millicores and memory in bytes, as requested; limits is the sum of memory limits.
	cpu, memory, limits int64
	pods                int64
	// guests are Pods outside of kube- namespaces; silent of them request nothing.
	guests, silent int
}

// loads are those of the nodes that take Pods, in the order of the nodes; none where not all Pods were read.
func loads(g *facts.Graph) []load {
	if !g.Complete(facts.Pod, "") || !g.Complete(facts.Node, "") {
		return nil
	}
	var all []load
	for _, n := range g.Nodes {
		if !n.Deleting.IsZero() || closed(n) != "" || n.AllocatableCPU <= 0 || n.AllocatableMemory <= 0 {
			continue
		}
		l := load{node: n}
		for _, pod := range g.PodsOn(n.Name) {
			l.add(pod)
		}
		all = append(all, l)
	}
	return all
}

func (l *load) add(pod *facts.PodNode) {
	if pod.Spec == nil || pod.Phase == "Succeeded" || pod.Phase == "Failed" {
		return
	}
	l.cpu, l.memory, l.pods = l.cpu+pod.Spec.CPURequest, l.memory+pod.Spec.MemoryRequest, l.pods+1
	for i := range pod.Containers {
		l.limits += pod.Containers[i].MemoryLimit
	}
	if !shipped(pod.Namespace) {
		l.guests++
		if pod.Spec.CPURequest == 0 && pod.Spec.MemoryRequest == 0 {
			l.silent++
		}
	}
}

// percent of a whole, rounded down; quantities of foreign input may be huge.
func percent(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return int64(float64(part) / float64(whole) * 100)
}

func (l *load) cpuShare() int64    { return percent(l.cpu, l.node.AllocatableCPU) }
func (l *load) memoryShare() int64 { return percent(l.memory, l.node.AllocatableMemory) }

func (l *load) evidence() []Evidence {
	return []Evidence{
		condition("requested: %s of %s CPU, %s of %s of memory", cores(l.cpu), cores(l.node.AllocatableCPU), mebibytes(l.memory), mebibytes(l.node.AllocatableMemory)),
	}
}

func nodeNearlyFull(g *facts.Graph, _ Params) []Finding {
	all := loads(g)
	var findings []Finding
	for i := range all {
		l := &all[i]
		var what []string
		if l.cpuShare() > nearlyFull {
			what = append(what, "CPU")
		}
		if l.memoryShare() > nearlyFull {
			what = append(what, "memory")
		}
		pods := percent(l.pods, l.node.AllocatablePods) > nearlyFull
		if len(what) == 0 && !pods {
			continue
		}
		finding := Finding{
			Object:   l.node.Ref,
			Message:  fmt.Sprintf("More than %d %% of the %s of node %s is requested.", nearlyFull, strings.Join(what, " and the "), l.node.Name),
			Evidence: append(l.evidence(), condition("Pods: %d of %d", l.pods, l.node.AllocatablePods)),
		}
		if pods && len(what) == 0 {
			finding.Severity = v1alpha1.SeverityLow
			finding.Message = fmt.Sprintf("Node %s has nearly as many Pods as it takes, although it has CPU and memory left.", l.node.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}

func nodeOvercommitted(g *facts.Graph, _ Params) []Finding {
	all := loads(g)
	var findings []Finding
	for i := range all {
		if l := &all[i]; percent(l.limits, l.node.AllocatableMemory) > overcommitted {
			findings = append(findings, Finding{
				Object:   l.node.Ref,
				Message:  fmt.Sprintf("The Pods of node %s may use more than %d %% of its memory.", l.node.Name, overcommitted),
				Evidence: []Evidence{condition("memory limits: %s; the node has %s", mebibytes(l.limits), mebibytes(l.node.AllocatableMemory))},
			})
		}
	}
	return findings
}

// pool is what the nodes of one pool have in common.
func pool(n *facts.NodeNode) string {
	parts := []string{fmt.Sprint(n.AllocatableCPU/1000, n.AllocatableMemory>>30)}
	for _, label := range []string{
		"cloud.google.com/gke-nodepool", "eks.amazonaws.com/nodegroup", "kubernetes.azure.com/agentpool", "karpenter.sh/nodepool", "node.kubernetes.io/instance-type",
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

func nodeImbalance(g *facts.Graph, _ Params) []Finding {
	const enough = 4
	all := loads(g)
	pools := map[string][]int64{} // the larger share of each node
	share := func(l *load) int64 { return max(l.cpuShare(), l.memoryShare()) }
	for i := range all {
		pools[pool(all[i].node)] = append(pools[pool(all[i].node)], share(&all[i]))
	}
	var findings []Finding
	for i := range all {
		l := &all[i]
		shares := pools[pool(l.node)]
		if len(shares) < enough || share(l) <= crowded {
			continue
		}
		var sum int64
		for _, s := range shares {
			sum += s
		}
		others := (sum - share(l)) / int64(len(shares)-1)
		if share(l)-others < farAboveOthers {
			continue
		}
		findings = append(findings, Finding{
			Object:   l.node.Ref,
			Message:  fmt.Sprintf("Node %s is far fuller than the other nodes of its kind.", l.node.Name),
			Evidence: append(l.evidence(), condition("the %d others have %d %% requested on average", len(shares)-1, others)),
		})
	}
	return findings
}

func nodeWithoutRequests(g *facts.Graph, _ Params) []Finding {
	const some, share = 5, 30
	all := loads(g)
	var findings []Finding
	for i := range all {
		l := &all[i]
		if l.silent < some || percent(int64(l.silent), int64(l.guests)) <= share {
			continue
		}
		findings = append(findings, Finding{
			Object:   l.node.Ref,
			Message:  fmt.Sprintf("Many Pods of node %s request nothing, so that it is fuller than the scheduler knows.", l.node.Name),
			Evidence: []Evidence{condition("%d of %d Pods request neither CPU nor memory", l.silent, l.guests)},
		})
	}
	return findings
}

// byDemand orders what Pods ask for from the largest to the smallest: by memory, then by CPU.
func byDemand(a, b *facts.PodSpec) int {
	return cmp.Or(cmp.Compare(b.MemoryRequest, a.MemoryRequest), cmp.Compare(b.CPURequest, a.CPURequest))
}
