package storage

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/text"
)

// wantsVolume judges a pending claim that names one PersistentVolume.
func (j claimJudge) wantsVolume(claim *facts.PVCNode) (string, check.Finding) {
	named := check.FromSpec("volumeName: %s", claim.Volume)
	volume, ok := facts.Lookup[*facts.PVNode](j.g, facts.Ref{Kind: facts.PV, Name: claim.Volume})
	var message string
	evidence := []check.Evidence{named, asksFor(claim)}
	switch {
	case !ok && !j.g.Complete(facts.PV, ""):
		return j.pending(claim)
	case !ok:
		message = fmt.Sprintf("PersistentVolumeClaim %s wants PersistentVolume %s, which does not exist.", claim.Name, claim.Volume)
	case !volume.Claim.IsZero() && volume.Claim != claim.Ref:
		message = fmt.Sprintf("PersistentVolumeClaim %s wants PersistentVolume %s, which is reserved for claim %s in namespace %s.",
			claim.Name, claim.Volume, volume.Claim.Name, volume.Claim.Namespace)
	case len(misfits(claim, volume)) > 0:
		message = fmt.Sprintf("PersistentVolumeClaim %s wants PersistentVolume %s, which does not fit.", claim.Name, claim.Volume)
		evidence = append(evidence, check.FromSpec("PersistentVolume %s %s", volume.Name, strings.Join(misfits(claim, volume), ", ")))
	default:
		return j.pending(claim)
	}
	if e := check.NewestEvent(j.g, claim.Ref, "VolumeMismatch", "FailedBinding"); e != nil {
		evidence = append(evidence, check.FromEvent(e))
	}
	return claimNoMatchingVolume, check.Finding{Message: message, Evidence: evidence}
}

// noMatch is the finding about a claim that no volume fits. It names those that miss by one property, since one of them
// was probably meant.
func noMatch(g *facts.Graph, claim *facts.PVCNode, message string) check.Finding {
	finding := check.Finding{Message: message, Evidence: []check.Evidence{asksFor(claim)}}
	if !g.Complete(facts.PV, "") {
		return finding
	}
	var near []*facts.PVNode
	for _, volume := range g.PVs {
		if free(volume, claim) && len(misfits(claim, volume)) <= 1 {
			near = append(near, volume)
		}
	}
	// Those of the right class come first.
	ofClass := func(v *facts.PVNode) bool { return v.StorageClass == claim.StorageClass }
	otherClass := func(v *facts.PVNode) bool { return !ofClass(v) }
	near = slices.Concat(slices.DeleteFunc(slices.Clone(near), otherClass), slices.DeleteFunc(slices.Clone(near), ofClass))
	for _, volume := range near[:min(len(near), 3)] {
		why := strings.Join(misfits(claim, volume), ", ")
		if why == "" {
			why = "fits by class, size and access mode: compare the claim's selector and both volume modes, and the volume's node affinity"
		}
		finding.Evidence = append(finding.Evidence, check.FromSpec("PersistentVolume %s %s", volume.Name, why))
	}
	switch {
	case len(g.PVs) == 0:
		finding.Evidence = append(finding.Evidence, check.FromSpec("the cluster has no PersistentVolume"))
	case len(near) == 0:
		finding.Evidence = append(finding.Evidence, check.FromSpec("no free PersistentVolume comes close"))
	}
	return finding
}

// free says whether a volume might be had: it is reserved for nobody else, or only for a claim that is gone.
func free(volume *facts.PVNode, claim *facts.PVCNode) bool {
	return volume.Deleting.IsZero() && (volume.Claim.IsZero() || volume.Claim == claim.Ref || volume.Phase == "Released")
}

// misfits lists what keeps a volume from a claim, as the binder compares them.
// Source: FindMatchingVolume in k8s.io/component-helpers/storage/volume.
func misfits(claim *facts.PVCNode, volume *facts.PVNode) []string {
	var why []string
	if volume.StorageClass != claim.StorageClass {
		class := volume.StorageClass
		if class == "" {
			class = "none"
		}
		why = append(why, "has class "+class)
	}
	if volume.Capacity < claim.Request {
		why = append(why, "has only "+phrase.Bytes(volume.Capacity))
	}
	if slices.ContainsFunc(claim.AccessModes, func(mode string) bool { return !slices.Contains(volume.AccessModes, mode) }) {
		why = append(why, "offers "+strings.Join(volume.AccessModes, ", "))
	}
	if volume.Phase == "Released" {
		why = append(why, fmt.Sprintf("is Released: still reserved for the deleted claim %s in namespace %s", volume.Claim.Name, volume.Claim.Namespace))
	}
	if volume.Phase == "Failed" {
		why = append(why, "is Failed")
	}
	return why
}

// anyFits says whether some volume could be bound to the claim as it is.
func anyFits(g *facts.Graph, claim *facts.PVCNode) bool {
	return slices.ContainsFunc(g.PVs, func(v *facts.PVNode) bool { return free(v, claim) && len(misfits(claim, v)) == 0 })
}

// asksFor is what a claim wants of a volume.
func asksFor(claim *facts.PVCNode) check.Evidence {
	class := claim.StorageClass
	if class == "" {
		class = "none"
	}
	return check.FromSpec("asks for %s, %s, class %s", claim.RequestText, strings.Join(claim.AccessModes, ", "), class)
}

// claimMissing finds Pods that cannot start because a claim that they name does not exist.
func claimMissing(g *facts.Graph, params check.Params) []check.Finding {
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if pod.Phase != "Pending" || !pod.Deleting.IsZero() || pod.Spec == nil ||
			!g.Complete(facts.PVC, pod.Namespace) || !g.OlderThan(pod.Created, params.StartupGrace) {
			continue
		}
		var seen []string
		for _, ref := range pod.Spec.Refs {
			claim := facts.Ref{Kind: facts.PVC, Namespace: pod.Namespace, Name: ref.Name}
			if ref.Kind != facts.PVC || ref.Optional || g.Has(claim) || slices.Contains(seen, ref.Name) {
				continue
			}
			seen = append(seen, ref.Name)
			failures = append(failures, missingClaim(g, pod, ref))
		}
	}
	return check.RollUp(g, failures)
}

// missingClaim names the claim without the Pod's own name in it, which claims of StatefulSets and ephemeral volumes have:
// the finding stays the same when the Pod is replaced.
func missingClaim(g *facts.Graph, pod *facts.PodNode, ref facts.SpecRef) check.FailingPod {
	what, discriminator := "PersistentVolumeClaim "+ref.Name, ref.Name
	owner := g.TopOwner(pod.Ref)
	if volume, ok := strings.CutPrefix(ref.Name, pod.Name+"-"); ok {
		what = "the claim of its ephemeral volume "+volume
		discriminator = volume
	}
	if template, ok := strings.CutSuffix(ref.Name, "-"+pod.Name); ok && owner.Kind == facts.StatefulSet {
		what = "the claim of its template "+template
		discriminator = template
	}
	f := check.FailingPod{Pod: pod, Discriminator: discriminator, Finding: check.Finding{
		Message:  fmt.Sprintf("%s %s waits for %s, which does not exist.", owner.Kind, owner.Name, what),
		Evidence: []check.Evidence{check.FromSpec("%s: claim %s", ref.Field, ref.Name)},
		Culprits: []facts.Ref{{Kind: facts.PVC, Namespace: pod.Namespace, Name: ref.Name}},
	}}
	var names []string
	for _, claim := range g.PVCs {
		if claim.Namespace == pod.Namespace {
			names = append(names, claim.Name)
		}
	}
	if name := text.Similar(names, ref.Name); name != "" {
		f.Finding.Evidence = append(f.Finding.Evidence, check.FromSpec("PersistentVolumeClaim %s exists: perhaps it is meant", name))
	}
	if e := check.NewestEvent(g, pod.Ref, "FailedScheduling"); e != nil && strings.Contains(e.Message, ref.Name) {
		f.Finding.Evidence = append(f.Finding.Evidence, check.FromEvent(e))
	}
	return f
}

func claimLost(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, claim := range g.PVCs {
		if claim.Phase != "Lost" || !claim.Deleting.IsZero() {
			continue
		}
		finding := check.Finding{
			Object:   claim.Ref,
			Message:  fmt.Sprintf("PersistentVolumeClaim %s has lost its volume: the binding to it is gone.", claim.Name),
			Evidence: []check.Evidence{check.FromCondition("phase Lost")},
		}
		volume := facts.Ref{Kind: facts.PV, Name: claim.Volume}
		node, ok := facts.Lookup[*facts.PVNode](g, volume)
		switch {
		case ok && !node.Claim.IsZero() && node.Claim != claim.Ref:
			finding.Message = fmt.Sprintf("PersistentVolumeClaim %s has lost its volume: PersistentVolume %s belongs to claim %s in namespace %s.",
				claim.Name, claim.Volume, node.Claim.Name, node.Claim.Namespace)
		case !ok && claim.Volume != "" && g.Complete(facts.PV, ""):
			finding.Message = fmt.Sprintf("PersistentVolumeClaim %s has lost its volume: PersistentVolume %s does not exist any more.", claim.Name, claim.Volume)
		}
		if e := check.NewestEvent(g, claim.Ref, "ClaimLost", "ClaimMisbound"); e != nil {
			finding.Evidence = append(finding.Evidence, check.FromEvent(e))
		}
		findings = append(findings, finding)
	}
	return findings
}

func volumeFailed(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, volume := range g.PVs {
		failed := check.NewestEvent(g, volume.Ref, "VolumeFailedDelete", "VolumeFailedRecycle")
		keepsFailing := volume.Phase == "Released" && failed != nil && !g.OlderThan(failed.Last, params.RecentWindow)
		if volume.Phase != "Failed" && !keepsFailing {
			continue
		}
		finding := check.Finding{
			Object:      volume.Ref,
			Message:     fmt.Sprintf("PersistentVolume %s could not be reclaimed after its claim was deleted.", volume.Name),
			Evidence:    []check.Evidence{check.FromCondition("phase %s", volume.Phase)},
			Remediation: fmt.Sprintf("Mend what the evidence names, or delete the storage behind it by hand and then the object: `kubectl delete pv %s`.", volume.Name),
		}
		if volume.Message != "" {
			finding.Evidence = append(finding.Evidence, check.FromCondition("%s", strings.TrimPrefix(volume.Reason+": "+volume.Message, ": ")))
		}
		if failed != nil {
			finding.Evidence = append(finding.Evidence, check.FromEvent(failed))
		}
		findings = append(findings, finding)
	}
	return findings
}

func claimStuckTerminating(g *facts.Graph, params check.Params) []check.Finding {
	const protection = "kubernetes.io/pvc-protection"
	users := claimUsers(g)
	var findings []check.Finding
	for _, claim := range g.PVCs {
		if claim.Deleting.IsZero() || !g.OlderThan(claim.Deleting, params.TerminatingGrace) {
			continue
		}
		finding := check.Finding{Object: claim.Ref, Evidence: []check.Evidence{check.FromCondition("finalizers: %s", strings.Join(claim.Finalizers, ", "))}}
		// Only Pods that have a node count, as the protection controller sees it.
		holding := slices.DeleteFunc(slices.Clone(users[claim.Ref]), func(p *facts.PodNode) bool { return p.NodeName == "" })
		others := slices.DeleteFunc(slices.Clone(claim.Finalizers), func(f string) bool { return f == protection })
		switch {
		case len(others) > 0:
			finding.Message = fmt.Sprintf("PersistentVolumeClaim %s is being deleted and does not go: it waits for finalizer %s.", claim.Name, phrase.List(others))
			finding.Remediation = "Look at the controller that set the finalizer: it is to remove it once its work is done. Removing it by hand may lose data."
		case len(holding) > 0:
			finding.Message = fmt.Sprintf("PersistentVolumeClaim %s is being deleted and does not go: Pods still use it.", claim.Name)
			finding.Evidence = append(finding.Evidence, check.FromCondition("used by %s %s", phrase.Plural(len(holding), "Pod", "Pods"), phrase.Pods(holding)))
			finding.Remediation = fmt.Sprintf("Delete the Pods that use it, finished ones too, or scale their workload down: `kubectl -n %s describe pvc %s` lists them under Used By.",
				claim.Namespace, claim.Name)
			for _, pod := range holding[:min(len(holding), 3)] {
				finding.Culprits = append(finding.Culprits, g.TopOwner(pod.Ref))
			}
		default:
			finding.Message = fmt.Sprintf("PersistentVolumeClaim %s is being deleted and does not go.", claim.Name)
			if g.Complete(facts.Pod, claim.Namespace) {
				finding.Evidence = append(finding.Evidence, check.FromCondition("no Pod that has a node uses it"))
			}
		}
		findings = append(findings, finding)
	}
	return findings
}
