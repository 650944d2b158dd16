// Package disruption checks PodDisruptionBudgets.
package disruption

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// Checks are all checks of PodDisruptionBudgets, in no fixed order.
func Checks() []check.Check {
	return []check.Check{
		{
			ID: "pdb-blocks-drain", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "A PodDisruptionBudget allows no eviction.",
			Meaning: "The budget allows no disruption. Either it never can, because it requires as many healthy Pods as exist " +
				"(maxUnavailable 0, minAvailable 100%, or as large as the number of replicas): then every node drain, cluster upgrade " +
				"and scale-down that meets one of its Pods hangs. Or some of its Pods are unhealthy for longer than the startup grace: " +
				"then it is low.",
			Remediation: "Give the workload one replica more than the budget demands, or let the budget allow one disruption: `kubectl " +
				"patch pdb <name> --type=merge -p '{\"spec\":{\"minAvailable\":null,\"maxUnavailable\":1}}'`.",
			Link:        "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
			Needs:       []facts.Kind{facts.PDB},
			Uses:        append(facts.WorkloadKinds(), facts.Pod),
			ExplainedBy: check.WorkloadCauses(),
			Run:         pdbBlocksDrain,
			OnManifests: plannedBudget,
		},
		{
			ID: "pdb-selects-nothing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A PodDisruptionBudget protects no Pod.",
			Meaning: "Its selector matches no Pod of its namespace and no Pod template there: it is obsolete, or its labels are " +
				"wrong and the intended Pods are not protected. Budgets of workloads that are scaled to zero are ignored.",
			Remediation: "Compare its selector (`kubectl get pdb <name> -o yaml`) with the labels of the Pods (`kubectl get pods " +
				"--show-labels`); correct it, or delete the budget.",
			Link:  "https://kubernetes.io/docs/tasks/run-application/configure-pdb/",
			Needs: []facts.Kind{facts.PDB, facts.Pod},
			Uses:  facts.WorkloadKinds(),
			Run:   pdbSelectsNothing, OnManifests: plannedProtection,
		},
		{
			ID: "pdb-invalid", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "A PodDisruptionBudget cannot be computed and allows no eviction.",
			Meaning: "The controller cannot tell how many Pods the budget is about (condition DisruptionAllowed is False with " +
				"reason SyncFailed), most often because they belong to a custom resource without a scale subresource. To be safe it " +
				"then allows no eviction at all, so node drains hang.",
			Remediation: "With Pods whose owner has no scale subresource only a minAvailable that is a number works: `kubectl patch " +
				"pdb <name> --type=merge -p '{\"spec\":{\"maxUnavailable\":null,\"minAvailable\":1}}'`.",
			Link:  "https://kubernetes.io/docs/tasks/run-application/configure-pdb/#arbitrary-controllers-and-selectors",
			Needs: []facts.Kind{facts.PDB},
			Run:   pdbInvalid,
		},
		overlapCheck(),
		unhealthyCheck(),
	}
}

func pdbBlocksDrain(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, pdb := range g.PDBs {
		allowed, told := pdb.Condition("DisruptionAllowed")
		since := pdb.Created
		if told && allowed.Status == "False" {
			since = allowed.Since
		}
		if pdb.DisruptionsAllowed > 0 || pdb.Expected == 0 || !pdb.Deleting.IsZero() || pdb.Observed < pdb.Generation ||
			(told && allowed.Reason == "SyncFailed") || !g.OlderThan(since, params.StartupGrace) {
			continue
		}
		finding := check.Finding{Object: pdb.Ref, Evidence: []check.Evidence{
			check.FromSpec("%s", budgetText(pdb)),
			check.FromCondition("Pods: %d of %d healthy, %d required; disruptions "+
				"allowed: %d", pdb.CurrentHealthy, pdb.Expected, pdb.DesiredHealthy, pdb.DisruptionsAllowed),
		}}
		if pdb.DesiredHealthy >= wantedPods(g, pdb) {
			finding.RestrictToCulprits = true
			finding.Message = fmt.Sprintf("PodDisruptionBudget %s blocks every drain: it requires all of its Pods, so none can be "+
				"evicted.", pdb.Name)
			finding.Remediation = remedy.Sprintf("Let it allow one disruption: `kubectl -n %s patch pdb %s --type=merge -p "+
				"'{\"spec\":{\"minAvailable\":null,\"maxUnavailable\":1}}'`; with a single replica that means a short outage at each "+
				"drain, so give the workload a second one if that matters.",
				pdb.Namespace, pdb.Name)
		} else {
			finding.Severity = v1alpha1.SeverityLow
			finding.Message = fmt.Sprintf("PodDisruptionBudget %s blocks drains: too few of its Pods are healthy.", pdb.Name)
			finding.Remediation = remedy.Sprintf("Get its Pods healthy again. If drains must go on meanwhile, let it evict Pods that are "+
				"not ready: `kubectl -n %s patch pdb %s --type=merge -p "+
				"'{\"spec\":{\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\"}}'`.", pdb.Namespace, pdb.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}

// wantedPods is how many Pods a budget is about once nothing is missing. With a minAvailable that is a number, the status
// counts only the Pods that exist.
func wantedPods(g *facts.Graph, pdb *facts.PDBNode) int32 {
	var desired int32
	for _, edge := range g.DependsOn(pdb.Ref) {
		if workload, ok := facts.Lookup[*facts.WorkloadNode](g, edge.To); ok && edge.Kind == facts.Protects {
			desired += workload.Desired
		}
	}
	return max(desired, pdb.Expected)
}

func budgetText(pdb *facts.PDBNode) string {
	if pdb.MaxUnavailable != "" {
		return "maxUnavailable: " + pdb.MaxUnavailable
	}
	return "minAvailable: " + pdb.MinAvailable
}

// selectsAll reports whether a budget is for all Pods of its namespace, or for those that a malformed selector does not tell.
func selectsAll(pdb *facts.PDBNode) bool {
	return pdb.Selector.Invalid != "" || pdb.Selector.Matches(nil)
}

// protectsNothing is the message about a budget that selects none of the Pods or Pod templates of its namespace.
func protectsNothing(pdb *facts.PDBNode, what string) string {
	if pdb.Selector.String() == "" {
		return fmt.Sprintf("PodDisruptionBudget %s protects nothing: it has no selector, which selects no Pod.", pdb.Name)
	}
	return fmt.Sprintf("PodDisruptionBudget %s protects nothing: no %s in namespace %s has the labels %s.", pdb.Name, what, pdb.Namespace,
		pdb.Selector)
}

func selectorOf(pdb *facts.PDBNode) check.Evidence {
	if selector := pdb.Selector.String(); selector != "" {
		return check.FromSpec("selector %s", selector)
	}
	return check.FromSpec("no selector")
}

func pdbSelectsNothing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, pdb := range g.PDBs {
		if pdb.Expected > 0 || selectsAll(pdb) || !pdb.Deleting.IsZero() || !g.OlderThan(pdb.Created, params.StartupGrace) ||
			!g.PodsAndWorkloadsComplete(pdb.Namespace) || len(g.Selected(pdb.Namespace, pdb.Selector)) > 0 {
			continue
		}
		if slices.ContainsFunc(g.TopWorkloads(pdb.Namespace),
			func(w *facts.WorkloadNode) bool { return pdb.Selector.Matches(w.TemplateLabels) }) {
			continue // it has no Pods now, and is protected once it has
		}
		findings = append(findings, check.Finding{
			Object:   pdb.Ref,
			Message:  protectsNothing(pdb, "Pod"),
			Evidence: []check.Evidence{selectorOf(pdb), check.FromSpec("%s", budgetText(pdb))},
			Remediation: remedy.Sprintf("Compare the selector with the labels of the Pods (`kubectl -n %[1]s get pods --show-labels`) and "+
				"correct it, or delete the budget: `kubectl -n %[1]s delete pdb %[2]s`.", pdb.Namespace, pdb.Name),
		})
	}
	return findings
}

func pdbInvalid(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, pdb := range g.PDBs {
		allowed, ok := pdb.Condition("DisruptionAllowed")
		failed := ok && allowed.Status == "False" && allowed.Reason == "SyncFailed" && g.OlderThan(allowed.Since, params.StartupGrace)
		if !pdb.Deleting.IsZero() || (!failed && pdb.Selector.Invalid == "") {
			continue
		}
		finding := check.Finding{
			Object:   pdb.Ref,
			Message:  fmt.Sprintf("PodDisruptionBudget %s blocks every drain: the disruption controller cannot compute it.", pdb.Name),
			Evidence: []check.Evidence{check.FromSpec("%s", budgetText(pdb))},
			Remediation: remedy.Sprintf("The evidence quotes the error. With Pods whose owner has no scale subresource only a number "+
				"works: `kubectl -n %s patch pdb %s --type=merge -p "+
				"'{\"spec\":{\"maxUnavailable\":null,\"minAvailable\":1}}'`.", pdb.Namespace, pdb.Name),
		}
		if failed {
			finding.Evidence = append(finding.Evidence, check.QuoteCondition(allowed))
		}
		if pdb.Selector.Invalid != "" {
			finding.Evidence = append(finding.Evidence, check.FromSpec("selector: %s", pdb.Selector.Invalid))
			finding.Remediation = remedy.Sprintf("Correct the selector: `kubectl -n %s edit pdb %s`.", pdb.Namespace, pdb.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}
