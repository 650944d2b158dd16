// Package scheduling checks why Pods cannot be scheduled.
package scheduling

import (
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// Checks are all checks of Pods that cannot be scheduled, in no fixed order.
func Checks() []check.Check {
	unschedulable := func(class schedulingClass, summary string, remediation remedy.Text, link string) check.Check {
		return check.Check{
			ID: class.check(), Category: v1alpha1.CategoryCapacity, Class: v1alpha1.ClassProblem,
			Severity: v1alpha1.SeverityHigh, Summary: summary,
			Meaning: "A Pod has been pending longer than the startup grace, and the scheduler reports why each node was rejected. " +
				"The reason that excludes the most nodes decides which check reports it (storage first, since it excludes all); the " +
				"evidence lists every reason. Pods with scheduling gates are ignored.",
			Remediation: remediation, Link: "https://kubernetes.io/docs/" + link,
			Needs: []facts.Kind{facts.Pod}, Uses: check.RollUpKinds(facts.Node, facts.PVC, facts.PV),
			ExplainedBy: check.NodeFailures(),
			Run:         func(g *facts.Graph, p check.Params) []check.Finding { return unschedulable(g, p, class) },
		}
	}
	all := []check.Check{
		unschedulable(classResources, "A Pod cannot be scheduled: no node has enough free capacity.",
			"Lower the Pod's requests to what it needs, free or add nodes, or let a cluster autoscaler add them; `kubectl describe "+
				"nodes` shows requests under Allocated "+
				"resources.",
			"concepts/configuration/manage-resources-containers/#my-pods-are-pending-with-event-message-failedscheduling"),
		unschedulable(classAffinity, "A Pod cannot be scheduled: no node matches its selector, affinity or topology spread constraints.",
			"Compare nodeSelector, affinity and topologySpreadConstraints of the Pod template with `kubectl get nodes --show-labels`.",
			"concepts/scheduling-eviction/assign-pod-node/"),
		unschedulable(classTaints, "A Pod cannot be scheduled: the matching nodes are tainted or cordoned.",
			"Add a toleration to the Pod template if the Pod belongs there, remove the taint (`kubectl taint nodes <node> <key>-`), or "+
				"`kubectl uncordon <node>`.",
			"concepts/scheduling-eviction/taint-and-toleration/"),
		unschedulable(classVolume, "A Pod cannot be scheduled: its storage is not available.",
			"Look at the PersistentVolumeClaims of the Pod (`kubectl describe pvc <name>`): missing, not bound, or bound to a volume "+
				"that only other nodes reach.",
			"concepts/storage/persistent-volumes/"),
		unschedulable(classPorts, "A Pod cannot be scheduled: its host port is in use on every node.",
			"Give the Pod another hostPort, or none: a Service reaches it without. With hostNetwork every container port is a host port.",
			"concepts/configuration/overview/"),
		unschedulable(classOther, "A Pod cannot be scheduled for another reason, or no scheduler has processed it.",
			"Read the reasons in the evidence; `kubectl get nodes` shows whether there are any nodes, `kubectl describe pod <pod>` "+
				"what the scheduler says.",
			"concepts/scheduling-eviction/kube-scheduler/"),
	}
	for i := range all {
		if all[i].ID == classVolume.check() {
			all[i].Category = v1alpha1.CategoryReliability
			all[i].ExplainedBy = append(check.ClaimFailures(), check.NodeFailures()...)
		}
		if all[i].ID == classAffinity.check() || all[i].ID == classTaints.check() || all[i].ID == classPorts.check() {
			all[i].Category = v1alpha1.CategoryConfiguration
		}
	}
	return all
}

// placement is the search for nodes for one Pod.
type placement struct {
	g       *facts.Graph
	pod     *facts.PodNode
	class   schedulingClass
	reasons []schedulingReason
	// said is the scheduler's message; empty when no scheduler has said anything.
	said    string
	devices *devices
}

// unschedulable are the findings of one of the scheduling checks: one on each workload.
func unschedulable(g *facts.Graph, p check.Params, class schedulingClass) []check.Finding {
	var failures []check.FailingPod
	apart := nodesApart(g)
	counted := &devices{g, map[string]device{}}
	for _, pod := range g.Pods {
		pl, ok := search(g, p, pod, apart)
		if !ok || pl.class != class {
			continue
		}
		pl.devices = counted
		f := check.Finding{Culprits: pl.because(), RestrictToCulprits: true}
		f.Message, f.Remediation = pl.text()
		if pl.said != "" {
			f.Evidence = append(f.Evidence, check.FromCondition("scheduler: %s", pl.said))
		} else {
			f.Evidence = append(f.Evidence, check.FromCondition("the Pod has no node and no PodScheduled condition"))
		}
		f.Evidence = append(f.Evidence, pl.evidence()...)
		failures = append(failures, check.FailingPod{Pod: pod, Finding: f})
	}
	return check.RollUp(g, failures)
}

// search judges a Pod that has waited too long for a node; it is false for any other Pod.
func search(g *facts.Graph, p check.Params, pod *facts.PodNode, apart int) (placement, bool) {
	if pod.NodeName != "" || !pod.IsActive() {
		return placement{}, false
	}
	pl := placement{g: g, pod: pod, class: classOther}
	scheduled, told := pod.Condition("PodScheduled")
	switch {
	case !told:
		// While the scheduler waits for a volume it says nothing, up to ten minutes long.
		return pl, g.OlderThan(pod.Created, p.StartupGrace+10*time.Minute)
	case scheduled.Status != "False" || scheduled.Reason == "SchedulingGated" || !g.OlderThan(since(scheduled, pod), p.StartupGrace):
		return placement{}, false
	}
	pl.said = scheduled.Message
	pl.reasons = parseScheduling(scheduled.Message)
	// With reason SchedulerError, the scheduler had found a node, and something went wrong on the way: mostly the volume.
	if class := dominant(pl.reasons, apart); scheduled.Reason == "Unschedulable" || class == classVolume {
		pl.class = class
	}
	return pl, true
}

// since is when a condition last changed, or when the object was created.
func since(c facts.Condition, pod *facts.PodNode) time.Time {
	if c.Since.IsZero() {
		return pod.Created
	}
	return c.Since
}

// says is whether one of the reasons holds a text.
func (pl placement) says(text string) bool {
	return slices.ContainsFunc(pl.reasons, func(r schedulingReason) bool { return strings.Contains(r.text, text) })
}

// text is the message, in words that are stable while nodes come and go, and what to do; the latter may be empty.
func (pl placement) text() (message string, fix remedy.Text) {
	message = "Pods of " + pl.g.OwnerName(pl.pod) + " cannot be scheduled: "
	if pl.g.TopOwner(pl.pod.Ref) == pl.pod.Ref {
		message = "Pod " + pl.pod.Name + " cannot be scheduled: "
	}
	var why string
	switch pl.class {
	case classVolume:
		why, fix = pl.volumeText()
	case classResources:
		why, fix = pl.resourceText()
	case classAffinity:
		why, fix = pl.affinityText()
	case classTaints:
		why, fix = pl.taintText()
	case classPorts:
		why = pl.portText()
	default:
		why, fix = pl.otherText()
	}
	return message + why + ".", fix
}

func (pl placement) otherText() (why string, fix remedy.Text) {
	switch {
	case pl.said == "":
		return "no scheduler has processed it", "See whether the scheduler runs (`kubectl -n kube-system get pods`), and whether " +
			"spec.schedulerName of the Pod template names one that exists."
	case len(pl.g.Nodes) == 0 && pl.g.Complete(facts.Node, ""),
		strings.Contains(pl.said, "no nodes available"),
		strings.Contains(pl.said, "0/0 nodes"):
		return "the cluster has no usable nodes", "Add a node, or see why those that should be there did not join: `kubectl get nodes`."
	case len(pl.reasons) == 0:
		return "the scheduler gives no reason", ""
	default:
		return "unrecognized scheduler reason, see the evidence", ""
	}
}

// because are the objects that the reasons point at: claims that are not bound, nodes that take no Pods. Where other nodes
// do not fit by their labels, only those that would fit count.
func (pl placement) because() []facts.Ref {
	var refs []facts.Ref
	if pl.class == classVolume {
		for _, claim := range pl.pod.Claims() {
			if node, ok := facts.Lookup[*facts.PVCNode](pl.g, claim); !ok || node.Phase != "Bound" || !node.Deleting.IsZero() {
				refs = append(refs, claim)
			}
		}
		if len(refs) == 0 {
			refs = pl.pod.Claims()
		}
	}
	if pl.class == classTaints || pl.class == classAffinity || pl.class == classVolume && pl.says("were unschedulable") {
		for _, n := range pl.g.Nodes {
			if n.ClosedReason() != "" && (pl.class != classAffinity || pl.selects(n)) {
				refs = append(refs, n.Ref)
			}
		}
	}
	return refs
}

// selects reports whether the Pod asks for labels, and a node has them all.
func (pl placement) selects(n *facts.NodeNode) bool {
	return pl.pod.Spec != nil && len(pl.pod.Spec.NodeSelector) > 0 &&
		!slices.ContainsFunc(pl.pod.Spec.NodeSelector, func(entry string) bool {
			key, value, _ := strings.Cut(entry, "=")
			has, ok := n.NodeLabels[key]
			return !ok || has != value
		})
}
