package checks

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const schedulingLink = "https://kubernetes.io/docs/concepts/scheduling-eviction/"

func schedulingChecks() []Check {
	check := func(id, summary, remediation, link string, explainedBy []string) Check {
		return Check{
			ID: id, Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityHigh, Summary: summary,
			Meaning: "The scheduler says for each node why the Pod may not run there. The reason that rules out the most nodes decides " +
				"which check reports it (storage first, since it rules out all); the evidence lists every reason.",
			Remediation: remediation, Link: link,
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.Node, facts.PVC, facts.ReplicaSet, facts.Job},
			ExplainedBy: explainedBy,
			Run:         func(g *facts.Graph, p Params) []Finding { return unschedulable(g, p, id) },
		}
	}
	return []Check{
		check("pod-unschedulable-resources", "A Pod gets no node, because none has enough left of what it requests.",
			"Lower the Pod's requests to what it needs, free or add nodes, or let a cluster autoscaler add them.",
			"https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#my-pods-are-pending-with-event-message-failedscheduling",
			nodeFailures()),
		check("pod-unschedulable-affinity", "A Pod gets no node, because none fits its selector, affinity or spread rules.",
			"Compare nodeSelector, affinity and topologySpreadConstraints of the Pod's template with kubectl get nodes --show-labels.",
			"https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/", nodeFailures()),
		check("pod-unschedulable-taints", "A Pod gets no node, because it does not tolerate the taints of those that would fit.",
			"Add a toleration to the Pod's template if it belongs there, or take the taint off (kubectl taint nodes NODE KEY-).",
			"https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/", nodeFailures()),
		check("pod-unschedulable-volume", "A Pod gets no node, because its storage is not to be had on any.",
			"Look at the PersistentVolumeClaims of the Pod (kubectl describe pvc): not bound, bound in another zone, or attached elsewhere.",
			"https://kubernetes.io/docs/concepts/storage/persistent-volumes/", append(claimFailures(), nodeFailures()...)),
		check("pod-unschedulable-ports", "A Pod gets no node, because its host port is taken on every one.",
			"Give the Pod another hostPort, or none: a Service reaches it without.", schedulingLink, nodeFailures()),
		check("pod-unschedulable-other", "A Pod gets no node, for a reason that the scheduler gives.",
			"Read the reasons in the evidence; kubectl get nodes shows whether there are any nodes at all.", schedulingLink, nodeFailures()),
	}
}

// schedulingClass is what kind of reason keeps a Pod from a node. The order decides between equally frequent ones.
type schedulingClass int

const (
	classVolume schedulingClass = iota
	classResources
	classAffinity
	classPorts
	classTaints
	classOther
)

// check is the id of the check that reports the class.
func (c schedulingClass) check() string {
	return "pod-unschedulable-" + []string{"volume", "resources", "affinity", "ports", "taints", "other"}[c]
}

// schedulingReason is one reason, and how many nodes it rules out; 0 when it rules out all before any is looked at.
type schedulingReason struct {
	nodes int
	text  string
	class schedulingClass
}

// parseScheduling reads the scheduler's message (FitError in kubernetes/pkg/scheduler/framework/types.go):
//
//	0/X nodes are available: <what rules out all>. <N reason, N reason>. <preemption: ...>
//
// What follows on preemption says only that evicting others would not help. Text of another form is one reason by itself.
func parseScheduling(message string) []schedulingReason {
	body := message
	if _, after, found := strings.Cut(body, "nodes are available:"); found {
		body = after
	}
	body, _, _ = strings.Cut(body, "preemption:")
	var reasons []schedulingReason
	for _, part := range splitReasons(body) {
		reason := schedulingReason{text: part, class: classifyScheduling(part)}
		var n int
		if _, err := fmt.Sscanf(part, "%d ", &n); err == nil && n >= 0 {
			if _, text, found := strings.Cut(part, " "); found {
				reason.nodes, reason.text = n, text
				reason.class = classifyScheduling(text)
			}
		}
		reasons = append(reasons, reason)
	}
	return reasons
}

// splitReasons splits at commas, but not within the braces that hold a taint.
func splitReasons(body string) []string {
	var parts []string
	depth, from := 0, 0
	add := func(part string) {
		if part = strings.TrimSpace(strings.TrimRight(strings.TrimSpace(part), ".")); part != "" {
			parts = append(parts, part)
		}
	}
	for i, r := range body {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth <= 0 {
				add(body[from:i])
				from = i + 1
			}
		}
	}
	add(body[from:])
	return parts
}

// classifyScheduling knows the reasons of the scheduler's plugins (their ErrReason constants).
func classifyScheduling(text string) schedulingClass {
	lower := strings.ToLower(text)
	for _, known := range []struct {
		class schedulingClass
		texts []string
	}{
		{classVolume, []string{
			"persistentvolume", "volume", "pvc(s)", "available disk", "free storage", "no available volume zone",
		}},
		{classResources, []string{"insufficient", "too many pods", "resource"}},
		{classPorts, []string{"free ports"}},
		{classTaints, []string{"taint", "were unschedulable", "unknown conditions"}},
		{classAffinity, []string{"affinity", "selector", "topology spread", "requested node name", "node(s) didn't match"}},
	} {
		for _, t := range known.texts {
			if strings.Contains(lower, t) {
				return known.class
			}
		}
	}
	return classOther
}

// dominant is the class that rules out the most nodes. What rules out all of them at once wins, and storage does so even
// beside others, since no node can help then.
func dominant(reasons []schedulingReason) schedulingClass {
	counts := map[schedulingClass]int{}
	for _, r := range reasons {
		if r.nodes == 0 || r.class == classVolume {
			return r.class
		}
		counts[r.class] += r.nodes
	}
	best := classOther
	for class := classVolume; class <= classOther; class++ {
		if counts[class] > counts[best] {
			best = class
		}
	}
	return best
}

// unschedulable are the findings of one of the scheduling checks.
func unschedulable(g *facts.Graph, p Params, check string) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		scheduled, ok := pod.Condition("PodScheduled")
		if !ok || scheduled.Status != "False" || scheduled.Reason != "Unschedulable" || !atWork(pod) || g.Now.Sub(pod.Created) < p.StartupGrace {
			continue
		}
		reasons := parseScheduling(scheduled.Message)
		class := dominant(reasons)
		if class.check() != check {
			continue
		}
		failures = append(failures, failure{pod: pod, finding: Finding{
			Message:  schedulingMessage(g, pod, class, reasons),
			Evidence: append([]Evidence{condition("scheduler: %s", scheduled.Message)}, schedulingEvidence(g, pod, class)...),
			Because:  schedulingBecause(g, pod, class, reasons),
		}})
	}
	return rollup(g, failures)
}

// schedulingMessage says what the Pod asks for that no node gives, in words that hold still.
func schedulingMessage(g *facts.Graph, pod *facts.PodNode, class schedulingClass, reasons []schedulingReason) string {
	switch class {
	case classVolume:
		return "The Pods get no node, because their storage is not to be had: " + volumeText(reasons) + "."
	case classResources:
		if text := tooLarge(g, pod); text != "" {
			return "The Pods request more than any node has: " + text + "."
		}
		return fmt.Sprintf("The Pods get no node: none has enough left of what they request (%s).", strings.Join(shortResources(reasons), ", "))
	case classAffinity:
		if pod.Spec != nil && len(pod.Spec.NodeSelector) > 0 {
			return fmt.Sprintf("The Pods get no node: none fits their rules, nodeSelector %s among them.", strings.Join(pod.Spec.NodeSelector, ","))
		}
		return "The Pods get no node: none fits their affinity or spread rules."
	case classTaints:
		return "The Pods get no node: they do not tolerate the taints of those that would fit."
	case classPorts:
		return "The Pods get no node: their host port is taken on every one."
	default:
		if len(g.Nodes) == 0 && g.Complete(facts.Node, "") {
			return "The Pods get no node: the cluster has none."
		}
		return "The Pods get no node, for the reasons in the evidence."
	}
}

func volumeText(reasons []schedulingReason) string {
	for _, r := range reasons {
		if r.class == classVolume {
			// A slip in the scheduler's own text: "PersistentVolumeClaims. not found".
			return strings.TrimSuffix(strings.TrimSpace(strings.TrimSuffix(r.text, "not found")), ".")
		}
	}
	return "see the evidence"
}

// shortResources are the resources that are short, each once.
func shortResources(reasons []schedulingReason) []string {
	var names []string
	for _, r := range reasons {
		if r.class != classResources {
			continue
		}
		name := strings.TrimSpace(strings.TrimPrefix(r.text, "Insufficient"))
		if name == "Too many pods" {
			name = "room for more Pods"
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
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
		parts = append(parts, fmt.Sprintf("%s CPU, where the largest node has %s", cores(pod.Spec.CPURequest), cores(cpu)))
	}
	if pod.Spec.MemoryRequest > memory {
		parts = append(parts, fmt.Sprintf("%s of memory, where the largest node has %s", mebibytes(pod.Spec.MemoryRequest), mebibytes(memory)))
	}
	return strings.Join(parts, ", and ")
}

// cores writes millicores as people write CPU: 250m, 2, 1.5.
func cores(milli int64) string {
	switch {
	case milli%1000 == 0:
		return fmt.Sprint(milli / 1000)
	case milli > 1000:
		return strings.TrimRight(fmt.Sprintf("%.3f", float64(milli)/1000), "0")
	default:
		return fmt.Sprintf("%dm", milli)
	}
}

// schedulingEvidence adds what the Pod asks for, and for resources what the roomiest node has.
func schedulingEvidence(g *facts.Graph, pod *facts.PodNode, class schedulingClass) []Evidence {
	if class != classResources || pod.Spec == nil {
		return nil
	}
	evidence := []Evidence{spec("each Pod requests %s CPU and %s of memory", cores(pod.Spec.CPURequest), mebibytes(pod.Spec.MemoryRequest))}
	type room struct {
		node        string
		cpu, memory int64
	}
	var rooms []room
	for _, n := range g.Nodes {
		r := room{n.Name, n.AllocatableCPU, n.AllocatableMemory}
		for _, other := range g.PodsOn(n.Name) {
			if other.Spec != nil && other.Phase != "Succeeded" && other.Phase != "Failed" {
				r.cpu, r.memory = r.cpu-other.Spec.CPURequest, r.memory-other.Spec.MemoryRequest
			}
		}
		rooms = append(rooms, r)
	}
	if len(rooms) == 0 || !g.Complete(facts.Pod, "") {
		return evidence
	}
	best := slices.MaxFunc(rooms, func(a, b room) int { return cmp.Or(cmp.Compare(a.cpu, b.cpu), cmp.Compare(a.memory, b.memory)) })
	return append(evidence, condition("the node with most CPU not requested is %s: %s CPU and %s of memory",
		best.node, cores(max(best.cpu, 0)), mebibytes(max(best.memory, 0))))
}

// schedulingBecause are the objects that the reasons point at: claims that are not bound, nodes that take no Pods.
func schedulingBecause(g *facts.Graph, pod *facts.PodNode, class schedulingClass, reasons []schedulingReason) []facts.Ref {
	var refs []facts.Ref
	if class == classVolume && pod.Spec != nil {
		for _, r := range pod.Spec.Refs {
			claim := facts.Ref{Kind: facts.PVC, Namespace: pod.Namespace, Name: r.Name}
			if node, ok := facts.Lookup[*facts.PVCNode](g, claim); r.Kind == facts.PVC && (!ok || node.Phase != "Bound") {
				refs = append(refs, claim)
			}
		}
	}
	closed := slices.ContainsFunc(reasons, func(r schedulingReason) bool {
		return strings.Contains(r.text, "were unschedulable") || strings.Contains(r.text, "node.kubernetes.io/") || strings.Contains(r.text, "untolerated taint(s)")
	})
	if !closed {
		return refs
	}
	for _, n := range g.Nodes {
		ready, told := n.Condition("Ready")
		if n.Unschedulable || told && ready.Status != "True" || slices.ContainsFunc(n.Taints, func(t facts.Taint) bool { return strings.HasPrefix(t.Key, "node.kubernetes.io/") }) {
			refs = append(refs, n.Ref)
		}
	}
	return refs
}
