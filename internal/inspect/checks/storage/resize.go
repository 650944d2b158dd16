package storage

import (
	"fmt"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

func resizeCheck() check.Check {
	return check.Check{
		ID: "pvc-resize-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
		Summary: "A PersistentVolumeClaim requests more storage and its volume cannot grow.",
		Meaning: "The claim is bound and requests more than its capacity, and expanding the volume or its file system fails: the " +
			"condition ControllerResizeError or NodeResizeError is True, or a VolumeResizeFailed or FileSystemResizeFailed event is " +
			"recent. Pods keep the old size, and fail once it is full. A claim whose volume is still being expanded is ignored.",
		Remediation: "Read the driver's error in the evidence. Some drivers expand only volumes that no Pod uses; some storage has a " +
			"quota. The StorageClass must have allowVolumeExpansion: true.",
		Link:  "https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims",
		Needs: []facts.Kind{facts.PVC}, Uses: []facts.Kind{facts.StorageClass, facts.Event}, Run: resizeFailed,
	}
}

// resizeErrors are the conditions of claims whose expansion fails
// (https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/persistent-volume-claim-v1/, status.conditions).
func resizeErrors() []string { return []string{"ControllerResizeError", "NodeResizeError"} }

func resizeFailed(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, claim := range g.PVCs {
		if claim.Phase != "Bound" || !claim.Deleting.IsZero() || claim.Capacity == 0 || claim.Request <= claim.Capacity {
			continue
		}
		text, evidence, ok := resizeError(g, claim, params)
		if !ok {
			continue
		}
		why, fix := resizeText(g, claim, text)
		findings = append(findings, check.Finding{
			Object: claim.Ref,
			Message: fmt.Sprintf("PersistentVolumeClaim %s cannot grow from %s to %s: %s.", claim.Name, phrase.Bytes(claim.Capacity),
				claim.RequestText, why),
			Remediation: fix, Evidence: append(evidence, check.FromSpec("requests %s, capacity %s", claim.RequestText,
				phrase.Bytes(claim.Capacity))),
		})
	}
	return findings
}

// resizeError is the driver's error, from a condition or else from a recent event.
func resizeError(g *facts.Graph, claim *facts.PVCNode, params check.Params) (text string, evidence []check.Evidence, failed bool) {
	for _, conditionType := range resizeErrors() {
		c, ok := claim.Condition(conditionType)
		if !ok || c.Status != "True" || !g.OlderThan(c.Since, params.StartupGrace) {
			continue
		}
		evidence = append(evidence, check.QuoteCondition(c))
		if !c.Since.IsZero() {
			evidence = append(evidence, check.FromCondition("since %s", c.Since.UTC().Format(time.RFC3339)))
		}
		text += c.Message
	}
	if e := check.NewestEvent(g, claim.Ref, "VolumeResizeFailed", "FileSystemResizeFailed"); e != nil &&
		(len(evidence) > 0 || !g.OlderThan(e.Last, params.RecentWindow)) {
		evidence = append(evidence, check.FromEvent(e))
		text += e.Message
	}
	return text, evidence, len(evidence) > 0
}

// resizeText says in stable words why a volume cannot grow. The texts are those of external-resizer and of CSI drivers.
func resizeText(g *facts.Graph, claim *facts.PVCNode, message string) (why string, fix remedy.Text) {
	lower := strings.ToLower(message)
	has := func(text string) bool { return strings.Contains(lower, text) }
	class, known := facts.Lookup[*facts.StorageClassNode](g, facts.Ref{Kind: facts.StorageClass, Name: claim.StorageClass})
	switch {
	case known && !class.Expandable, has("allowvolumeexpansion"):
		return fmt.Sprintf("StorageClass %s does not allow expansion", claim.StorageClass),
			remedy.Sprintf("If its driver can expand volumes: `kubectl patch storageclass %s -p '{\"allowVolumeExpansion\":true}'`.",
				claim.StorageClass)
	case has("used by a pod"), has("in use"), has("in-use"), has("currently attached"), has("fully detached"):
		return "its driver cannot expand a volume that is in use", remedy.Sprintf("Stop the Pods that use it (`kubectl -n %[1]s describe "+
			"pvc %[2]s` lists them under Used By) until the volume has grown, then start them again: their data stays. Scale their "+
			"workload to zero, which is an outage.", claim.Namespace, claim.Name)
	case has("quota"), has("limit exceeded"), has("resourceexhausted"), has("no space"), has("insufficient"):
		return "the storage has no room or its quota is used up", "Enlarge the storage or its quota; the driver retries automatically."
	case has("unimplemented"), has("not supported"), has("unsupported"):
		return "its driver does not support expansion", "Create a larger claim and copy the data to it."
	default:
		return "its driver reports an error", remedy.Sprintf("Fix the error in the evidence; the driver retries automatically: "+
			"`kubectl -n "+
			"%s describe pvc %s`.", claim.Namespace, claim.Name)
	}
}
