package practice

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

// manyRevisions is the number of old ReplicaSets above which a Deployment is reported.
const manyRevisions = 20

// rolloutChecks report problems when a workload is updated or stopped.
func rolloutChecks() []check.Check {
	deployments := []facts.Kind{facts.Deployment}
	const strategy = "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#strategy"
	return []check.Check{
		{
			ID: "rollout-takes-all-down", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A rolling update can take down all Pods of a Deployment at once.",
			Meaning: "The strategy is RollingUpdate with two or more replicas, and maxUnavailable is 100% or at least the number " +
				"of replicas: each rollout is an outage." + check.SystemNamespacesNote,
			Remediation: "Lower maxUnavailable: `kubectl patch deployment <name> -p " +
				"'{\"spec\":{\"strategy\":{\"rollingUpdate\":{\"maxUnavailable\":\"25%\"}}}}'`.",
			Link: strategy, Needs: deployments, Run: rolloutTakesAllDown,
		},
		{
			ID: "recreate-strategy-with-replicas", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A Deployment with several replicas stops all of them before each rollout.",
			Meaning: "The strategy is Recreate, with two or more replicas. Some programs cannot run in two versions at a time; for " +
				"others Recreate is not needed. Deployments that mount a PersistentVolumeClaim are not reported, since they may " +
				"need it." + check.SystemNamespacesNote,
			Remediation: "If two versions can run side by side, use RollingUpdate: `kubectl patch deployment <name> -p " +
				"'{\"spec\":{\"strategy\":{\"type\":\"RollingUpdate\"}}}'`.",
			Link: strategy, Needs: deployments, Run: recreateReplicas,
		},
		{
			ID: "revision-history-large", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A Deployment keeps many old ReplicaSets.",
			Meaning: fmt.Sprintf(
				"revisionHistoryLimit is above %d. Each old revision is a ReplicaSet that the API server stores, lists and watches. "+
					"Rollbacks rarely go back that far.",
				manyRevisions,
			) + check.SystemNamespacesNote,
			Remediation: "Lower it: `kubectl patch deployment <name> -p '{\"spec\":{\"revisionHistoryLimit\":10}}'`.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy", Needs: deployments,
			Run: revisionsMany,
		},
		{
			ID: "revision-history-zero", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A Deployment cannot be rolled back.",
			Meaning: "revisionHistoryLimit is 0: no old ReplicaSet is kept, so `kubectl rollout undo` has no revision to return " +
				"to. Deployments managed by Argo CD or Helm are not reported, since those roll back by " +
				"other means." + check.SystemNamespacesNote,
			Remediation: "Keep some revisions: `kubectl patch deployment <name> -p '{\"spec\":{\"revisionHistoryLimit\":3}}'`.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy", Needs: deployments,
			Run: revisionsNone,
		},
		{
			ID: "termination-grace-zero", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "The Pods of a StatefulSet are killed without a grace period.",
			Meaning: "terminationGracePeriodSeconds is 0. The Pod object is deleted before its containers have stopped, so for a " +
				"moment a second Pod with the same name may write to the same data." + check.SystemNamespacesNote,
			Remediation: "Remove terminationGracePeriodSeconds from the Pod template (the default is 30 s), or set it to the time that " +
				"an orderly shutdown takes.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#deployment-and-scaling-guarantees",
			Needs: []facts.Kind{facts.StatefulSet}, Run: graceZero,
		},
	}
}

// rolling returns the templates of Deployments.
func rolling(g *facts.Graph) []podtemplate.Template {
	var all []podtemplate.Template
	for s := range podtemplate.Configured(g) {
		if s.Workload != nil && s.Owner.Kind == facts.Deployment {
			all = append(all, s)
		}
	}
	return all
}

func rolloutTakesAllDown(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, template := range rolling(g) {
		if template.Workload.Desired < 2 || template.Workload.Strategy == "Recreate" ||
			!coversAll(template.Workload.MaxUnavailable, template.Workload.Desired) {
			continue
		}
		findings = append(findings, check.Finding{
			Object:  template.Owner,
			Message: fmt.Sprintf("A rollout of Deployment %s can take down all of its Pods at once.", template.Owner.Name),
			Evidence: []check.Evidence{
				check.FromSpec("maxUnavailable: %s, replicas: %d", template.Workload.MaxUnavailable, template.Workload.Desired),
			},
			Remediation: remedy.Sprintf(
				"Lower maxUnavailable: `%s patch deployment %s -p "+
					"'{\"spec\":{\"strategy\":{\"rollingUpdate\":{\"maxUnavailable\":\"25%%\"}}}}'`.",
				kubectl.Command(template.Owner),
				template.Owner.Name,
			),
		})
	}
	return findings
}

// coversAll reports whether maxUnavailable, a number or a percentage, covers all replicas.
func coversAll(maxUnavailable string, replicas int32) bool {
	text, percent := strings.CutSuffix(maxUnavailable, "%")
	number, err := strconv.Atoi(text)
	if err != nil {
		return false
	}
	if percent {
		return number >= 100
	}
	return number >= int(replicas)
}

func recreateReplicas(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, template := range rolling(g) {
		if template.Workload.Desired < 2 || template.Workload.Strategy != "Recreate" ||
			slices.ContainsFunc(template.Spec.Refs, func(r facts.SpecRef) bool { return r.Kind == facts.PVC }) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: template.Owner,
			Message: fmt.Sprintf("Deployment %s stops all of its Pods before each rollout, although it has several.",
				template.Owner.Name),
			Evidence: []check.Evidence{check.FromSpec("strategy: Recreate, replicas: %d", template.Workload.Desired)},
		})
	}
	return findings
}

func revisionsMany(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, template := range rolling(g) {
		if template.Workload.RevisionHistory > manyRevisions {
			findings = append(findings, check.Finding{
				Object:   template.Owner,
				Message:  fmt.Sprintf("Deployment %s keeps more than %d old ReplicaSets.", template.Owner.Name, manyRevisions),
				Evidence: []check.Evidence{check.FromSpec("revisionHistoryLimit: %d", template.Workload.RevisionHistory)},
				Remediation: remedy.Sprintf("Lower it: `%s patch deployment %s -p '{\"spec\":{\"revisionHistoryLimit\":10}}'`.",
					kubectl.Command(template.Owner), template.Owner.Name),
			})
		}
	}
	return findings
}

func revisionsNone(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, template := range rolling(g) {
		if template.Workload.RevisionHistory == 0 && template.Workload.Origin == nil {
			findings = append(findings, check.Finding{
				Object:   template.Owner,
				Message:  fmt.Sprintf("Deployment %s cannot be rolled back: it keeps no old ReplicaSet.", template.Owner.Name),
				Evidence: []check.Evidence{check.FromSpec("revisionHistoryLimit: 0")},
				Remediation: remedy.Sprintf("Keep some revisions: `%s patch deployment %s -p '{\"spec\":{\"revisionHistoryLimit\":3}}'`.",
					kubectl.Command(template.Owner), template.Owner.Name),
			})
		}
	}
	return findings
}

func graceZero(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		if grace := template.Lean.TerminationGracePeriodSeconds; template.Owner.Kind == facts.StatefulSet && grace != nil && *grace == 0 {
			findings = append(findings, check.Finding{
				Object: template.Owner,
				Message: fmt.Sprintf(
					"The Pods of StatefulSet %s are killed without a grace period: two Pods with the same name may run for a moment.",
					template.Owner.Name,
				),
				Evidence: []check.Evidence{check.FromSpec("terminationGracePeriodSeconds: 0")},
			})
		}
	}
	return findings
}
