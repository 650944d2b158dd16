package pod

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// podSetupChecks are about what a node does for a Pod before its first container: volumes, network, sandbox.
func podSetupChecks() []check.Check {
	return []check.Check{
		{
			ID: "volume-mount-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Pod does not start because a volume cannot be attached or mounted.",
			Meaning: "The Pod has a node, but for longer than the startup grace its containers wait for a volume, and recent " +
				"events report that attaching or mounting it fails. Missing ConfigMaps and Secrets have their own checks.",
			Remediation: "Read the message in the evidence: a volume that is still attached to another node, a driver that does not " +
				"run on this one (`kubectl get csinodes`), a path that does not exist, a server that does not answer.",
			Link:  "https://kubernetes.io/docs/concepts/storage/volumes/",
			Needs: []facts.Kind{facts.Pod, facts.Event}, Uses: check.RollUpKinds(facts.PVC, facts.Node),
			ExplainedBy: append(append(check.ClaimFailures(), check.NodeOutages()...), "pod-stuck-terminating"), Run: mountFailed,
		},
		{
			ID: "pod-sandbox-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Pod does not start because its sandbox or network cannot be created.",
			Meaning: "The container runtime fails to set up the Pod before any container is created, for longer than the startup " +
				"grace. Usually the node's CNI plugin is the cause: not running, out of IP addresses, or misconfigured.",
			Remediation: "Look at the Pods of the network plugin on that node (`kubectl -n kube-system get pods -o wide`), and at the " +
				"logs of its kubelet and container runtime; the evidence has the error.",
			Link:  "https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/",
			Needs: []facts.Kind{facts.Pod, facts.Event}, Uses: check.RollUpKinds(),
			ExplainedBy: check.NodeOutages(), Run: sandboxFailed,
		},
	}
}

// setupRetry is how long the kubelet and the attach controller may wait until they try again and say so: their back-off ends
// at two minutes (pkg/util/goroutinemap/exponentialbackoff).
const setupRetry = 5 * time.Minute

// settingUp reports whether a Pod has a node, and that has not come to its containers although the grace is over.
func settingUp(g *facts.Graph, p check.Params, pod *facts.PodNode) bool {
	if !pod.IsActive() || pod.NodeName == "" || pod.Phase != "Pending" || !g.OlderThan(pod.Created, p.StartupGrace) || sandboxed(pod) {
		return false
	}
	return !slices.ContainsFunc(allContainers(pod), func(c facts.Container) bool {
		creating := c.State.Reason == "ContainerCreating" || c.State.Reason == "PodInitializing" || c.State.Status == facts.StateUnknown
		return !creating || c.Last().Status == facts.StateTerminated
	})
}

// sandboxed reports whether the kubelet has reported that the Pod's volumes are mounted and its sandbox and network are there.
func sandboxed(pod *facts.PodNode) bool {
	c, ok := pod.Condition("PodReadyToStartContainers")
	return ok && c.Status == "True"
}

func mountFailed(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if !settingUp(g, p, pod) {
			continue
		}
		seen := map[string]bool{}
		for _, e := range mountEvents(g, pod) {
			volume, claim := volumeOf(g, pod, volumeNamed(e.Message))
			if seen[volume] {
				continue
			}
			seen[volume] = true
			failures = append(failures,
				check.FailingPod{Pod: pod, Discriminator: volume, Finding: mountFinding(g, pod, e, volume, claim)})
		}
	}
	return check.RollUp(g, failures)
}

// mountEvents are the events about volumes that fail now, newest first; the kubelet's summary of what it still waits for
// only when there is no other.
func mountEvents(g *facts.Graph, pod *facts.PodNode) []*facts.EventNode {
	var events, summaries []*facts.EventNode
	for _, e := range g.EventsOf(pod.Ref) {
		switch {
		case e.Reason != "FailedMount" && e.Reason != "FailedAttachVolume" && e.Reason != "FailedMapVolume":
		case g.Now.Sub(e.Last) > setupRetry, len(parseMissing(e.Message)) > 0, strings.Contains(e.Message, "not registered"):
			// Over, or reported by another check, or only a kubelet that has not read its objects yet.
		case strings.HasPrefix(e.Message, "Unable to attach or mount volumes"):
			summaries = append(summaries, e)
		default:
			events = append(events, e)
		}
	}
	if len(events) == 0 && !slices.ContainsFunc(g.EventsOf(pod.Ref), func(e *facts.EventNode) bool {
		return e.Reason == "FailedMount" && len(parseMissing(e.Message)) > 0
	}) {
		return summaries
	}
	return events
}

// volumeNamed is the volume that an event names; empty when it names none.
func volumeNamed(message string) string {
	if name, ok := apimessage.QuotedAfter(message, "for volume "); ok {
		return name
	}
	_, rest, _ := strings.Cut(message, "unmounted volumes=[")
	name, _ := word(rest)
	return name
}

// volumeOf finds the volume of a Pod's spec that an event names, and its claim. Events name provisioned volumes by their
// PersistentVolume, which differs from Pod to Pod.
func volumeOf(g *facts.Graph, pod *facts.PodNode, named string) (volume string, claim facts.Ref) {
	if pod.Spec == nil || named == "" {
		return "", facts.Ref{}
	}
	for _, r := range pod.Spec.Refs {
		name, ok := strings.CutPrefix(r.Field, "volume ")
		if !ok {
			continue
		}
		ref := facts.Ref{Kind: r.Kind, Namespace: pod.Namespace, Name: r.Name}
		if name == named {
			if r.Kind != facts.PVC {
				ref = facts.Ref{}
			}
			return name, ref
		}
		if node, found := facts.Lookup[*facts.PVCNode](g, ref); found && node.Volume == named {
			return name, ref
		}
	}
	if strings.HasPrefix(named, "kube-api-access-") { // admission adds it to each Pod, with a random end
		return "kube-api-access", facts.Ref{}
	}
	if len(pod.Claims()) == 0 {
		return named, facts.Ref{} // no PersistentVolume, so it is the spec's own name
	}
	return "", facts.Ref{}
}

func mountFinding(g *facts.Graph, pod *facts.PodNode, e *facts.EventNode, volume string, claim facts.Ref) check.Finding {
	why, fix := mountText(e.Message)
	what := "A volume"
	if volume != "" {
		what = "Volume " + volume
	}
	f := check.Finding{
		Message:     fmt.Sprintf("%s of %s cannot be mounted: %s.", what, g.OwnerName(pod), why),
		Remediation: fix, RestrictToCulprits: true,
		Evidence: []check.Evidence{check.FromEvent(e), check.FromSpec("node %s", pod.NodeName)},
	}
	if claim.IsZero() {
		f.Culprits = pod.Claims()
	} else {
		f.Culprits = []facts.Ref{claim}
		f.Evidence = append(f.Evidence, check.FromSpec("volume %s: PersistentVolumeClaim %s", volume, claim.Name))
	}
	f.Culprits = append(f.Culprits, facts.Ref{Kind: facts.Node, Name: pod.NodeName})
	return attachedElsewhere(g, pod, e, claim, f)
}

// mountText says in stable words why a volume cannot be attached or mounted, and what to do; the latter may be
// empty. The texts are those of pkg/volume, of the attach controller, of CSI drivers and of mount(8).
func mountText(message string) (why string, fix remedy.Text) {
	has := func(texts ...string) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(message, t) })
	}
	switch {
	case has(multiAttach):
		return "it is attached to another node and supports only one",
			"Find the Pod that still has it (`kubectl describe pvc <name>` under Used By) and let it go first: use strategy Recreate " +
				"for a Deployment with such a volume; if its node is down for good, taint it node.kubernetes.io/out-of-service."
	case has("list of registered CSI drivers"):
		return "its CSI driver is not running on the node",
			"See whether the driver's DaemonSet has a ready Pod on that node: `kubectl get csinodes`, `kubectl get pods -A -o wide`."
	case has("failed to sync configmap cache", "failed to sync secret cache"):
		return "the kubelet timed out reading its ConfigMap or Secret from the API server", "Look at the connection of the node to the " +
			"API server, and at the kubelet's log."
	case has("access denied", "permission denied", "Permission denied", "PermissionDenied"):
		return "the storage server denied access to the node", "Check exports, credentials and permissions on the storage server."
	case has("wrong fs type", "bad option", "unknown filesystem type", "exit status 32"):
		return "wrong filesystem type or mount options, or the node has no mount helper",
			"Install the helper on the nodes (nfs-common, cifs-utils), or correct fsType, server, path and mountOptions of the volume."
	case has("no such file or directory", "does not exist", "hostPath type check failed"):
		return "its path does not exist on the node or server, or has the wrong type", "Make the path there, correct it in the volume, " +
			"or use type DirectoryOrCreate for a hostPath."
	case has("volume attachment is being deleted", "is not attached", "not yet attached"):
		return "it is not yet attached to the node", "Look at its attachment: `kubectl get volumeattachments`, and at the log of the " +
			"driver's controller."
	case has("timed out", "DeadlineExceeded", "deadline exceeded", "connection refused", "no route to host"):
		return "the storage server or CSI driver timed out", "Check that the storage server can be reached from the node, and look at " +
			"the log of the CSI driver's Pod there."
	default:
		return "see the evidence", ""
	}
}

func sandboxFailed(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if !settingUp(g, p, pod) {
			continue
		}
		e := check.NewestEvent(g, pod.Ref, "FailedCreatePodSandBox", "FailedPodSandBoxStatus", "NetworkNotReady")
		if e == nil || g.Now.Sub(e.Last) > setupRetry {
			continue
		}
		why, fix := sandboxText(e.Message)
		failures = append(failures, check.FailingPod{Pod: pod, Finding: check.Finding{
			Message:            fmt.Sprintf("Pods of %s are stuck in sandbox creation: %s.", g.OwnerName(pod), why),
			Remediation:        fix,
			Evidence:           []check.Evidence{check.FromEvent(e), check.FromSpec("node %s", pod.NodeName)},
			Culprits:           []facts.Ref{{Kind: facts.Node, Name: pod.NodeName}},
			RestrictToCulprits: true,
		}})
	}
	return check.RollUp(g, failures)
}

// sandboxText says in stable words why a Pod gets no sandbox, and what to do; the latter may be empty. The texts are
// those of containerd, CRI-O and the reference CNI plugins.
func sandboxText(message string) (why string, fix remedy.Text) {
	has := func(texts ...string) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(message, t) })
	}
	switch {
	case has("no IP addresses available", "failed to assign an IP address", "no available IP", "InsufficientFreeAddresses",
		"failed to allocate for range"):
		return "the node has no free IP addresses for Pods", "Give the node's network a larger range, fewer Pods, or clear leaked " +
			"addresses (restart the network plugin's Pod on that node)."
	case has("cni plugin not initialized", "cni config uninitialized", "NetworkPluginNotReady", "network is not ready"):
		return "the node's CNI plugin is not initialized", "See whether the network plugin's Pod runs on that node: `kubectl -n " +
			"kube-system get pods -o wide`."
	case has("no runtime for", "RuntimeHandler", "runtime handler"):
		return "the node's container runtime has no handler for the Pod's RuntimeClass", "Install that runtime on the nodes, or set " +
			"runtimeClassName to one that they have: `kubectl get runtimeclasses`."
	case has("sandbox image"):
		return "the sandbox (pause) image cannot be pulled", "Let the nodes reach the registry of the pause image, or name one that " +
			"they reach in the runtime's configuration (sandbox_image)."
	case has("no space left on device"):
		return "the node's disk is full", "Free or enlarge the disk of the node."
	case has("plugin type=", "cni", "CNI", "network for pod"):
		return "the CNI plugin failed", ""
	case has("DeadlineExceeded", "deadline exceeded"):
		return "the container runtime timed out", "Look at the node's load and disk, and at the log of its container runtime."
	default:
		return "see the evidence", ""
	}
}
