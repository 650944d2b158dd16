package scheduling

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// volumeText says what is wrong with the storage of a Pod. The texts are those of the scheduler's plugins volumebinding,
// volumezone, volumerestrictions and nodevolumelimits.
func (pl placement) volumeText() (why string, fix remedy.Text) {
	switch {
	case pl.says(`" not found`):
		name, _ := apimessage.QuotedAfter(pl.said, "persistentvolumeclaim ")
		return "PersistentVolumeClaim " + name + " does not exist", remedy.Sprintf("Create PersistentVolumeClaim %s in namespace %s, or "+
			"correct its name in the Pod template (`kubectl -n %[2]s get pvc`).", name, pl.pod.Namespace)
	case pl.says("unbound immediate"):
		return "a PersistentVolumeClaim is not bound to a volume", remedy.Sprintf("Find out why: `kubectl -n %s describe pvc %s`.",
			pl.pod.Namespace, remedy.Quoted(pl.openClaims()...))
	case pl.says("available persistent volumes to bind"):
		return "no matching PersistentVolume is available on a matching node", ""
	case pl.says("binding volumes"):
		return "volume provisioning or binding timed out", remedy.Sprintf("Find out why: `kubectl -n %s describe "+
			"pvc %s`.", pl.pod.Namespace, remedy.Quoted(pl.openClaims()...))
	case pl.says("node affinity"), pl.says("no available volume zone"):
		if stranded, _, restore := pl.strandedVolume(); stranded != "" {
			return stranded, restore
		}
		return "the volume is only accessible from nodes that do not match, usually in another zone",
			"Let the Pods run where the volume is: look at `kubectl describe pv` under Node Affinity, and at selectors, taints and " +
				"room of the nodes there. For volumes yet to be made, a StorageClass with volumeBindingMode WaitForFirstConsumer avoids it."
	case pl.says("max volume count"):
		return "the nodes have reached their volume attachment limit", "Add nodes, or spread Pods with volumes over more of them; " +
			"`kubectl get csinodes -o yaml` shows the limits."
	case pl.says("ReadWriteOncePod"), pl.says("no available disk"):
		return "the volume is in use by another Pod and supports only one", "Delete the Pod that has the volume, or use strategy " +
			"Recreate so that the old Pod goes first."
	case pl.says("free storage"):
		return "no node has enough free storage for the volume", "Add storage to the nodes, or ask for a smaller volume."
	case pl.says("non-existent"):
		return "a PersistentVolumeClaim is bound to a volume that no longer exists", ""
	case pl.says("is being deleted"):
		return "a PersistentVolumeClaim is being deleted", "Delete the Pods so that the claim can go, then create the claim and the " +
			"Pods again."
	default:
		return "the storage is not available", ""
	}
}

func (pl placement) openClaims() []string {
	var names []string
	for _, ref := range pl.because() {
		if ref.Kind == facts.PVC {
			names = append(names, ref.Name)
		}
	}
	return names
}

// affinityText says which rules of the Pod no node meets.
func (pl placement) affinityText() (why string, fix remedy.Text) {
	labels := pl.unmetLabels()
	switch {
	case len(labels) > 0:
		return fmt.Sprintf("no node has the %s %s required by nodeSelector", phrase.Plural(len(labels), "label", "labels"),
				strings.Join(labels, ", ")),
			remedy.Sprintf("Correct nodeSelector in the Pod template of %s, or label a node: `kubectl label node <node> %s`.",
				pl.g.OwnerName(pl.pod), remedy.Quoted(labels...))
	case pl.says("requested node name"):
		return "the node in spec.nodeName or in the DaemonSet's node affinity does not exist or does not match", ""
	case pl.says("anti-affinity"):
		return "pod anti-affinity excludes the remaining nodes", "Add nodes, want fewer replicas, or make the anti-affinity preferred " +
			"instead of required."
	case pl.says("pod affinity"):
		return "no node runs Pods that match the pod affinity", "See whether Pods with the labels that podAffinity names run at all: " +
			"`kubectl get pods -A --show-labels`."
	case pl.says("topology spread"):
		return pl.spreadText()
	case pl.pod.Spec != nil && len(pl.pod.Spec.NodeSelector) > 0:
		return "no schedulable node matches nodeSelector " + strings.Join(pl.pod.Spec.NodeSelector, ",") + " and node affinity", ""
	default:
		if unmet := pl.unmetExpressions(); len(unmet) > 0 {
			return "no node has the labels that the node affinity requires: " + strings.Join(unmet, ", "),
				remedy.Sprintf("Correct nodeAffinity in the Pod template of %s, or label the nodes: `kubectl get nodes --show-labels`.",
					pl.g.OwnerName(pl.pod))
		}
		return "no node matches the node affinity", ""
	}
}

// unmetLabels are the entries of the Pod's nodeSelector that no node has, as far as all nodes were read.
func (pl placement) unmetLabels() []string {
	if pl.pod.Spec == nil || !pl.g.Complete(facts.Node, "") || len(pl.g.Nodes) == 0 {
		return nil
	}
	var unmet []string
	for _, entry := range pl.pod.Spec.NodeSelector {
		key, value, _ := strings.Cut(entry, "=")
		if !slices.ContainsFunc(pl.g.Nodes, func(n *facts.NodeNode) bool {
			has, ok := n.NodeLabels[key]
			return ok && has == value
		}) {
			unmet = append(unmet, entry)
		}
	}
	return unmet
}

// labelEvidence tells what the nodes have in place of what nodeSelector asks for.
func (pl placement) labelEvidence() []check.Evidence {
	if pl.pod.Spec == nil || len(pl.pod.Spec.NodeSelector) == 0 {
		return nil
	}
	evidence := []check.Evidence{check.FromSpec("nodeSelector: %s", strings.Join(pl.pod.Spec.NodeSelector, ", "))}
	for _, entry := range pl.unmetLabels() {
		key, _, _ := strings.Cut(entry, "=")
		var values []string
		for _, n := range pl.g.Nodes {
			if value, ok := n.NodeLabels[key]; ok && !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
		slices.Sort(values)
		if len(values) == 0 {
			evidence = append(evidence, check.FromSpec("no node has the label %s", key))
		} else {
			evidence = append(evidence, check.FromSpec("the nodes have %s=%s", key, phrase.List(values)))
		}
	}
	return evidence
}

func (pl placement) portText() string {
	ports := hostPorts(pl.pod)
	if len(ports) == 0 {
		return "a host port is in use on every matching node"
	}
	return fmt.Sprintf("%s %s %s in use on every "+
		"matching node", phrase.Plural(len(ports), "host port", "host ports"), strings.Join(ports, ", "), phrase.Plural(len(ports), "is",
		"are"))
}

// hostPorts are the ports of the node that a Pod takes, as 8080/TCP.
func hostPorts(pod *facts.PodNode) []string {
	if pod.Spec == nil {
		return nil
	}
	var ports []string
	for _, port := range pod.Spec.Ports {
		if port.HostPort != 0 {
			ports = append(ports, fmt.Sprintf("%d/%s", port.HostPort, facts.ProtocolOf(port.Protocol)))
		}
	}
	return ports
}

// portEvidence names Pods that have the host ports.
func (pl placement) portEvidence() []check.Evidence {
	wanted := hostPorts(pl.pod)
	var evidence []check.Evidence
	for _, other := range pl.g.Pods {
		if other.NodeName == "" || other.Phase == "Succeeded" || other.Phase == "Failed" {
			continue
		}
		for _, port := range hostPorts(other) {
			if slices.Contains(wanted, port) && len(evidence) < 3 {
				evidence = append(evidence,
					check.FromSpec("host port %s of node %s: Pod %s/%s", port, other.NodeName, other.Namespace, other.Name))
			}
		}
	}
	return evidence
}
