package pod

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// multiAttach is how the attach controller begins its refusal: Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) a.
const multiAttach = "Multi-Attach error"

// attachedElsewhere joins a volume that another node has with the Pod that uses it there.
func attachedElsewhere(g *facts.Graph, pod *facts.PodNode, e *facts.EventNode, claim facts.Ref, f check.Finding) check.Finding {
	if !strings.Contains(e.Message, multiAttach) || claim.IsZero() || !g.Complete(facts.Pod, pod.Namespace) {
		return f
	}
	holder := holderOf(g, pod, claim)
	if holder == nil {
		f.Evidence = append(f.Evidence, check.FromCondition("no other Pod that has a node uses the claim"))
		f.Remediation = remedy.Sprintf("No Pod uses it: it is detached within about six minutes after its last Pod there ended, or " +
			"not at " +
			"all while that node is down. `kubectl get volumeattachments` shows the node; if it is down for good: `kubectl taint node " +
			"<node> node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`, after which its volumes are detached by force.")
		return f
	}
	state := "runs"
	if !holder.Deleting.IsZero() {
		state = "is being deleted"
	}
	f.Evidence = append(f.Evidence, check.FromCondition("Pod %s of %s, which uses the claim, %s on node %s", holder.Name,
		g.OwnerName(holder), state, holder.NodeName))
	f.Culprits = append(f.Culprits, facts.Ref{Kind: facts.Node, Name: holder.NodeName})
	owner := g.TopOwner(pod.Ref)
	switch other := g.TopOwner(holder.Ref); {
	case nodeDown(g, holder.NodeName):
		f.Message = strings.TrimSuffix(f.Message, ".") + ", which is not ready."
		f.Remediation = remedy.Sprintf("Bring node %[1]s back. If it is shut down for good: `kubectl taint node %[1]s "+
			"node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`, after which its Pods are deleted and its volumes detached by "+
			"force. "+
			"A program that still runs there would then write to the volume together with the new Pod.", holder.NodeName)
	case !holder.Deleting.IsZero():
		f.Message = strings.TrimSuffix(f.Message, ".") + ", by a Pod that is being deleted."
		f.Remediation = remedy.Sprintf("Wait until Pod %[2]s has ended; `kubectl -n %[1]s describe pod %[2]s` shows what keeps it.",
			holder.Namespace, holder.Name)
	case other == owner && owner.Kind == facts.Deployment:
		f.Message = strings.TrimSuffix(f.Message, ".") + fmt.Sprintf(", by another Pod of Deployment %s.", owner.Name)
		f.Remediation = remedy.Sprintf("Replace the Pods one after the other instead of side by side, and use one replica: `kubectl -n %s "+
			"patch deployment %s --type=merge -p "+
			"'{\"spec\":{\"replicas\":1,\"strategy\":{\"type\":\"Recreate\",\"rollingUpdate\":null}}}'`. "+
			"Several replicas need access mode ReadWriteMany, or a StatefulSet with a claim for each Pod.", owner.Namespace, owner.Name)
	default:
		f.Message = strings.TrimSuffix(f.Message, ".") + fmt.Sprintf(", by %s.", g.OwnerName(holder))
		f.Remediation = remedy.Sprintf("Run both on one node (a podAffinity to the Pods of %s), give each a claim of its own, or use a "+
			"volume with access mode ReadWriteMany.", g.OwnerName(holder))
	}
	return f
}

// holderOf is a Pod that uses a claim on another node, first one that is not ending; nil if there is none.
func holderOf(g *facts.Graph, pod *facts.PodNode, claim facts.Ref) *facts.PodNode {
	var holder *facts.PodNode
	for _, other := range g.PodsIn(pod.Namespace) {
		if other == pod || other.NodeName == "" || other.NodeName == pod.NodeName || other.Phase == "Succeeded" || other.Phase == "Failed" {
			continue
		}
		for _, used := range other.Claims() {
			if used == claim && (holder == nil || !holder.Deleting.IsZero() && other.Deleting.IsZero()) {
				holder = other
			}
		}
	}
	return holder
}

// nodeDown reports whether a node is known not to be ready.
func nodeDown(g *facts.Graph, name string) bool {
	node, ok := facts.Lookup[*facts.NodeNode](g, facts.Ref{Kind: facts.Node, Name: name})
	if !ok {
		return false
	}
	ready, known := node.Condition("Ready")
	return known && ready.Status != "True"
}
