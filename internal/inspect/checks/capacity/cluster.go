package capacity

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/nodeload"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

func clusterRoomChecks() []check.Check {
	needs := []facts.Kind{facts.Node, facts.Pod}
	return []check.Check{
		{
			ID: "cluster-no-headroom", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityMedium,
			Summary: "The largest Pod of the cluster does not fit on another node.",
			Meaning: "The running Pod with the largest memory request fits on no other schedulable node at their current " +
				"allocation: when its node fails or is drained, it stays pending. The finding is reported on the workload of that Pod. " +
				"Pods of DaemonSets, Pods with a node affinity or with volumes, and clusters with fewer than two schedulable nodes are " +
				"not checked; node selectors and tolerations are considered. With node autoscaling (Cluster Autoscaler, Karpenter) " +
				"this can be ignored.",
			Remediation: "Add a node, lower unused requests (`kubectl top pods -A`), or set a PriorityClass that allows the workload " +
				"to preempt others.",
			Link:  "https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/",
			Needs: needs, Uses: append(facts.WorkloadKinds(), facts.Job), Run: noHeadroom,
		},
		{
			ID: "cluster-survives-no-node-loss", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "Without its largest node the cluster has too little capacity for its Pods.",
			Meaning: "The CPU or memory requests of all Pods on nodes without taints exceed the capacity of these nodes without " +
				"the largest of them (the DaemonSet Pods on that node are not counted). When that node fails or is drained, some Pods " +
				"stay pending. The finding is reported on that node. Clusters with one such node, and Pods on tainted nodes, are not " +
				"checked. With node autoscaling this can be ignored.",
			Remediation: "Add a node, or lower unused requests: compare `kubectl top pods -A` with Allocated resources in `kubectl " +
				"describe nodes`.",
			Link:  "https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/",
			Needs: needs, Uses: facts.WorkloadKinds(), Run: noNodeToLose,
		},
	}
}

func noHeadroom(g *facts.Graph, _ check.Params) []check.Finding {
	all := nodeload.Loads(g)
	if len(all) < 2 {
		return nil
	}
	var largest []*facts.PodNode
	for _, pod := range g.Pods {
		if movable(g, pod) {
			switch {
			case len(largest) == 0, byDemand(pod.Spec, largest[0].Spec) < 0:
				largest = []*facts.PodNode{pod}
			case byDemand(pod.Spec, largest[0].Spec) == 0 && g.TopOwner(pod.Ref) == g.TopOwner(largest[0].Ref):
				largest = append(largest, pod)
			}
		}
	}
	const some = 50 // a sample is sufficient for a workload with hundreds of Pods
	if len(largest) == 0 ||
		slices.ContainsFunc(largest[:min(len(largest), some)], func(p *facts.PodNode) bool { return fitsElsewhere(all, p) }) {
		return nil
	}
	owner := g.TopOwner(largest[0].Ref)
	roomiest := slices.MaxFunc(all, func(a, b nodeload.Load) int {
		return int(min(max((a.Node.AllocatableMemory-a.Memory)-(b.Node.AllocatableMemory-b.Memory), -1), 1))
	})
	return []check.Finding{{
		Object: owner,
		Message: fmt.Sprintf("%s %s has the largest Pods of the cluster, and no other node has the capacity to run one of them.",
			owner.Kind.Name(), owner.Name),
		Evidence: []check.Evidence{
			check.FromSpec("each Pod requests %s", phrase.Requests(largest[0].Spec)),
			check.FromCondition("the node with the most free memory, %s, has %s of memory and %s CPU that are not requested",
				roomiest.Node.Name, phrase.Bytes(max(roomiest.Node.AllocatableMemory-roomiest.Memory, 0)),
				phrase.Cores(max(roomiest.Node.AllocatableCPU-roomiest.CPU, 0))),
		},
	}}
}

// movable reports whether the spec of a running Pod allows another node.
func movable(g *facts.Graph, pod *facts.PodNode) bool {
	if pod.Phase != "Running" || pod.NodeName == "" || pod.Spec == nil || pod.Spec.Lean == nil || !pod.Deleting.IsZero() ||
		pod.Spec.MemoryRequest == 0 ||
		pod.Owner.Kind == facts.DaemonSet ||
		pod.Owner.Kind == facts.Node ||
		g.TopOwner(pod.Ref).Kind == facts.Job {
		return false
	}
	a := pod.Spec.Lean.Affinity
	return (a == nil || a.NodeAffinity == nil) &&
		!slices.ContainsFunc(pod.Spec.Refs, func(r facts.SpecRef) bool { return r.Kind == facts.PVC })
}

func fitsElsewhere(all []nodeload.Load, pod *facts.PodNode) bool {
	return slices.ContainsFunc(all, func(l nodeload.Load) bool {
		return l.Node.Name != pod.NodeName && l.Node.HasLabels(pod.Spec.Lean.NodeSelector) &&
			tolerated(l.Node, pod.Spec.Lean.Tolerations) &&
			l.Node.AllocatableCPU-l.CPU >= pod.Spec.CPURequest &&
			l.Node.AllocatableMemory-l.Memory >= pod.Spec.MemoryRequest &&
			(l.Node.AllocatablePods == 0 || l.Pods < l.Node.AllocatablePods)
	})
}

// tolerated reports whether a Pod tolerates the taints of a node.
func tolerated(n *facts.NodeNode, tolerations []corev1.Toleration) bool {
	return !slices.ContainsFunc(n.Taints, func(t facts.Taint) bool {
		return t.Effect != string(corev1.TaintEffectPreferNoSchedule) &&
			!slices.ContainsFunc(tolerations, func(tol corev1.Toleration) bool {
				keyFits := tol.Key == t.Key || (tol.Key == "" && tol.Operator == corev1.TolerationOpExists)
				return keyFits && (tol.Effect == "" || string(tol.Effect) == t.Effect) &&
					(tol.Operator == corev1.TolerationOpExists || tol.Value == t.Value)
			})
	})
}

func noNodeToLose(g *facts.Graph, _ check.Params) []check.Finding {
	all := nodeload.Loads(g)
	all = slices.DeleteFunc(all, func(load nodeload.Load) bool { return !load.Node.TakesAnyPod() })
	if len(all) < 2 {
		return nil
	}
	var has, wants nodeload.Load
	for i := range all {
		load := &all[i]
		has.CPU, has.Memory = has.CPU+load.Node.AllocatableCPU, has.Memory+load.Node.AllocatableMemory
		wants.CPU, wants.Memory = wants.CPU+load.CPU, wants.Memory+load.Memory
	}
	largest := all[0].Node // ties: the first by name
	for i := range all {
		if n := all[i].Node; n.AllocatableMemory > largest.AllocatableMemory ||
			(n.AllocatableMemory == largest.AllocatableMemory && n.AllocatableCPU > largest.AllocatableCPU) {
			largest = n
		}
	}
	has.CPU, has.Memory = has.CPU-largest.AllocatableCPU, has.Memory-largest.AllocatableMemory
	for _, pod := range g.PodsOn(largest.Name) {
		if goesWithNode := pod.Owner.Kind == facts.DaemonSet || pod.Owner.Kind == facts.Node; goesWithNode && pod.Spec != nil {
			wants.CPU, wants.Memory = wants.CPU-pod.Spec.CPURequest, wants.Memory-pod.Spec.MemoryRequest
		}
	}
	var short []string
	if wants.CPU > has.CPU {
		short = append(short, "CPU")
	}
	if wants.Memory > has.Memory {
		short = append(short, "memory")
	}
	if len(short) == 0 {
		return nil
	}
	return []check.Finding{{
		Object: largest.Ref,
		Message: fmt.Sprintf("The cluster cannot lose node %s: the other nodes have too little %s for all Pods.", largest.Name,
			strings.Join(short, " and too little ")),
		Evidence: []check.Evidence{
			check.FromCondition("requested: %s CPU and %s of memory; the %d other nodes have %s CPU and %s", phrase.Cores(wants.CPU),
				phrase.Bytes(wants.Memory), len(all)-1, phrase.Cores(has.CPU), phrase.Bytes(has.Memory)),
		},
	}}
}
