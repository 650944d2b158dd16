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
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

func podLifecycleChecks() []check.Check {
	return append([]check.Check{
		{
			ID: "pod-stuck-terminating", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A Pod is stuck terminating.",
			Meaning: "The Pod's grace period and the terminating grace have passed. Either its node is not ready, a finalizer is " +
				"not removed, or the kubelet has not reported that the containers stopped. A StatefulSet does not recreate the Pod " +
				"until it is gone.",
			Remediation: "With a finalizer, see why its controller does not remove it. Otherwise check the node (`kubectl describe " +
				"node <node>`) and its kubelet. `kubectl delete pod <pod> --force` removes only the API object: use it only when the " +
				"containers have certainly stopped, or data may be lost.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination",
			Needs: []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(facts.Node, facts.Event),
			ExplainedBy: []string{"node-not-ready"}, Run: stuckTerminating, Terminating: true,
		},
		{
			ID: "pod-evicted", Category: v1alpha1.CategoryCapacity,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "The kubelet evicted Pods because of node pressure or a local storage limit.",
			Meaning: "The kubelet evicted the Pod within the recent window (an hour unless set), because its node ran low on " +
				"memory, disk or PIDs, or because the Pod exceeded a local storage limit.",
			Remediation: "Set requests that match actual usage, limit what fills the node (logs, emptyDir), or use larger nodes. " +
				"`kubectl delete pod <pod>` removes an evicted Pod.",
			Link:  "https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
			Needs: []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(),
			ExplainedBy: []string{"node-pressure"}, Run: evicted,
		},
	}, podSetupChecks()...)
}

func stuckTerminating(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if pod.Deleting.IsZero() || !g.OlderThan(pod.Deleting, p.TerminatingGrace) {
			continue
		}
		discriminator, f := stuckPod(g, pod)
		f.RestrictToCulprits = true
		f.Evidence = append(
			[]check.Evidence{check.FromSpec("Pod %s should have been removed by %s", pod.Name, pod.Deleting.UTC().Format(time.RFC3339))},
			f.Evidence...)
		if e := check.NewestEvent(g, pod.Ref, "FailedKillPod", "FailedPreStopHook", "ExceededGracePeriod"); e != nil {
			f.Evidence = append(f.Evidence, check.FromEvent(e))
		}
		failures = append(failures, check.FailingPod{Pod: pod, Discriminator: discriminator, Terminating: true, Finding: f})
	}
	return check.RollUp(g, failures)
}

// stuckPod says what a Pod that is being deleted waits for.
func stuckPod(g *facts.Graph, pod *facts.PodNode) (discriminator string, f check.Finding) {
	ended := !slices.ContainsFunc(allContainers(pod), func(c facts.Container) bool { return c.State.Status == facts.StateRunning })
	node := facts.Ref{Kind: facts.Node, Name: pod.NodeName}
	state := nodeState(g, node)
	who := "A Pod of " + g.OwnerName(pod)
	if g.TopOwner(pod.Ref) == pod.Ref {
		who = "Pod " + pod.Name
	}
	switch {
	case state != "" && (!ended || len(pod.Finalizers) == 0):
		return "node", check.Finding{
			Message:  fmt.Sprintf("%s is stuck terminating: its node %s %s.", who, pod.NodeName, state),
			Culprits: []facts.Ref{node},
			Evidence: []check.Evidence{check.FromCondition("node %s %s", pod.NodeName, state)},
			Remediation: remedy.Sprintf("Recover node %[1]s, or, if it is gone permanently, remove it (`kubectl delete node %[1]s`): its "+
				"Pods are deleted too. To detach volumes immediately, taint it first: `kubectl taint node %[1]s "+
				"node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`.", pod.NodeName),
		}
	case len(pod.Finalizers) > 0:
		names := strings.Join(slices.Sorted(slices.Values(pod.Finalizers)), ", ")
		return names, check.Finding{
			Message: fmt.Sprintf("%s is stuck terminating: %s %s not removed.", who,
				phrase.Plural(len(pod.Finalizers), "finalizer", "finalizers"), names+phrase.Plural(len(pod.Finalizers), " is", " are")),
			Evidence: []check.Evidence{check.FromSpec("finalizers: %s", names)},
			Remediation: remedy.Sprintf("Check whether its controller is running and why it does not finish. Only if the controller is "+
				"gone permanently, remove the finalizers (its cleanup is skipped): `kubectl -n %s patch pod %s --type=json -p "+
				"'[{\"op\":\"remove\",\"path\":\"/metadata/finalizers\"}]'`.", pod.Namespace, pod.Name),
		}
	default:
		f = check.Finding{
			Message: fmt.Sprintf("%s is stuck terminating: the kubelet has not reported that its containers stopped.", who),
			Remediation: remedy.Sprintf("Look at the kubelet and the container runtime of node %s: a process may hang in a dead mount "+
				"(NFS), or the runtime may be stuck. Only when the containers have certainly stopped: `kubectl -n %s delete pod %s "+
				"--force`.", pod.NodeName, pod.Namespace, pod.Name),
		}
		if pod.NodeName != "" {
			f.Evidence = []check.Evidence{check.FromSpec("node %s", pod.NodeName)}
			f.Culprits = []facts.Ref{node}
		}
		return "kubelet", f
	}
}

// nodeState says what is wrong with the node of a Pod; empty when nothing is, or when it is not known.
func nodeState(g *facts.Graph, ref facts.Ref) string {
	if ref.Name == "" {
		return ""
	}
	node, ok := facts.Lookup[*facts.NodeNode](g, ref)
	if !ok {
		if g.Complete(facts.Node, "") {
			return "no longer exists"
		}
		return ""
	}
	if ready, told := node.Condition("Ready"); told && ready.Status != "True" {
		return "is not ready"
	}
	return ""
}

func evicted(g *facts.Graph, p check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if pod.Phase != "Failed" || pod.Reason != "Evicted" || !pod.Deleting.IsZero() || !recent(g, p, ended(pod)) {
			continue
		}
		e := parseEviction(pod.Message)
		f := check.Finding{
			Message:     fmt.Sprintf("Pods of %s were evicted: %s.", g.OwnerName(pod), e.why),
			Remediation: removeFailed(g, e.remedy, pod), RestrictToCulprits: true,
			Evidence: []check.Evidence{check.FromCondition("Pod %s: %s", pod.Name, pod.Message)},
		}
		if g.TopOwner(pod.Ref) == pod.Ref {
			f.Message = fmt.Sprintf("Pod %s was evicted: %s.", pod.Name, e.why)
		}
		if pod.NodeName != "" {
			f.Evidence = append(f.Evidence, check.FromSpec("node %s", pod.NodeName))
			if e.ofNode {
				f.Culprits = []facts.Ref{{Kind: facts.Node, Name: pod.NodeName}}
			}
		}
		failures = append(failures, check.FailingPod{Pod: pod, Discriminator: e.resource, Finding: f})
	}
	return check.RollUp(g, failures)
}

// removeFailed adds to a remedy how to remove the Pods that failed: they stay, with their findings, until they are deleted or an hour has
// passed. Others that failed in the namespace are left alone, such as those of Jobs, whose logs say why. A remedy that is empty is that
// of the check.
func removeFailed(g *facts.Graph, fix remedy.Text, pod *facts.PodNode) remedy.Text {
	if fix == "" {
		return ""
	}
	owner, ok := facts.Lookup[*facts.WorkloadNode](g, g.TopOwner(pod.Ref))
	if !ok || !owner.Selector.Matches(pod.Labels) || owner.Selector.String() == "" {
		return fix + remedy.Sprintf(" Then remove the failed Pod: `kubectl -n %s delete pod %s`.", pod.Namespace, pod.Name)
	}
	return fix + remedy.Sprintf(" Then remove the failed Pods: `kubectl -n %s delete pods -l %s --field-selector status.phase=Failed`.",
		pod.Namespace, owner.Selector.String())
}

// eviction is why the kubelet evicted a Pod.
type eviction struct {
	// resource that was short; empty when it is not told.
	resource string
	// ofNode says that the node ran short, not that the Pod broke a limit of its own.
	ofNode bool
	why    string
	remedy remedy.Text
}

// parseEviction reads the message of an evicted Pod (pkg/kubelet/eviction/helpers.go).
func parseEviction(message string) eviction {
	if _, rest, ok := strings.Cut(message, "low on resource: "); ok {
		resource, _ := word(rest)
		resource = strings.TrimRight(resource, ".")
		e := eviction{resource: resource, ofNode: true, why: "their node ran low on " + resource}
		switch resource {
		case "memory":
			e.remedy = "Give the containers a memory request that matches actual usage (Pods far above it are evicted first), or give " +
				"the node more memory or fewer Pods."
		case "ephemeral-storage", "inodes", "nodefs", "imagefs":
			e.remedy = "Find what fills the node's disk: container logs, emptyDir volumes, unused images. Set ephemeral-storage " +
				"requests and limits, or give the node a larger disk."
		case "pids":
			e.remedy = "Find what starts so many processes, and set the kubelet's podPidsLimit."
		}
		return e
	}
	switch {
	case strings.Contains(message, "EmptyDir volume"):
		volume, _ := apimessage.QuotedAfter(message, "EmptyDir volume ")
		return eviction{resource: "emptydir/" + volume, why: "emptyDir volume " + volume + " exceeded its sizeLimit",
			remedy: "Raise sizeLimit of the emptyDir volume in the Pod template, or make the program clean up what it writes there."}
	case strings.Contains(message, "ephemeral storage limit"), strings.Contains(message, "ephemeral local storage usage exceeds"):
		return eviction{resource: "ephemeral-storage-limit", why: "they exceeded their ephemeral-storage limit",
			remedy: "Raise limits.ephemeral-storage in the Pod template, or write less: logs and files outside of volumes count, " +
				"emptyDir volumes too."}
	case strings.Contains(message, "The node had condition"):
		return eviction{resource: "condition", ofNode: true, why: "their node was under pressure"}
	default:
		return eviction{why: "see the evidence"}
	}
}

// ended is when a finished Pod ended, as far as it tells: when it was disrupted, else the last end of a container, else the
// last change of Ready, else its start.
func ended(pod *facts.PodNode) (at time.Time) {
	if disrupted, ok := pod.Condition("DisruptionTarget"); ok && !disrupted.Since.IsZero() {
		return disrupted.Since
	}
	for _, c := range allContainers(pod) {
		if c.State.Finished.After(at) {
			at = c.State.Finished
		}
	}
	for _, other := range []time.Time{pod.ReadySince, pod.Started, pod.Created} {
		if at.IsZero() {
			at = other
		}
	}
	return at
}
