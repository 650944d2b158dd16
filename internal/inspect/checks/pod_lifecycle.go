package checks

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func podLifecycleChecks() []Check {
	return []Check{
		{
			ID: "pod-stuck-terminating", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A Pod is being deleted and does not go away.",
			Meaning: "The Pod's own grace period and the grace for terminating are over. Either a finalizer waits for its controller, " +
				"or the kubelet of its node has not said that the containers have ended.",
			Remediation: "With a finalizer: see why the controller that set it does not take it off, before taking it off by hand (kubectl edit pod). " +
				"Without: look at the node (kubectl describe node) and its kubelet.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.Node, facts.ReplicaSet, facts.Job},
			ExplainedBy: []string{"node-not-ready"}, Run: stuckTerminating,
		},
		{
			ID: "pod-evicted", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityMedium,
			Summary: "A node ran short of something and evicted Pods.",
			Meaning: "The kubelet ended the Pod within the recent window, because its node ran low on memory, disk or process ids, or because the Pod used more " +
				"local storage than it may.",
			Remediation: "Set requests that tell what the Pod really uses, limit what fills the node (logs, emptyDir), or give the node more; " +
				"kubectl delete pod --field-selector status.phase=Failed removes what is left of evicted Pods.",
			Link:  "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.Node, facts.ReplicaSet, facts.Job},
			ExplainedBy: []string{"node-pressure"}, Run: evicted,
		},
		{
			ID: "volume-mount-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Pod does not start, because a volume cannot be attached or mounted.",
			Meaning: "The Pod has a node, but its containers wait for a volume, and events say that attaching or mounting it fails. " +
				"Missing ConfigMaps and Secrets are reported as that instead.",
			Remediation: "Read the message in the evidence: a volume that is still attached to another node, a driver that is not on this node " +
				"(kubectl get csinodes), a path that does not exist, a server that does not answer.",
			Link:  "https://kubernetes.io/docs/concepts/storage/volumes/",
			Needs: []facts.Kind{facts.Pod, facts.Event}, Uses: []facts.Kind{facts.ReplicaSet, facts.Job, facts.PVC},
			ExplainedBy: append(claimFailures(), "node-not-ready"), Run: mountFailed,
		},
		{
			ID: "pod-sandbox-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Pod does not start, because its node cannot give it a network or a sandbox.",
			Meaning: "The container runtime fails to set up the Pod before any container is made. Mostly the network plugin (CNI) of the node is at fault: " +
				"not running, without free addresses, or wrongly configured.",
			Remediation: "Look at the Pods of the network plugin on that node, and at the node's kubelet and container runtime; the evidence has the runtime's words.",
			Link:        "https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/",
			Needs:       []facts.Kind{facts.Pod, facts.Event}, Uses: []facts.Kind{facts.ReplicaSet, facts.Job},
			ExplainedBy: []string{"node-not-ready", "node-network-unavailable", "daemonset-unavailable"}, Run: sandboxFailed,
		},
	}
}

func stuckTerminating(g *facts.Graph, p Params) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if pod.Deleting.IsZero() || g.Now.Sub(pod.Deleting) < p.TerminatingGrace {
			continue
		}
		f := Finding{Evidence: []Evidence{spec("to be gone since %s", pod.Deleting.UTC().Format("2006-01-02 15:04:05 MST"))}}
		discriminator := ""
		if len(pod.Finalizers) > 0 {
			names := slices.Sorted(slices.Values(pod.Finalizers))
			discriminator = strings.Join(names, ",")
			f.Message = fmt.Sprintf("A Pod is being deleted and waits for the %s %s.", plural(len(names), "finalizer", "finalizers"), strings.Join(names, ", "))
		} else {
			f.Message = "A Pod is being deleted, but the kubelet of its node has not said that its containers have ended."
			if pod.NodeName != "" {
				f.Evidence = append(f.Evidence, spec("it is on node %s", pod.NodeName))
				f.Because = []facts.Ref{{Kind: facts.Node, Name: pod.NodeName}}
			}
		}
		failures = append(failures, failure{pod: pod, discriminator: discriminator, finding: f})
	}
	return rollup(g, failures)
}

func evicted(g *facts.Graph, p Params) []Finding {
	pattern := regexp.MustCompile(`low on resource: ([a-z-]+)`)
	var failures []failure
	for _, pod := range g.Pods {
		if pod.Phase != "Failed" || pod.Reason != "Evicted" || !pod.Deleting.IsZero() || !recent(g, p, ended(pod)) {
			continue
		}
		short := ""
		message := "The kubelet evicted Pods: " + sentence(firstSentence(pod.Message))
		if m := pattern.FindStringSubmatch(pod.Message); m != nil {
			short = m[1]
			message = fmt.Sprintf("The kubelet evicted Pods, because their node ran low on %s.", short)
		}
		f := Finding{Message: message, Evidence: []Evidence{condition("Pod %s: %s", pod.Name, pod.Message)}}
		if pod.NodeName != "" {
			f.Because = []facts.Ref{{Kind: facts.Node, Name: pod.NodeName}}
		}
		failures = append(failures, failure{pod: pod, discriminator: short, finding: f})
	}
	return rollup(g, failures)
}

// ended is when a finished Pod ended, as far as it tells: the last end of a container, else the last change of Ready, else
// its start.
func ended(pod *facts.PodNode) (at time.Time) {
	for _, c := range allContainers(pod) {
		if c.State.Finished.After(at) {
			at = c.State.Finished
		}
	}
	switch {
	case !at.IsZero():
		return at
	case !pod.ReadySince.IsZero():
		return pod.ReadySince
	default:
		return pod.Started
	}
}

func firstSentence(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	return first
}

func mountFailed(g *facts.Graph, p Params) []Finding {
	volume := regexp.MustCompile(`(?:for volume|volume) "([^"]+)"`)
	var failures []failure
	for _, pod := range g.Pods {
		if !starting(g, p, pod) {
			continue
		}
		for _, e := range g.EventsOf(pod.Ref) {
			if e.Reason != "FailedMount" && e.Reason != "FailedAttachVolume" {
				continue
			}
			if _, missing := parseMissing(e.Message); missing || strings.HasPrefix(e.Message, "Unable to attach or mount volumes") {
				continue // said better by another check, or by the event about the volume itself
			}
			name := ""
			if m := volume.FindStringSubmatch(e.Message); m != nil {
				name = " " + m[1]
			}
			f := Finding{Message: fmt.Sprintf("Volume%s cannot be attached or mounted, so the containers wait.", name), Evidence: []Evidence{event(e)}}
			if pod.Spec != nil {
				for _, r := range pod.Spec.Refs {
					if r.Kind == facts.PVC {
						f.Because = append(f.Because, facts.Ref{Kind: facts.PVC, Namespace: pod.Namespace, Name: r.Name})
					}
				}
			}
			failures = append(failures, failure{pod: pod, discriminator: volumeIdentity(pod, name), finding: f})
			break
		}
	}
	return rollup(g, failures)
}

// volumeIdentity is the name of a volume as the Pod's template has it. Names of provisioned volumes, pvc-<uid>, differ
// from Pod to Pod and so are none.
func volumeIdentity(pod *facts.PodNode, name string) string {
	name = strings.TrimSpace(name)
	if pod.Spec != nil && slices.ContainsFunc(pod.Spec.Refs, func(r facts.SpecRef) bool { return r.Field == "volume "+name }) {
		return name
	}
	return ""
}

func sandboxFailed(g *facts.Graph, p Params) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !starting(g, p, pod) {
			continue
		}
		e := newestEvent(g, pod.Ref, "FailedCreatePodSandBox", "FailedPodSandBoxStatus")
		if e == nil {
			continue
		}
		failures = append(failures, failure{pod: pod, finding: Finding{
			Message:  "The node cannot give the Pods a network or a sandbox, so no container is made.",
			Evidence: []Evidence{event(e), spec("node %s", pod.NodeName)},
			Because:  []facts.Ref{{Kind: facts.Node, Name: pod.NodeName}},
		}})
	}
	return rollup(g, failures)
}

// starting says whether a Pod has a node, and its containers still wait to be made although the grace is over.
func starting(g *facts.Graph, p Params, pod *facts.PodNode) bool {
	if !atWork(pod) || pod.NodeName == "" || pod.Phase != "Pending" || g.Now.Sub(pod.Created) < p.StartupGrace {
		return false
	}
	for _, c := range allContainers(pod) {
		if c.State.Status == facts.StateWaiting && c.State.Reason != "ContainerCreating" && c.State.Reason != "PodInitializing" {
			return false
		}
	}
	return true
}
