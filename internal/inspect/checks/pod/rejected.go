package pod

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func rejectedCheck() check.Check {
	return check.Check{
		ID: "pod-rejected", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "The kubelet rejects Pods that were assigned to its node.",
		Meaning: "Pods failed within the recent window (an hour unless set) before any of their containers started, with a reason of " +
			"the kubelet's admission: UnexpectedAdmissionError, OutOfcpu, OutOfmemory, NodeAffinity, TopologyAffinityError, " +
			"SysctlForbidden and others. The controller replaces them, and the scheduler may choose the same node again. It is low if " +
			"the workload has all its Pods ready: the replacements run. Evicted Pods, and those that a shutdown or a preemption ended, " +
			"are ignored.",
		Remediation: "Read the reason in the evidence. `kubectl describe node <node>` shows what the node offers and what is in use; " +
			"`kubectl delete pod <pod>` removes a Pod that failed.",
		Link:  "https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/",
		Needs: []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(append(facts.WorkloadKinds(), facts.Node)...),
		ExplainedBy: check.NodeFailures(), Run: rejected,
	}
}

func rejected(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if pod.Phase != "Failed" || !isRejection(pod) || !pod.Deleting.IsZero() || !recent(g, p, ended(pod)) {
			continue
		}
		why, fix := rejectionText(g, pod)
		f := check.Finding{
			Message:     fmt.Sprintf("Pods of %s are rejected by the kubelet: %s.", g.OwnerName(pod), why),
			Remediation: removeFailed(g, fix, pod), RestrictToCulprits: true,
			Evidence: []check.Evidence{check.FromCondition("Pod %s failed with reason %s: %s", pod.Name, pod.Reason, pod.Message)},
		}
		if g.TopOwner(pod.Ref) == pod.Ref {
			f.Message = fmt.Sprintf("Pod %s was rejected by the kubelet: %s.", pod.Name, why)
		}
		if pod.NodeName != "" {
			f.Evidence = append(f.Evidence, check.FromSpec("node %s", pod.NodeName))
			f.Culprits = []facts.Ref{{Kind: facts.Node, Name: pod.NodeName}}
		}
		if hasAllPods(g, pod) {
			f.Severity = v1alpha1.SeverityLow
		}
		failures = append(failures, check.FailingPod{Pod: pod, Discriminator: pod.Reason, Finding: f})
	}
	return check.RollUp(g, failures)
}

// isRejection reports whether a failed Pod was refused by the kubelet before its containers started. Reasons:
// pkg/kubelet/lifecycle, pkg/kubelet/cm and pkg/kubelet/sysctl of kubernetes.
func isRejection(pod *facts.PodNode) bool {
	for _, c := range allContainers(pod) {
		if c.State.Status == facts.StateRunning || c.State.Status == facts.StateTerminated && !c.State.Started.IsZero() {
			return false
		}
	}
	switch pod.Reason {
	case "UnexpectedAdmissionError", "NodeAffinity", "NodePorts", "NodeName", "TaintToleration", "TopologyAffinityError", "SysctlForbidden",
		"AppArmor", "InvalidNodeInfo", "PodOSSelectorNodeLabelDoesNotMatch", "PodOSNotSupported", "UnsupportedOS",
		"PodFeatureUnsupported", "ResourceAllocationFailed", "UnexpectedPredicateFailureType", "AdmissionRejected":
		return true
	default:
		return strings.HasPrefix(pod.Reason, "OutOf")
	}
}

// hasAllPods reports whether the workload of a failed Pod has as many ready Pods as it wants.
func hasAllPods(g *facts.Graph, pod *facts.PodNode) bool {
	owner, ok := facts.Lookup[*facts.WorkloadNode](g, g.TopOwner(pod.Ref))
	return ok && owner.Ready >= owner.Desired
}

// lackingLabel is the first label of a Pod's nodeSelector that its node does not have; empty if the node is not known or has all.
func lackingLabel(g *facts.Graph, pod *facts.PodNode) string {
	node, ok := facts.Lookup[*facts.NodeNode](g, facts.Ref{Kind: facts.Node, Name: pod.NodeName})
	if !ok || pod.Spec == nil || pod.Spec.Lean == nil {
		return ""
	}
	for _, key := range slices.Sorted(maps.Keys(pod.Spec.Lean.NodeSelector)) {
		if value, has := node.NodeLabels[key]; !has || value != pod.Spec.Lean.NodeSelector[key] {
			return key + "=" + pod.Spec.Lean.NodeSelector[key]
		}
	}
	return ""
}

// lacksLabel is the text about a Pod whose node lacks a label of its nodeSelector.
func lacksLabel(g *facts.Graph, pod *facts.PodNode, label string) (why string, fix remedy.Text) {
	why = fmt.Sprintf("node %s lacks the label %s of the nodeSelector", pod.NodeName, label)
	if isDetected(label) {
		return why, remedy.Sprintf("The kubelet or the cloud sets this label to what the node is. Correct nodeSelector of %s, or remove "+
			"spec.nodeName, which skips the scheduler.", g.OwnerName(pod))
	}
	return why, remedy.Sprintf("If the node is the right one, label it: `kubectl label node %s %s --overwrite`. Else correct nodeSelector "+
		"of the Pod template, or remove spec.nodeName, which skips the scheduler.", pod.NodeName, label)
}

// isDetected reports whether a label is one that the kubelet or the cloud sets to what a node is: another value would be a lie.
// https://kubernetes.io/docs/reference/labels-annotations-taints/
func isDetected(label string) bool {
	prefix, name, _ := strings.Cut(label, "/")
	name, _, _ = strings.Cut(name, "=")
	switch strings.TrimPrefix(prefix, "beta.") {
	case "kubernetes.io":
		return name == "os" || name == "arch" || name == "hostname" || name == "instance-type"
	case "topology.kubernetes.io", "failure-domain.beta.kubernetes.io":
		return name == "zone" || name == "region"
	case "node.kubernetes.io":
		return name == "instance-type" || name == "windows-build"
	default:
		return false
	}
}

// rejectionText says in stable words why the kubelet rejects a Pod, and what to do.
func rejectionText(g *facts.Graph, pod *facts.PodNode) (why string, fix remedy.Text) {
	describe := remedy.Sprintf("`kubectl describe node %s`", pod.NodeName)
	switch {
	case pod.Reason == "UnexpectedAdmissionError" && strings.Contains(pod.Message, "number of devices unavailable for "):
		_, rest, _ := strings.Cut(pod.Message, "number of devices unavailable for ")
		resource, _, _ := strings.Cut(rest, ". ")
		resource, _ = word(resource)
		return fmt.Sprintf("node %s counts a %s as free that its device plugin does not hand out", pod.NodeName, resource),
			remedy.Sprintf("Compare capacity and allocatable of the resource (%s), and read the log of its device plugin's Pod on that "+
				"node: a device may be unhealthy or held by a container that is gone. Until it is repaired, keep Pods off the node: "+
				"`kubectl cordon %s`.", describe, pod.NodeName)
	case strings.HasPrefix(pod.Reason, "OutOf"):
		resource := strings.TrimPrefix(pod.Reason, "OutOf")
		return fmt.Sprintf("node %s has too little %s left for them", pod.NodeName, resource),
			remedy.Sprintf("Something assigned them to a node without room: spec.nodeName in the Pod template, a second scheduler, or "+
				"static Pods on the node. %s shows what is in use.", describe)
	case pod.Reason == "NodeAffinity", pod.Reason == "PodOSSelectorNodeLabelDoesNotMatch":
		if label := lackingLabel(g, pod); label != "" {
			return lacksLabel(g, pod, label)
		}
		return fmt.Sprintf("node %s does not match their nodeSelector or node affinity", pod.NodeName),
			remedy.Sprintf("Give the node the labels that the Pods select, or correct nodeSelector and affinity of the Pod template: %s.",
				describe)
	case pod.Reason == "TopologyAffinityError":
		return fmt.Sprintf("the topology manager of node %s cannot place their resources on one NUMA node", pod.NodeName),
			"Request less CPU, memory or devices per Pod, or relax topologyManagerPolicy in the kubelet's configuration."
	case pod.Reason == "SysctlForbidden":
		return "they set a sysctl that the node does not allow", "Remove the sysctl from securityContext.sysctls, or allow it by " +
			"allowedUnsafeSysctls in the kubelet's configuration."
	case pod.Reason == "TaintToleration":
		return fmt.Sprintf("they do not tolerate a taint of node %s", pod.NodeName),
			remedy.Sprintf("Add a toleration to the Pod template, or remove spec.nodeName: %s shows the taints.", describe)
	case pod.Reason == "NodePorts":
		return fmt.Sprintf("a host port that they use is taken on node %s", pod.NodeName),
			"Give the Pods another hostPort or none: a Service reaches them without."
	default:
		return "the reason is " + pod.Reason, remedy.Sprintf("Read the message in the evidence; %s shows the state of the node.", describe)
	}
}
