package disruption

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

func overlapCheck() check.Check {
	return check.Check{
		ID: "pdb-overlapping", Category: v1alpha1.CategoryConfiguration,
		Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
		Summary: "Several PodDisruptionBudgets select the same Pods, which cannot be evicted.",
		Meaning: "The eviction API returns an error for a Pod that more than one PodDisruptionBudget of its namespace selects, " +
			"whatever they allow: node drains, cluster upgrades and scale-downs that meet such a Pod hang. Finished Pods, and budgets " +
			"or Pods that are being deleted, are ignored.",
		Remediation: "Keep one budget for these Pods: delete the others (`kubectl delete pdb <name>`), or narrow their selectors.",
		Link:        "https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-budgets",
		Needs:       []facts.Kind{facts.PDB, facts.Pod},
		Uses:        append(facts.WorkloadKinds(), facts.Job, facts.CronJob),
		Run:         pdbOverlapping,
		OnManifests: plannedOverlap,
	}
}

// overlap is a workload whose Pods have the same several budgets.
type overlap struct {
	owner facts.Ref
	// budgets are the names of the budgets, joined.
	budgets string
}

func pdbOverlapping(g *facts.Graph, params check.Params) []check.Finding {
	budgets := map[*facts.PodNode][]string{}
	for _, pdb := range g.PDBs {
		if !pdb.Deleting.IsZero() || !g.OlderThan(pdb.Created, params.StartupGrace) {
			continue
		}
		for _, pod := range g.Selected(pdb.Namespace, pdb.Selector) {
			budgets[pod] = append(budgets[pod], pdb.Name)
		}
	}
	nodes := map[overlap]map[string]bool{}
	for pod, names := range budgets {
		if len(names) < 2 || !pod.Deleting.IsZero() {
			continue
		}
		slices.Sort(names)
		key := overlap{g.TopOwner(pod.Ref), strings.Join(names, ", ")}
		if nodes[key] == nil {
			nodes[key] = map[string]bool{}
		}
		if pod.NodeName != "" {
			nodes[key][pod.NodeName] = true
		}
	}
	findings := make([]check.Finding, 0, len(nodes))
	for key, on := range nodes {
		f := overlapFinding(key)
		if len(on) > 0 {
			names := slices.Sorted(maps.Keys(on))
			f.Evidence = append(f.Evidence, check.FromCondition("%s that cannot be drained: %s",
				phrase.Plural(len(names), "node", "nodes"), phrase.List(names)))
		}
		findings = append(findings, f)
	}
	return sortedOverlaps(findings)
}

func plannedOverlap(g *facts.Graph, _ check.Params) []check.Finding {
	inNamespace := map[string][]*facts.PDBNode{}
	for _, pdb := range g.PDBs {
		inNamespace[pdb.Namespace] = append(inNamespace[pdb.Namespace], pdb)
	}
	var findings []check.Finding
	for _, spec := range g.Specs() {
		var names []string
		for _, pdb := range inNamespace[spec.Owner.Namespace] {
			if pdb.Selector.Matches(spec.Labels) {
				names = append(names, pdb.Name)
			}
		}
		if slices.Sort(names); len(names) > 1 {
			findings = append(findings, overlapFinding(overlap{spec.Owner, strings.Join(names, ", ")}))
		}
	}
	return sortedOverlaps(findings)
}

func overlapFinding(o overlap) check.Finding {
	names := strings.Split(o.budgets, ", ")
	return check.Finding{
		Object: o.owner, Discriminator: o.budgets,
		Message: fmt.Sprintf("Pods of %s %s cannot be evicted, and their nodes not be drained: PodDisruptionBudgets %s all select them.",
			o.owner.Kind, o.owner.Name, o.budgets),
		Evidence: []check.Evidence{check.FromSpec("PodDisruptionBudgets that select the Pods: %s", o.budgets)},
		Remediation: remedy.Sprintf("Keep one of the budgets. Narrow the selectors of the others, or delete them: `kubectl -n %s "+
			"delete pdb "+
			"%s`.", o.owner.Namespace, remedy.Quoted(names[1:]...)),
	}
}

func sortedOverlaps(findings []check.Finding) []check.Finding {
	slices.SortFunc(findings, func(a, b check.Finding) int {
		return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Discriminator, b.Discriminator))
	})
	return findings
}
