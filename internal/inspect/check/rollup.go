package check

import (
	"cmp"
	"fmt"
	"slices"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// RollUpKinds are the kinds that are needed to report a finding about a Pod on its workload.
func RollUpKinds(more ...facts.Kind) []facts.Kind {
	return append([]facts.Kind{facts.ReplicaSet, facts.Job}, more...)
}

// FailingPod is a Pod with one failure.
type FailingPod struct {
	// Pod that fails.
	Pod *facts.PodNode
	// Discriminator distinguishes failures of one workload; it becomes the finding's.
	Discriminator string
	// Terminating is set if the failure is that the Pod is not removed. Other failures of Pods that are being deleted are not reported.
	Terminating bool
	// Finding is reported if this Pod represents the group. RollUp sets its Object, its Discriminator and the evidence about
	// the number of Pods.
	Finding Finding
}

// RollUp returns one finding for all Pods of a workload that fail with the same discriminator. The first Pod by name represents
// the others; the evidence has the number of failing Pods and up to three names.
func RollUp(g *facts.Graph, failures []FailingPod) []Finding {
	type key struct {
		owner         facts.Ref
		discriminator string
	}
	groups := map[key][]FailingPod{}
	for _, f := range failures {
		if !f.Terminating && !f.Pod.Deleting.IsZero() {
			continue
		}
		k := key{g.TopOwner(f.Pod.Ref), f.Discriminator}
		groups[k] = append(groups[k], f)
	}
	findings := make([]Finding, 0, len(groups))
	for k, group := range groups {
		slices.SortFunc(group, func(a, b FailingPod) int { return a.Pod.Ref.Compare(b.Pod.Ref) })
		finding := group[0].Finding
		finding.Object, finding.Discriminator = k.owner, k.discriminator
		if k.owner.Kind != facts.Pod {
			finding.Evidence = append(slices.Clone(finding.Evidence), podsEvidence(g, k.owner, group))
		}
		findings = append(findings, finding)
	}
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Discriminator, b.Discriminator))
	})
	return findings
}

func podsEvidence(g *facts.Graph, owner facts.Ref, group []FailingPod) Evidence {
	var names string
	counted := map[string]bool{}
	for _, f := range group {
		if counted[f.Pod.Name] {
			continue
		}
		counted[f.Pod.Name] = true
		switch len(counted) {
		case 1:
			names = f.Pod.Name
		case 2, 3:
			names += ", " + f.Pod.Name
		case 4:
			names += ", ..."
		}
	}
	text := fmt.Sprintf("%d of %d %s: %s", len(counted), max(len(g.PodsOf(owner)), len(counted)),
		phrase.Plural(len(g.PodsOf(owner)), "Pod", "Pods"), names)
	ready := 0
	for _, pod := range g.PodsOf(owner) {
		if pod.Ready && pod.IsActive() && !counted[pod.Name] {
			ready++
		}
	}
	if ready > 0 {
		text += fmt.Sprintf("; %d %s ready", ready, phrase.Plural(ready, "other is", "others are"))
	}
	return FromCondition("%s", text)
}
