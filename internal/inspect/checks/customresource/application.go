package customresource

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// outOfSyncPatience is how long an Application may differ from its repository.
const outOfSyncPatience = time.Hour

func applicationChecks() []check.Check {
	const link = "https://argo-cd.readthedocs.io/en/stable/operator-manual/health/"
	uses := append(facts.WorkloadKinds(), facts.Pod, facts.Service, facts.Ingress, facts.Job, facts.PVC)
	return []check.Check{
		{
			ID: "argocd-application-degraded", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "An Argo CD Application is degraded.",
			Meaning: "Argo CD reports the health of the Application as Degraded: a resource that it deployed failed, for " +
				"example a Deployment whose Pods do not become ready. If Argo CD reports since when, reported after the " +
				"startup grace and at least five minutes. If the Application deploys into this cluster, the failed resource is " +
				"found as the cause.",
			Remediation: "`argocd app get <name>`, or the Application's page, shows which of its resources are unhealthy.",
			Link:        link, Needs: []facts.Kind{facts.Application}, Uses: uses, ExplainedBy: customOwned(), Run: applicationDegraded,
		},
		{
			ID: "argocd-application-missing", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityLow,
			Summary: "Resources of an Argo CD Application are missing from the cluster, or its health is unknown.",
			Meaning: "The health of the Application has been Missing or Unknown for longer than the startup grace and at " +
				"least five minutes. Missing: resources were never created, or were deleted. Unknown: Argo CD could not " +
				"determine the health, for example because the cluster or the repository is unreachable. Medium if automated " +
				"sync is enabled, which should have created them.",
			Remediation: "Sync the Application: `argocd app sync <name>`. If that fails, `argocd app get <name>` shows " +
				"the reason in its conditions.",
			Link: link, Needs: []facts.Kind{facts.Application},
			ExplainedBy: []string{"argocd-application-sync-failed", "argocd-project-missing"}, Run: applicationMissing,
		},
	}
}

func applicationSyncChecks() []check.Check {
	const link = "https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/"
	return []check.Check{
		{
			ID: "argocd-application-out-of-sync", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "An Argo CD Application is out of sync with its repository.",
			Meaning: "The Application is OutOfSync, and it neither changed nor finished a sync within the last hour: a " +
				"change waits for a manual sync, the cluster was changed by hand, or a controller writes fields that the " +
				"repository also sets, which keeps it out of sync forever.",
			Remediation: "Show the difference (`argocd app diff <name>`), then sync the Application (`argocd app sync " +
				"<name>`), or list fields that other controllers write in spec.ignoreDifferences.",
			Link: link, Needs: []facts.Kind{facts.Application},
			ExplainedBy: []string{"argocd-application-sync-failed", "argocd-project-missing"}, Run: applicationOutOfSync,
		},
		{
			ID: "argocd-application-sync-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "An Argo CD Application could not be synced.",
			Meaning: "The last operation ended with Failed or Error, or a condition reports that the manifests cannot be " +
				"generated or compared (ComparisonError, InvalidSpecError, SyncError). The cluster runs an older version than " +
				"the repository has, or a mixture of both.",
			Remediation: "The message in the evidence gives the reason: an invalid manifest, an unreachable repository " +
				"or cluster, a project that does not permit it. `argocd app get <name>` shows the result for each resource.",
			Link: link, Needs: []facts.Kind{facts.Application},
			ExplainedBy: append(check.CreationFailures(), "argocd-project-missing", "webhook-service-missing",
				"webhook-no-endpoints"), Run: applicationSyncFailed,
		},
		{
			ID: "argocd-project-missing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "An Argo CD Application belongs to a project that does not exist.",
			Meaning: "There is no AppProject with the name in spec.project in the Application's namespace. Argo CD does " +
				"not sync such an Application. Applications outside the namespace of Argo CD, whose projects are elsewhere, " +
				"are skipped.",
			Remediation: "Create the AppProject, or set spec.project to an existing one (`kubectl get appprojects -A`).",
			Link:        "https://argo-cd.readthedocs.io/en/stable/user-guide/projects/", Needs: []facts.Kind{facts.Application,
				facts.AppProject}, Run: projectMissing,
		},
	}
}

// applicationFinding is a finding about an Application, with its unhealthy resources.
func applicationFinding(app *facts.CustomNode, severity v1alpha1.Severity, format string, args ...any) check.Finding {
	finding := check.Finding{
		Object: app.Ref, Severity: severity, Message: fmt.Sprintf(format, args...),
		Remediation: remedy.Sprintf("Check its resources: `argocd app get %s/%s`, or %s.", app.Namespace, app.Name,
			describeCustom(app.Ref)),
	}
	if facts := app.Application; len(facts.Troubled) > 0 {
		finding.Evidence = append(finding.Evidence, check.FromCondition("resources: %s", strings.Join(facts.Troubled, ", ")))
	}
	return finding
}

// unhealthy reports whether the health of an Application has had one of the values for too long.
func unhealthy(g *facts.Graph, app *facts.CustomNode, params check.Params, values ...string) bool {
	since := app.Application.HealthSince
	if since.IsZero() {
		since = app.Created
	}
	return app.Deleting.IsZero() && slices.Contains(values, app.Health) && g.OlderThan(since, customGrace(params))
}

func healthEvidence(app *facts.CustomNode) []check.Evidence {
	if message := app.Application.HealthMessage; message != "" {
		return []check.Evidence{check.FromCondition("status.health: %s: %s", app.Health, message)}
	}
	return []check.Evidence{check.FromCondition("status.health: %s", app.Health)}
}

func applicationDegraded(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, app := range g.CustomsOf(facts.Application) {
		if unhealthy(g, app, params, "Degraded") {
			finding := applicationFinding(app, "", "Application %s is degraded: a resource that it deployed has failed.", app.Name)
			finding.Evidence = append(healthEvidence(app), finding.Evidence...)
			findings = append(findings, finding)
		}
	}
	return findings
}

func applicationMissing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, app := range g.CustomsOf(facts.Application) {
		if !unhealthy(g, app, params, "Missing", "Unknown") {
			continue
		}
		severity := v1alpha1.SeverityLow
		message := "Application %s has resources that are missing from the cluster."
		if app.Health == "Unknown" {
			message = "Application %s has unknown health in Argo CD."
		}
		if app.Application.Automated {
			severity = v1alpha1.SeverityMedium
		}
		finding := applicationFinding(app, severity, message, app.Name)
		finding.Evidence = append(healthEvidence(app), finding.Evidence...)
		findings = append(findings, finding)
	}
	return findings
}

func applicationOutOfSync(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, app := range g.CustomsOf(facts.Application) {
		facts := app.Application
		last := check.Later(check.Later(facts.Ended, facts.Deployed), app.Created)
		if facts.Sync != "OutOfSync" || !app.Deleting.IsZero() || facts.Phase == "Running" || !g.OlderThan(last, outOfSyncPatience) {
			continue
		}
		reason := "it waits for a manual sync"
		if facts.Automated {
			reason = "automated sync has not run"
		}
		finding := applicationFinding(app, "", "Application %s is out of sync with its repository: %s.", app.Name, reason)
		finding.Evidence = append([]check.Evidence{check.FromCondition("status.sync.status: %s", facts.Sync)}, finding.Evidence...)
		finding.Remediation = remedy.Sprintf("Check the difference: `argocd app diff %s/%s`. Then sync it: `argocd app sync %s/%s`.",
			app.Namespace, app.Name, app.Namespace, app.Name)
		findings = append(findings, finding)
	}
	return findings
}

func applicationSyncFailed(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, app := range g.CustomsOf(facts.Application) {
		if !app.Deleting.IsZero() {
			continue
		}
		var evidence []check.Evidence
		what := "its manifests cannot be generated or compared"
		for _, c := range app.Conditions {
			if c.Status == "True" &&
				slices.Contains([]string{"ComparisonError", "InvalidSpecError", "SyncError", "UnknownError"}, c.Type) &&
				lasts(g, app, c, customGrace(params)) {
				evidence = append(evidence, check.QuoteCondition(c))
			}
		}
		if operation := app.Application; (operation.Phase == "Failed" || operation.Phase == "Error") &&
			!operation.Deployed.After(operation.Ended) {
			what = "the last sync failed"
			evidence = append(evidence, check.FromCondition("status.operationState: %s: %s", operation.Phase, operation.Message))
		}
		if len(evidence) == 0 {
			continue
		}
		finding := applicationFinding(app, "", "Application %s could not be synced: %s.", app.Name, what)
		finding.Evidence = append(evidence, finding.Evidence...)
		findings = append(findings, finding)
	}
	return findings
}

func projectMissing(g *facts.Graph, params check.Params) []check.Finding {
	home := map[string]bool{} // namespaces with projects, one for each Argo CD
	for _, project := range g.CustomsOf(facts.AppProject) {
		home[project.Namespace] = true
	}
	var findings []check.Finding
	for _, app := range g.CustomsOf(facts.Application) {
		project := facts.Ref{Kind: facts.AppProject, Namespace: app.Namespace, Name: app.Application.Project}
		if !home[app.Namespace] || !app.Deleting.IsZero() || g.Has(project) || !g.Complete(facts.AppProject, app.Namespace) ||
			!g.OlderThan(app.Created, customGrace(params)) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: app.Ref, Discriminator: project.Name,
			Message: fmt.Sprintf("Application %s belongs to project %s, which does not exist in namespace %s.", app.Name, project.Name,
				app.Namespace),
			Evidence: []check.Evidence{check.FromSpec("spec.project: %s", project.Name)},
		})
	}
	return findings
}
