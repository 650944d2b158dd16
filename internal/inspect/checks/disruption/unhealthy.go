package disruption

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

func unhealthyCheck() check.Check {
	return check.Check{
		ID: "pdb-unhealthy-not-evicted", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
		Summary: "A PodDisruptionBudget may keep Pods that are not ready from being evicted.",
		Meaning: "unhealthyPodEvictionPolicy is not AlwaysAllow: while too few Pods of the budget are healthy, for example since all of " +
			"them crash, those that are not ready cannot be evicted either, and drains of their nodes hang until a person deletes the " +
			"Pods. " +
			"Keep the default for programs that must finish their recovery before they move, such as databases." +
			check.SystemNamespacesNote,
		Remediation: "If Pods that are not ready may be evicted at any time: `kubectl patch pdb <name> --type=merge -p " +
			"'{\"spec\":{\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\"}}'`.",
		Link:  "https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy",
		Needs: []facts.Kind{facts.PDB}, Run: unhealthyNotEvicted,
	}
}

func unhealthyNotEvicted(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, pdb := range g.PDBs {
		if pdb.EvictsUnready || !pdb.Deleting.IsZero() || check.IsSystemNamespace(pdb.Namespace) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: pdb.Ref,
			Message: fmt.Sprintf("PodDisruptionBudget %s keeps Pods that are not ready from being evicted while too few are healthy.",
				pdb.Name),
			Evidence: []check.Evidence{check.FromSpec("unhealthyPodEvictionPolicy is not AlwaysAllow")},
			Remediation: remedy.Sprintf("If Pods that are not ready may be evicted at any time: `%s patch pdb %s --type=merge -p "+
				"'{\"spec\":{\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\"}}'`.", kubectl.Command(pdb.Ref), pdb.Name),
		})
	}
	return findings
}
