package disruption

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// plannedBudget is pdbBlocksDrain for manifests: a budget that demands all the Pods that there will ever be.
func plannedBudget(g *facts.Graph, _ check.Params) []check.Finding {
	pods := podtemplate.PlannedPods(g)
	var findings []check.Finding
	for _, pdb := range g.PDBs {
		selected := podtemplate.Selected(pods[pdb.Namespace], pdb.Selector)
		var wanted int32
		for _, p := range selected {
			if p.Wanted < 0 {
				wanted = -1
				break
			}
			wanted = int32(min(int64(wanted)+int64(p.Wanted), math.MaxInt32)) //nolint:gosec // bounded just here
		}
		if len(selected) == 0 || wanted == 0 || !demandsAll(pdb, wanted) ||
			scaledBy(g, selected) && pdb.MinAvailable != "100%" && pdb.MaxUnavailable == "" {
			continue
		}
		evidence := []check.Evidence{check.FromSpec("%s", budgetText(pdb))}
		if wanted > 0 {
			evidence = append(evidence, check.FromSpec("the workloads that it selects "+
				"want %d %s", wanted, phrase.Plural(int(wanted), "Pod", "Pods")))
		}
		findings = append(findings, check.Finding{
			Object: pdb.Ref, Evidence: evidence, RestrictToCulprits: true,
			Message: fmt.Sprintf("PodDisruptionBudget %s blocks every drain: it requires all of its Pods, so none can be "+
				"evicted.", pdb.Name),
			Remediation: "Set maxUnavailable: 1 in place of what stands there; with a single replica that means a short outage at each " +
				"drain, so give the workload a second one if that matters.",
		})
	}
	return findings
}

// demandsAll reports whether a budget lets none of so many Pods be evicted; -1 stands for a number that is not known.
func demandsAll(pdb *facts.PDBNode, wanted int32) bool {
	if pdb.MaxUnavailable != "" {
		return number(pdb.MaxUnavailable, 0) == 0
	}
	if wanted < 0 {
		return pdb.MinAvailable == "100%"
	}
	return pdb.MinAvailable != "" && number(pdb.MinAvailable, wanted) >= int64(wanted)
}

// number reads an amount as a budget states it, rounding percentages of a whole up; -1 when it cannot be read.
func number(text string, of int32) int64 {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.ParseInt(percent, 10, 32)
		if err != nil {
			return -1
		}
		if of == 0 {
			return n // zero of anything is zero, and nothing else is
		}
		return (n*int64(of) + 99) / 100
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return -1
	}
	return n
}

// scaledBy reports whether an autoscaler may give one of the workloads more Pods than its manifest says.
func scaledBy(g *facts.Graph, pods []podtemplate.Planned) bool {
	return slices.ContainsFunc(g.HPAs, func(hpa *facts.HPANode) bool {
		return slices.ContainsFunc(pods, func(p podtemplate.Planned) bool { return p.Owner == hpa.Target })
	})
}

// plannedProtection is pdbSelectsNothing for manifests.
func plannedProtection(g *facts.Graph, _ check.Params) []check.Finding {
	pods := podtemplate.PlannedPods(g)
	var findings []check.Finding
	for _, pdb := range g.PDBs {
		known := pdb.Selector.String() == "" || g.WorkloadsComplete(pdb.Namespace) // without a selector, whatever there is elsewhere
		if selectsAll(pdb) || !known || len(podtemplate.Selected(pods[pdb.Namespace], pdb.Selector)) > 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object:      pdb.Ref,
			Message:     protectsNothing(pdb, "Pod template"),
			Evidence:    []check.Evidence{selectorOf(pdb), check.FromSpec("%s", budgetText(pdb))},
			Remediation: "Make its selector and the labels of the Pod template agree, or delete the budget.",
		})
	}
	return findings
}
