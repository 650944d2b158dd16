package checks

import (
	"cmp"
	"fmt"
	"slices"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// failure is one Pod that fails in one way.
type failure struct {
	pod *facts.PodNode
	// discriminator tells different failures of one workload apart; it becomes the finding's.
	discriminator string
	// finding is what to report if this Pod is the one that stands for the group. Its Object, Discriminator and the
	// evidence about the number of Pods are filled in by rollup.
	finding Finding
}

// rollup makes one finding of all Pods of a workload that fail with the same discriminator. The first Pod by name stands
// for the others; the evidence says how many Pods of the workload fail that way and names up to three.
func rollup(g *facts.Graph, failures []failure) []Finding {
	type key struct {
		owner         facts.Ref
		discriminator string
	}
	groups := map[key][]failure{}
	for _, f := range failures {
		k := key{g.TopOwner(f.pod.Ref), f.discriminator}
		groups[k] = append(groups[k], f)
	}
	findings := make([]Finding, 0, len(groups))
	for k, group := range groups {
		slices.SortFunc(group, func(a, b failure) int { return a.pod.Ref.Compare(b.pod.Ref) })
		finding := group[0].finding
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

func podsEvidence(g *facts.Graph, owner facts.Ref, group []failure) Evidence {
	var names string
	counted := map[string]bool{}
	for _, f := range group {
		if counted[f.pod.Name] {
			continue
		}
		counted[f.pod.Name] = true
		switch len(counted) {
		case 1:
			names = f.pod.Name
		case 2, 3:
			names += ", " + f.pod.Name
		case 4:
			names += ", ..."
		}
	}
	return condition("%d of %d %s: %s", len(counted), max(len(g.PodsOf(owner)), len(counted)), plural(len(g.PodsOf(owner)), "Pod", "Pods"), names)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// quantity texts

// mebibytes writes bytes as people write memory: 64Mi, 1.5Gi.
func mebibytes(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return trimZero(fmt.Sprintf("%.1f", float64(bytes)/(1<<30))) + "Gi"
	case bytes >= 1<<20:
		return trimZero(fmt.Sprintf("%.1f", float64(bytes)/(1<<20))) + "Mi"
	default:
		return fmt.Sprintf("%dKi", bytes/(1<<10))
	}
}

func trimZero(number string) string {
	if len(number) > 2 && number[len(number)-2:] == ".0" {
		return number[:len(number)-2]
	}
	return number
}
