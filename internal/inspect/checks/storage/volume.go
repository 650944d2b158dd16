package storage

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// withVolume judges a pending claim that names one PersistentVolume.
func (j claimJudge) withVolume(claim *facts.PVCNode) (string, check.Finding) {
	volume, ok := facts.Lookup[*facts.PVNode](j.g, facts.Ref{Kind: facts.PV, Name: claim.Volume})
	var message string
	evidence := []check.Evidence{check.FromSpec("volumeName: %s", claim.Volume), requested(claim)}
	switch {
	case !ok && !j.g.Complete(facts.PV, ""):
		return j.pending(claim)
	case !ok:
		message = fmt.Sprintf("PersistentVolumeClaim %s requests PersistentVolume %s, which does not exist.", claim.Name, claim.Volume)
	case !volume.Claim.IsZero() && volume.Claim != claim.Ref:
		message = fmt.Sprintf("PersistentVolumeClaim %s requests PersistentVolume %s, which is reserved for claim %s in namespace %s.",
			claim.Name, claim.Volume, volume.Claim.Name, volume.Claim.Namespace)
	case len(misfits(claim, volume)) > 0:
		message = fmt.Sprintf("PersistentVolumeClaim %s requests PersistentVolume %s, which does not match.", claim.Name, claim.Volume)
		evidence = append(evidence, check.FromSpec("PersistentVolume %s %s", volume.Name, strings.Join(misfits(claim, volume), ", ")))
	default:
		return j.pending(claim)
	}
	if e := check.NewestEvent(j.g, claim.Ref, "VolumeMismatch", "FailedBinding"); e != nil {
		evidence = append(evidence, check.FromEvent(e))
	}
	return claimNoMatchingVolume, check.Finding{Message: message, Evidence: evidence}
}

// noMatch is the finding about a claim that no volume matches. It lists volumes that miss by one property: one of them was
// probably intended.
func noMatch(g *facts.Graph, claim *facts.PVCNode, message string) check.Finding {
	finding := check.Finding{Message: message, Evidence: []check.Evidence{requested(claim)}}
	if !g.Complete(facts.PV, "") {
		return finding
	}
	var near []*facts.PVNode
	for _, volume := range g.PVs {
		if free(volume, claim) && len(misfits(claim, volume)) <= 1 {
			near = append(near, volume)
		}
	}
	// Volumes of the same class come first.
	ofClass := func(v *facts.PVNode) bool { return v.StorageClass == claim.StorageClass }
	otherClass := func(v *facts.PVNode) bool { return !ofClass(v) }
	near = slices.Concat(slices.DeleteFunc(slices.Clone(near), otherClass), slices.DeleteFunc(slices.Clone(near), ofClass))
	for _, volume := range near[:min(len(near), 3)] {
		why := strings.Join(misfits(claim, volume), ", ")
		if why == "" {
			why = "matches class, size and access mode: compare the claim's selector, both volume modes, and the volume's node affinity"
		}
		finding.Evidence = append(finding.Evidence, check.FromSpec("PersistentVolume %s %s", volume.Name, why))
	}
	switch {
	case len(g.PVs) == 0:
		finding.Evidence = append(finding.Evidence, check.FromSpec("the cluster has no PersistentVolumes"))
	case len(near) == 0:
		finding.Evidence = append(finding.Evidence, check.FromSpec("no available PersistentVolume is a near match"))
	}
	return finding
}

// free reports whether a volume may be available: it is reserved for no other claim, or only for a deleted one.
func free(volume *facts.PVNode, claim *facts.PVCNode) bool {
	return volume.Deleting.IsZero() && (volume.Claim.IsZero() || volume.Claim == claim.Ref || volume.Phase == "Released")
}

// misfits lists the properties by which a volume does not match a claim, as the volume binder compares them.
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
		why = append(
			why,
			fmt.Sprintf("is Released: still reserved for the deleted claim %s in namespace %s", volume.Claim.Name,
				volume.Claim.Namespace),
		)
	}
	if volume.Phase == "Failed" {
		why = append(why, "is Failed")
	}
	return why
}

// anyFits reports whether a volume could be bound to the claim.
func anyFits(g *facts.Graph, claim *facts.PVCNode) bool {
	return slices.ContainsFunc(g.PVs, func(v *facts.PVNode) bool { return free(v, claim) && len(misfits(claim, v)) == 0 })
}

// requested is evidence of the volume that a claim requests.
func requested(claim *facts.PVCNode) check.Evidence {
	class := claim.StorageClass
	if class == "" {
		class = "none"
	}
	return check.FromSpec("requests %s, %s, class %s", claim.RequestText, strings.Join(claim.AccessModes, ", "), class)
}

// claimMissing finds Pods that cannot start because their claim does not exist.
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

// missingClaim leaves the Pod's name, which claims of StatefulSets and ephemeral volumes contain, out of the message: the
// finding stays the same when the Pod is replaced.
func missingClaim(g *facts.Graph, pod *facts.PodNode, ref facts.SpecRef) check.FailingPod {
	what := "PersistentVolumeClaim " + ref.Name
	discriminator := ref.Name
	owner := g.TopOwner(pod.Ref)
	if volume, ok := strings.CutPrefix(ref.Name, pod.Name+"-"); ok {
		what = "the claim of its ephemeral volume " + volume
		discriminator = volume
	}
	if template, ok := strings.CutSuffix(ref.Name, "-"+pod.Name); ok && owner.Kind == facts.StatefulSet {
		what = "the claim of its template " + template
		discriminator = template
	}
	f := check.FailingPod{Pod: pod, Discriminator: discriminator, Finding: check.Finding{
		Message:  fmt.Sprintf("%s %s waits for %s, which does not exist.", owner.Kind.Name(), owner.Name, what),
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
		f.Finding.Evidence = append(f.Finding.Evidence, check.FromSpec("PersistentVolumeClaim %s exists and has a similar name", name))
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
			Message:  fmt.Sprintf("PersistentVolumeClaim %s has lost its volume: the binding no longer exists.", claim.Name),
			Evidence: []check.Evidence{check.FromCondition("phase Lost")},
		}
		volume := facts.Ref{Kind: facts.PV, Name: claim.Volume}
		node, ok := facts.Lookup[*facts.PVNode](g, volume)
		switch {
		case ok && !node.Claim.IsZero() && node.Claim != claim.Ref:
			finding.Message = fmt.Sprintf(
				"PersistentVolumeClaim %s has lost its volume: PersistentVolume %s belongs to claim %s in namespace %s.",
				claim.Name,
				claim.Volume,
				node.Claim.Name,
				node.Claim.Namespace,
			)
		case !ok && claim.Volume != "" && g.Complete(facts.PV, ""):
			finding.Message = fmt.Sprintf("PersistentVolumeClaim %s has lost its volume: PersistentVolume %s no longer exists.",
				claim.Name, claim.Volume)
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
			Object:   volume.Ref,
			Message:  fmt.Sprintf("PersistentVolume %s could not be reclaimed after its claim was deleted.", volume.Name),
			Evidence: []check.Evidence{check.FromCondition("phase %s", volume.Phase)},
			Remediation: remedy.Sprintf(
				"Fix the reason given in the evidence, or delete the storage by hand, which deletes its data, and then the object: "+
					"`kubectl delete pv %s`.",
				volume.Name,
			),
		}
		if volume.Message != "" {
			finding.Evidence = append(finding.Evidence,
				check.FromCondition("%s", strings.TrimPrefix(volume.Reason+": "+volume.Message, ": ")))
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
		finding := check.Finding{
			Object:   claim.Ref,
			Evidence: []check.Evidence{check.FromCondition("finalizers: %s", strings.Join(claim.Finalizers, ", "))},
		}
		// The protection controller only counts Pods that have a node.
		holding := slices.DeleteFunc(slices.Clone(users[claim.Ref]), func(p *facts.PodNode) bool { return p.NodeName == "" })
		others := slices.DeleteFunc(slices.Clone(claim.Finalizers), func(f string) bool { return f == protection })
		switch {
		case len(others) > 0:
			finding.Message = fmt.Sprintf("PersistentVolumeClaim %s is stuck terminating: it waits for finalizer %s.", claim.Name,
				phrase.List(others))
			finding.Remediation = "Check the controller that set the finalizer and removes it after its cleanup. Removing it by hand " +
				"can lose data."
		case len(holding) > 0:
			finding.Message = fmt.Sprintf("PersistentVolumeClaim %s is stuck terminating: Pods still use it.", claim.Name)
			finding.Evidence = append(finding.Evidence,
				check.FromCondition("used by %s %s", phrase.Plural(len(holding), "Pod", "Pods"), phrase.Pods(holding)))
			finding.Remediation = remedy.Sprintf(
				"Delete the Pods that use it, including finished ones, or scale their workload down: `kubectl -n %s describe pvc %s` "+
					"lists them in Used By.",
				claim.Namespace,
				claim.Name,
			)
			for _, pod := range holding[:min(len(holding), 3)] {
				finding.Culprits = append(finding.Culprits, g.TopOwner(pod.Ref))
			}
		default:
			finding.Message = fmt.Sprintf("PersistentVolumeClaim %s is stuck terminating.", claim.Name)
			if g.Complete(facts.Pod, claim.Namespace) {
				finding.Evidence = append(finding.Evidence, check.FromCondition("no Pod that has a node uses it"))
			}
		}
		findings = append(findings, finding)
	}
	return findings
}
