package scheduling

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// nodesApart counts the nodes of the control plane that take no other Pods.
func nodesApart(g *facts.Graph) int {
	count := 0
	for _, n := range g.Nodes {
		if slices.ContainsFunc(n.Taints, func(t facts.Taint) bool {
			return t.Key == "node-role.kubernetes.io/control-plane" || t.Key == "node-role.kubernetes.io/master"
		}) {
			count++
		}
	}
	return count
}

// evidence is what the cluster has, beside what the scheduler says.
func (pl placement) evidence() []check.Evidence {
	switch pl.class {
	case classResources:
		_, evidence, _ := pl.deviceText()
		return append(evidence, pl.roomEvidence()...)
	case classTaints:
		return pl.taintEvidence()
	case classAffinity:
		return pl.labelEvidence()
	case classPorts:
		return pl.portEvidence()
	case classVolume:
		_, evidence, _ := pl.strandedVolume()
		for _, claim := range pl.pod.Claims() {
			if node, ok := facts.Lookup[*facts.PVCNode](pl.g, claim); ok {
				evidence = append(evidence, check.FromCondition("PersistentVolumeClaim %s is %s", claim.Name, node.Phase))
			} else if pl.g.Complete(facts.PVC, claim.Namespace) {
				evidence = append(evidence, check.FromCondition("PersistentVolumeClaim %s does not exist", claim.Name))
			}
		}
		return evidence
	default:
		return nil
	}
}

// resourceText says which resources are short, and whether even an empty node would be too small.
func (pl placement) resourceText() (why string, fix remedy.Text) {
	if text := tooLarge(pl.g, pl.pod); text != "" {
		return text, remedy.Sprintf("Lower resources.requests in the Pod template of %s, or add a node that is large enough: even an "+
			"empty one of these is too small.", pl.g.OwnerName(pl.pod))
	}
	if text, _, advice := pl.deviceText(); text != "" {
		return text, advice
	}
	var names []string
	for _, r := range pl.reasons {
		name, short := strings.CutPrefix(r.text, "Insufficient ")
		switch {
		case r.class != classResources:
			continue
		case r.text == "Too many pods":
			name = "Pod slots"
		case !short:
			name = r.text
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return "no matching node has enough free capacity (" + strings.Join(names, ", ") + ")", ""
}

// tooLarge says which request exceeds even the largest node, or nothing.
func tooLarge(g *facts.Graph, pod *facts.PodNode) string {
	if pod.Spec == nil || len(g.Nodes) == 0 {
		return ""
	}
	var cpu, memory int64
	for _, n := range g.Nodes {
		cpu, memory = max(cpu, n.AllocatableCPU), max(memory, n.AllocatableMemory)
	}
	var parts []string
	if pod.Spec.CPURequest > cpu {
		parts = append(parts, fmt.Sprintf("they request %s CPU but the largest "+
			"node has %s", phrase.Cores(pod.Spec.CPURequest), phrase.Cores(cpu)))
	}
	if pod.Spec.MemoryRequest > memory {
		parts = append(parts, fmt.Sprintf("they request %s of memory but the largest "+
			"node has %s", phrase.Bytes(pod.Spec.MemoryRequest), phrase.Bytes(memory)))
	}
	return strings.Join(parts, "; ")
}

// roomEvidence tells what the Pod asks for, and how much the node with the most free capacity has left.
func (pl placement) roomEvidence() []check.Evidence {
	if pl.pod.Spec == nil {
		return nil
	}
	evidence := []check.Evidence{check.FromSpec("each Pod requests %s", phrase.Requests(pl.pod.Spec))}
	type room struct {
		node        *facts.NodeNode
		cpu, memory int64
	}
	var best room
	memoryOnly := pl.says("Insufficient memory") && !pl.says("Insufficient cpu")
	for _, n := range pl.g.Nodes {
		if n.ClosedReason() != "" {
			continue
		}
		r := room{n, n.AllocatableCPU, n.AllocatableMemory}
		for _, other := range pl.g.PodsOn(n.Name) {
			if other.Spec != nil && other.Phase != "Succeeded" && other.Phase != "Failed" {
				r.cpu, r.memory = r.cpu-other.Spec.CPURequest, r.memory-other.Spec.MemoryRequest
			}
		}
		more := cmp.Or(cmp.Compare(r.cpu, best.cpu), cmp.Compare(r.memory, best.memory))
		if memoryOnly {
			more = cmp.Compare(r.memory, best.memory)
		}
		if best.node == nil || more > 0 {
			best = r
		}
	}
	if best.node == nil || !pl.g.Complete(facts.Pod, "") {
		return evidence
	}
	return append(evidence, check.FromCondition(
		"node with the most free capacity: %s, with %s of %s CPU and %s of %s of memory "+
			"unrequested",
		best.node.Name,
		phrase.Cores(max(best.cpu, 0)),
		phrase.Cores(best.node.AllocatableCPU),
		phrase.Bytes(max(best.memory, 0)),
		phrase.Bytes(best.node.AllocatableMemory),
	))
}

// taintText says what keeps Pods off the nodes that would fit.
func (pl placement) taintText() (why string, fix remedy.Text) {
	var names []string
	states := map[string]bool{}
	for _, n := range pl.g.Nodes {
		if state := n.ClosedReason(); state != "" {
			names = append(names, n.Name)
			states[state] = true
		}
	}
	switch {
	case len(names) == 0:
		if taints := pl.untolerated(); len(taints) > 0 {
			return fmt.Sprintf("they do not tolerate the %s %s of the nodes", phrase.Plural(len(taints), "taint", "taints"),
				phrase.List(taints)), ""
		}
		return "they do not tolerate the taints of the nodes", ""
	case len(states) == 1 && states["cordoned"]:
		return "all matching nodes are cordoned", remedy.Sprintf("Let them take Pods again when the work on them is done: "+
			"`kubectl uncordon %s`.", remedy.Quoted(names[:min(len(names), 3)]...))
	case len(states) == 1 && states["not ready"]:
		return "all matching nodes are not ready", remedy.Sprintf("See what is wrong with the nodes: `kubectl describe node %s`.", names[0])
	default:
		return "all matching nodes are cordoned, unhealthy or tainted", "See `kubectl describe nodes` under Taints and Conditions."
	}
}

// taintEvidence lists the taints of the nodes, since newer schedulers do not name them.
func (pl placement) taintEvidence() []check.Evidence {
	var evidence []check.Evidence
	for _, n := range pl.g.Nodes {
		var texts []string
		for _, t := range n.Taints {
			if t.Effect == "PreferNoSchedule" {
				continue
			}
			text := t.Key
			if t.Value != "" {
				text += "=" + t.Value
			}
			texts = append(texts, text+":"+t.Effect)
		}
		if len(texts) == 0 && n.Unschedulable {
			texts = []string{"cordoned"}
		}
		if len(texts) > 0 && len(evidence) < 5 {
			evidence = append(evidence, check.FromSpec("node %s: %s", n.Name, strings.Join(texts, ", ")))
		}
	}
	return evidence
}
