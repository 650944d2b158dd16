package storage

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// IDs of the checks between which claimJudge decides.
const (
	claimClassMissing       = "pvc-class-missing"
	claimNoProvisioner      = "pvc-no-provisioner"
	claimProvisioningFailed = "pvc-provisioning-failed"
	claimNoMatchingVolume   = "pvc-no-matching-volume"
	claimPending            = "pvc-pending"
)

const (
	// noProvisioner in a StorageClass means that its volumes are created manually.
	// https://kubernetes.io/docs/concepts/storage/storage-classes/#local
	noProvisioner = "kubernetes.io/no-provisioner"
	// provisionerPatience is how many startup graces a provisioner may take to respond.
	provisionerPatience = 5
)

// claimsWith judges all claims and keeps the findings of one check.
func claimsWith(id string) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, params check.Params) []check.Finding {
		j := claimJudge{g: g, params: params, users: claimUsers(g)}
		var findings []check.Finding
		for _, claim := range g.PVCs {
			if found, finding := j.judge(claim); found == id {
				finding.Object = claim.Ref
				findings = append(findings, finding)
			}
		}
		return findings
	}
}

// claimUsers are the Pods that use each claim, finished ones included.
func claimUsers(g *facts.Graph) map[facts.Ref][]*facts.PodNode {
	users := map[facts.Ref][]*facts.PodNode{}
	for _, pod := range g.Pods {
		if pod.Spec == nil {
			continue
		}
		for _, ref := range pod.Spec.Refs {
			claim := facts.Ref{Kind: facts.PVC, Namespace: pod.Namespace, Name: ref.Name}
			if ref.Kind == facts.PVC && !slices.Contains(users[claim], pod) {
				users[claim] = append(users[claim], pod)
			}
		}
	}
	return users
}

// claimJudge finds out why claims are pending.
type claimJudge struct {
	g      *facts.Graph
	params check.Params
	users  map[facts.Ref][]*facts.PodNode
}

// judge returns the id of the check that a claim fails, and the finding; the id is empty for a healthy claim.
func (j claimJudge) judge(claim *facts.PVCNode) (string, check.Finding) {
	if claim.Phase != "Pending" || !claim.Deleting.IsZero() || !j.g.OlderThan(claim.Created, j.params.StartupGrace) {
		return "", check.Finding{}
	}
	switch {
	case claim.Volume != "":
		return j.withVolume(claim)
	case claim.NoClass:
		return claimNoMatchingVolume, noMatch(j.g, claim, fmt.Sprintf(
			"PersistentVolumeClaim %s requests a PersistentVolume without a StorageClass, and no existing one matches.", claim.Name))
	case claim.StorageClass == "":
		return j.withoutClass(claim)
	}
	class, ok := facts.Lookup[*facts.StorageClassNode](j.g, facts.Ref{Kind: facts.StorageClass, Name: claim.StorageClass})
	switch {
	case ok:
		return j.withClass(claim, class)
	case !j.g.Complete(facts.StorageClass, ""):
		// The class may be one that waits for a Pod.
		if len(j.waiting(claim)) == 0 {
			return "", check.Finding{}
		}
		return j.pending(claim)
	case slices.ContainsFunc(j.g.PVs, func(v *facts.PVNode) bool { return v.StorageClass == claim.StorageClass }):
		// Claims bind to volumes with the same class name, even without a StorageClass of that name.
		return claimNoMatchingVolume, noMatch(j.g, claim, fmt.Sprintf(
			"PersistentVolumeClaim %s requests class %s: no PersistentVolume of that class matches, and no StorageClass with that "+
				"name exists.",
			claim.Name,
			claim.StorageClass,
		))
	default:
		return claimClassMissing, j.unknownClass(claim)
	}
}

func (j claimJudge) unknownClass(claim *facts.PVCNode) check.Finding {
	finding := check.Finding{
		Message:  fmt.Sprintf("PersistentVolumeClaim %s requests StorageClass %s, which does not exist.", claim.Name, claim.StorageClass),
		Evidence: []check.Evidence{check.FromSpec("storageClassName: %s", claim.StorageClass), j.existingClasses()},
	}
	if e := check.NewestEvent(j.g, claim.Ref, "ProvisioningFailed"); e != nil {
		finding.Evidence = append(finding.Evidence, check.FromEvent(e))
	}
	if name := text.Similar(j.classNames(), claim.StorageClass); name != "" {
		finding.Evidence = append(finding.Evidence, check.FromSpec("StorageClass %s exists and has a similar name", name))
	}
	finding.Remediation = j.classRemedy(claim)
	return finding
}

// classRemedy is how to give a claim an existing class, with the StatefulSet that creates it, if its Pods tell which one that is.
func (j claimJudge) classRemedy(claim *facts.PVCNode) remedy.Text {
	text := remedy.Sprintf("List the classes with `kubectl get storageclass`. The class of a claim is immutable: delete the pending claim "+
		"(`kubectl -n %s delete persistentvolumeclaim %s`) and create it with an existing class, or create the StorageClass.",
		claim.Namespace, claim.Name)
	for _, pod := range j.users[claim.Ref] {
		owner := j.g.TopOwner(pod.Ref)
		if owner.Kind == facts.StatefulSet && strings.HasSuffix(claim.Name, "-"+pod.Name) { // <template>-<Pod>
			return text + " " + remedy.Sprintf("Correct volumeClaimTemplates of StatefulSet %[2]s as well: `kubectl -n %[1]s delete "+
				"statefulset %[2]s --cascade=orphan`, then apply it again.", owner.Namespace, owner.Name)
		}
	}
	return text
}

func (j claimJudge) withoutClass(claim *facts.PVCNode) (string, check.Finding) {
	if !j.g.Complete(facts.StorageClass, "") ||
		slices.ContainsFunc(j.g.StorageClasses, func(c *facts.StorageClassNode) bool { return c.Default }) {
		return j.pending(claim) // kube-controller-manager assigns the default class
	}
	if slices.ContainsFunc(j.g.PVs, func(v *facts.PVNode) bool { return v.StorageClass == "" && v.Claim.IsZero() }) {
		return claimNoMatchingVolume, noMatch(j.g, claim, fmt.Sprintf(
			"PersistentVolumeClaim %s sets no StorageClass, the cluster has no default, and no PersistentVolume without a class matches.",
			claim.Name,
		))
	}
	return claimClassMissing, check.Finding{
		Message:  fmt.Sprintf("PersistentVolumeClaim %s sets no StorageClass, and the cluster has no default.", claim.Name),
		Evidence: []check.Evidence{check.FromSpec("storageClassName is not set"), j.existingClasses()},
		Remediation: "Mark a StorageClass as the default (`kubectl patch storageclass <name> -p '{\"metadata\":{\"annotations\":" +
			"{\"storageclass.kubernetes.io/is-default-class\":\"true\"}}}'`): pending claims get it. " +
			"Or delete the claim and create it with a storageClassName.",
	}
}

// withClass judges a claim whose StorageClass exists.
func (j claimJudge) withClass(claim *facts.PVCNode, class *facts.StorageClassNode) (string, check.Finding) {
	since := claim.Created
	waitsForVolumes := true
	if class.WaitForConsumer {
		waiting := j.waiting(claim)
		if len(waiting) == 0 {
			return "", check.Finding{}
		}
		if slices.ContainsFunc(waiting, func(p *facts.PodNode) bool { return p.NodeName != "" }) {
			return claimPending, pastScheduler(claim, class)
		}
		since = oldest(waiting)
		waitsForVolumes = slices.ContainsFunc(waiting, waitsForVolume)
	}
	if class.Provisioner == noProvisioner {
		if !waitsForVolumes && (!j.g.Complete(facts.PV, "") || anyFits(j.g, claim)) {
			return "", check.Finding{} // the Pod is pending for another reason
		}
		return claimNoMatchingVolume, noMatch(j.g, claim, fmt.Sprintf(
			"PersistentVolumeClaim %s needs a manually created PersistentVolume, as StorageClass %s has no provisioner, and no "+
				"existing one matches.",
			claim.Name,
			class.Name,
		))
	}
	failed := check.NewestEvent(j.g, claim.Ref, "ProvisioningFailed")
	if failed != nil && !j.g.OlderThan(failed.Last, j.params.RecentWindow) {
		return failedProvisioning(claim, class, failed)
	}
	if !waitsForVolumes || !j.g.OlderThan(since, provisionerPatience*j.params.StartupGrace) {
		return "", check.Finding{}
	}
	return claimNoProvisioner, check.Finding{
		Message: fmt.Sprintf(
			"PersistentVolumeClaim %s waits for a volume from provisioner %s of StorageClass %s, which does not respond.",
			claim.Name,
			class.Provisioner,
			class.Name,
		),
		Evidence: []check.Evidence{
			check.FromSpec("StorageClass %s: provisioner %s", class.Name, class.Provisioner),
			check.FromCondition("phase Pending, without a volume and without a ProvisioningFailed event"),
		},
		Remediation: remedy.Sprintf(
			"Check that the provisioner is installed (`kubectl get csidriver %s`) and its controller Pods run (`kubectl get pods -A`). "+
				"Install or fix it, or use another StorageClass.",
			class.Provisioner,
		),
	}
}

// failedProvisioning judges a claim whose provisioner has reported an error.
func failedProvisioning(claim *facts.PVCNode, class *facts.StorageClassNode, failed *facts.EventNode) (string, check.Finding) {
	if !strings.Contains(failed.Message, "no volume plugin matched") {
		return claimProvisioningFailed, check.Finding{
			Message: fmt.Sprintf("PersistentVolumeClaim %s has no volume: provisioner %s of StorageClass %s failed.", claim.Name,
				class.Provisioner, class.Name),
			Evidence: []check.Evidence{check.FromEvent(failed), requested(claim)},
		}
	}
	return claimNoProvisioner, check.Finding{
		Message: fmt.Sprintf("PersistentVolumeClaim %s waits for provisioner %s of StorageClass %s, which this version of Kubernetes does "+
			"not include.", claim.Name, class.Provisioner, class.Name),
		Evidence: []check.Evidence{
			check.FromEvent(failed), check.FromSpec("StorageClass %s: provisioner %s", class.Name, class.Provisioner),
		},
		Remediation: "In-tree storage drivers were removed from Kubernetes: install the CSI driver that replaces it, and create a " +
			"StorageClass with its provisioner.",
	}
}

// waiting are the Pods that wait for a claim: neither finished nor being deleted.
func (j claimJudge) waiting(claim *facts.PVCNode) []*facts.PodNode {
	return slices.DeleteFunc(slices.Clone(j.users[claim.Ref]), func(p *facts.PodNode) bool {
		return p.Phase == "Succeeded" || p.Phase == "Failed" || !p.Deleting.IsZero()
	})
}

func oldest(pods []*facts.PodNode) time.Time {
	return slices.MinFunc(pods, func(a, b *facts.PodNode) int { return a.Created.Compare(b.Created) }).Created
}

// waitsForVolume reports whether a Pod without a node waits for its volume. While the scheduler waits for a volume to be bound
// it sets no PodScheduled=False; when it gives up, the message mentions its VolumeBinding plugin. Any other message means that
// the Pod is unschedulable for another reason.
// Texts: pkg/scheduler/framework/plugins/volumebinding/binder.go.
func waitsForVolume(pod *facts.PodNode) bool {
	scheduled, ok := pod.Condition("PodScheduled")
	if !ok || scheduled.Status != "False" {
		return true
	}
	return strings.Contains(scheduled.Message, "available persistent volumes to bind") ||
		strings.Contains(scheduled.Message, "VolumeBinding") ||
		strings.Contains(scheduled.Message, "binding volumes")
}

func pastScheduler(claim *facts.PVCNode, class *facts.StorageClassNode) check.Finding {
	return check.Finding{
		Message: fmt.Sprintf("PersistentVolumeClaim %s waits for the scheduler to choose a node, but its Pod bypassed the scheduler.",
			claim.Name),
		Evidence: []check.Evidence{
			check.FromSpec("StorageClass %s: volumeBindingMode WaitForFirstConsumer", class.Name),
			check.FromSpec("the Pod's spec.nodeName is set, and the claim is pending"),
		},
		Remediation: "Remove spec.nodeName from the Pod template and use a nodeSelector instead: then the scheduler places the Pod " +
			"and its volume.",
	}
}

// pending is the finding about a claim whose reason is unknown.
func (j claimJudge) pending(claim *facts.PVCNode) (string, check.Finding) {
	finding := check.Finding{
		Message:     fmt.Sprintf("PersistentVolumeClaim %s stays pending.", claim.Name),
		Evidence:    []check.Evidence{requested(claim)},
		Remediation: remedy.Sprintf("`kubectl -n %s describe pvc %s` shows its events.", claim.Namespace, claim.Name),
	}
	if e := check.NewestEvent(j.g, claim.Ref, "ProvisioningFailed", "FailedBinding", "VolumeMismatch"); e != nil {
		finding.Evidence = append([]check.Evidence{check.FromEvent(e)}, finding.Evidence...)
	}
	return claimPending, finding
}

func (j claimJudge) classNames() []string {
	names := make([]string, 0, len(j.g.StorageClasses))
	for _, class := range j.g.StorageClasses {
		names = append(names, class.Name)
	}
	return names
}

func (j claimJudge) existingClasses() check.Evidence {
	names := j.classNames()
	if len(names) == 0 {
		return check.FromSpec("the cluster has no StorageClass")
	}
	return check.FromSpec("StorageClasses of the cluster: %s", phrase.List(names))
}
