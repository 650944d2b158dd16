// Package node checks the state and the versions of nodes.
package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

// Checks returns all checks of nodes, in no fixed order.
func Checks() []check.Check {
	return []check.Check{
		{
			ID: "node-not-ready", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityCritical,
			Summary: "A node is not ready.",
			Meaning: "The node's condition Ready has been False (the kubelet runs and reports a problem) or Unknown (the " +
				"kubelet stopped reporting: the machine, its network or the kubelet is down) for longer than the startup " +
				"grace. No new Pods start on the node. After five minutes its Pods are evicted; Pods of StatefulSets stay " +
				"until the node is back or deleted.",
			Remediation: "`kubectl describe node <name>` shows the conditions. On the machine: `systemctl status kubelet " +
				"containerd`, `journalctl -u kubelet`. If the machine is gone for good: `kubectl delete node <name>`.",
			Link:  "https://kubernetes.io/docs/tasks/debug/debug-cluster/#listing-your-cluster",
			Needs: []facts.Kind{facts.Node},
			Uses:  []facts.Kind{facts.Pod},
			Run:   nodeNotReady,
		},
		{
			ID: "node-pressure", Category: v1alpha1.CategoryCapacity,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A node is low on memory, disk space or process IDs.",
			Meaning: "The kubelet reports MemoryPressure, DiskPressure or PIDPressure. It rejects some or all new Pods " +
				"and evicts running ones until usage is below its threshold, starting with those that use more than they " +
				"request.",
			Remediation: "`kubectl describe node <name>` shows what runs on it. Free the resource, set memory limits on " +
				"the Pods with the highest usage (`kubectl top pods -A --sort-by=memory`), or add capacity.",
			Link:  "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
			Needs: []facts.Kind{facts.Node},
			Uses:  []facts.Kind{facts.Pod},
			Run:   nodePressure,
		},
		{
			ID: "node-network-unavailable", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "The Pod network of a node is not configured.",
			Meaning: "The condition NetworkUnavailable has been True for longer than the startup grace: the network " +
				"add-on or the cloud controller has not created the routes for the node's Pods, which are unreachable.",
			Remediation: "Check that the network add-on's Pod on the node runs: `kubectl get pods -A -o wide " +
				"--field-selector spec.nodeName=<name>`. If a cloud provider creates the routes, see the log of the cloud " +
				"controller manager.",
			Link:  "https://kubernetes.io/docs/concepts/architecture/nodes/#condition",
			Needs: []facts.Kind{facts.Node},
			Uses:  []facts.Kind{facts.Pod},
			Run:   nodeNetworkUnavailable,
		},
		{
			ID: "node-cordoned", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "A node is cordoned.",
			Meaning: "spec.unschedulable is set, by `kubectl cordon` or `kubectl drain`: running Pods stay, and new ones " +
				"are scheduled elsewhere. This is intended during maintenance and often forgotten afterwards. Control plane " +
				"nodes, and nodes that an autoscaler is about to remove, are skipped.",
			Remediation: "When the maintenance is over: `kubectl uncordon <name>`.",
			Link:        "https://kubernetes.io/docs/concepts/architecture/nodes/#manual-node-administration",
			Needs:       []facts.Kind{facts.Node},
			Uses:        []facts.Kind{facts.Pod},
			Run:         nodeCordoned,
		},
		versionSkewCheck(),
		problemCheck(),
	}
}

func nodeNotReady(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, node := range g.Nodes {
		ready, reported := node.Condition("Ready")
		since := ready.Since
		if !reported {
			since = node.Created
		}
		if ready.Status == "True" || !node.Deleting.IsZero() || !g.OlderThan(since, params.StartupGrace) {
			continue
		}
		why, remediation := whyNotReady(node, ready)
		finding := check.Finding{
			Object: node.Ref, Remediation: remediation,
			Message: fmt.Sprintf("Node %s is not ready: %s.", node.Name, why),
		}
		if reported {
			finding.Evidence = append(finding.Evidence, check.QuoteCondition(ready),
				check.FromCondition("since %s", ready.Since.UTC().Format(time.RFC3339)))
		}
		findings = append(findings, check.WithPodCount(g, finding))
	}
	return findings
}

// whyNotReady explains the condition Ready. The messages are those of the kubelet's runtime state
// (k8s.io/kubernetes/pkg/kubelet/runtime.go and kubelet.go) and of the node lifecycle controller.
func whyNotReady(node *facts.NodeNode, ready facts.Condition) (why string, remediation remedy.Text) {
	describe := kubectl.Describe(node.Ref)
	has := func(text string) bool { return strings.Contains(ready.Message, text) }
	switch {
	case ready.Status == "" || ready.Reason == "NodeStatusNeverUpdated":
		return "its kubelet has never reported its status", "On the machine, check why the kubelet does not reach the API server: " +
			"`journalctl -u kubelet`. If the node is " +
			remedy.Sprintf("not needed: `kubectl delete node %s`.", node.Name)
	case ready.Status == "Unknown":
		return "its kubelet stopped reporting", remedy.Sprintf(
			"Check that the machine is up and reaches the API server; on it, `systemctl status kubelet` and "+
				"`journalctl -u kubelet`. If it is gone for good, `kubectl delete node %s` lets its Pods be recreated on other nodes.",
			node.Name,
		)
	case has("node is shutting down"):
		return "it is shutting down",
			remedy.Sprintf("Nothing, if the shutdown is intended. If the node does not come back: `kubectl delete node %s`.", node.Name)
	case has("container runtime network not ready") || has("cni plugin not initialized") || has("cni config uninitialized"):
		return "its Pod network is not configured", remedy.Sprintf(
			"Check that the network add-on's Pod on the node runs (`kubectl get pods -A -o wide --field-selector "+
				"spec.nodeName=%s`) and has written its configuration to /etc/cni/net.d on the machine.",
			node.Name,
		)
	case has("container runtime is down") || has("container runtime not ready") || has("container runtime status check may not have "+
		"completed"):
		return "its container runtime is down", "On the machine: `systemctl status containerd` (or crio), `journalctl -u containerd`, " +
			"and free space on its disk; " +
			"then restart it."
	case has("PLEG is not healthy"):
		return "its container runtime is too slow to keep up (PLEG is not healthy)",
			"On the machine, check for a hanging runtime (`crictl ps`, `journalctl -u " +
				"containerd`), overloaded disks or CPUs, and too many containers."
	case has("CSINode"):
		return "its storage drivers are not registered", "Check the Pods of the CSI drivers on the node, and " + describe + "."
	case has("missing node capacity"):
		return "its kubelet cannot determine the machine's capacity", "On the machine: `journalctl -u kubelet`."
	default:
		return "its kubelet reports " + ready.Reason, describe + " shows the conditions; on the machine, `journalctl -u kubelet` has " +
			"the details."
	}
}

func nodePressure(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, node := range g.Nodes {
		for _, pressure := range []string{"DiskPressure", "MemoryPressure", "PIDPressure"} {
			c, ok := node.Condition(pressure)
			if !ok || c.Status != "True" || !node.Deleting.IsZero() {
				continue
			}
			finding := check.Finding{Object: node.Ref, Discriminator: pressure, Evidence: []check.Evidence{check.QuoteCondition(c)}}
			switch pressure {
			case "DiskPressure":
				finding.Message = fmt.Sprintf("Node %s is low on disk space: its kubelet deletes images and evicts Pods.", node.Name)
				finding.Remediation = "On the machine, check what fills the disk: `df -h /var/lib/kubelet /var/lib/containerd`, " +
					"`crictl images`, logs under /var/log. " +
					"Set ephemeral-storage limits on Pods that write a lot, or enlarge the disk."
			case "MemoryPressure":
				finding.Message = fmt.Sprintf("Node %s is low on memory: its kubelet evicts Pods.", node.Name)
				finding.Remediation = remedy.Sprintf(
					"Check what uses it: `kubectl top pods -A --sort-by=memory` and %s. Set memory requests and limits on those Pods, "+
						"move some to other nodes, or add nodes.",
					kubectl.Describe(node.Ref),
				)
			default:
				finding.Message = fmt.Sprintf("Node %s is low on process IDs: its kubelet evicts Pods.", node.Name)
				finding.Remediation = "On the machine, find what runs so many processes (`ps -eLf | wc -l`, `systemd-cgtop`), and set " +
					"podPidsLimit in the kubelet's configuration."
			}
			findings = append(findings, check.WithPodCount(g, finding))
		}
	}
	return findings
}

func nodeNetworkUnavailable(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, node := range g.Nodes {
		c, ok := node.Condition("NetworkUnavailable")
		if !ok || c.Status != "True" || !node.Deleting.IsZero() || !g.OlderThan(c.Since, params.StartupGrace) {
			continue
		}
		findings = append(findings, check.WithPodCount(g, check.Finding{
			Object: node.Ref, Evidence: []check.Evidence{check.QuoteCondition(c)},
			Message: fmt.Sprintf("Node %s has no Pod network: its Pods are unreachable.", node.Name),
			Remediation: remedy.Sprintf(
				"Check that the network add-on's Pod on the node runs: `kubectl get pods -A -o wide --field-selector "+
					"spec.nodeName=%s`. If a cloud "+
					"provider creates the routes, check the log of the cloud controller manager.",
				node.Name,
			),
		}))
	}
	return findings
}

// removalTaints mark nodes that an autoscaler has cordoned and is about to remove.
func removalTaints() []string {
	return []string{"ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "karpenter.sh/disruption"}
}

func nodeCordoned(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, node := range g.Nodes {
		_, controlPlane := node.NodeLabels["node-role.kubernetes.io/control-plane"]
		leaving := slices.ContainsFunc(node.Taints, func(t facts.Taint) bool { return slices.Contains(removalTaints(), t.Key) })
		if !node.Unschedulable || controlPlane || leaving || !node.Deleting.IsZero() {
			continue
		}
		evidence := check.FromSpec("unschedulable: true")
		for _, t := range node.Taints {
			if t.Key == "node.kubernetes.io/unschedulable" && !t.Added.IsZero() {
				evidence = check.FromSpec("unschedulable: true, since %s", t.Added.UTC().Format(time.RFC3339))
			}
		}
		findings = append(findings, check.WithPodCount(g, check.Finding{
			Object: node.Ref, Evidence: []check.Evidence{evidence},
			Message:     fmt.Sprintf("Node %s is cordoned: no new Pods are scheduled on it.", node.Name),
			Remediation: remedy.Sprintf("After the maintenance: `kubectl uncordon %s`.", node.Name),
		}))
	}
	return findings
}
