package workload

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

func deploymentChecks() []check.Check {
	return []check.Check{
		{
			ID: "deployment-unavailable", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Deployment has fewer available Pods than desired.",
			Meaning: "The Deployment's condition Available is False, or some of its Pods are missing or not ready, for longer than " +
				"the startup grace. It is critical when no Pod is available. A Pod that keeps crashing and is ready for a moment " +
				"between two crashes counts as not available. Deployments that are scaled to zero or being deleted, " +
				"Pods that are still within the grace, and Pods that only wait out minReadySeconds are ignored.",
			Remediation: "See what keeps the Pods down: `kubectl describe deployment <name>` shows conditions, `kubectl describe pods " +
				"-l <selector>` container states, probes and events. If another finding causes this one, start there.",
			Link:        "https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/",
			Needs:       []facts.Kind{facts.Deployment},
			Uses:        []facts.Kind{facts.ReplicaSet, facts.Pod, facts.Event},
			ExplainedBy: append(check.PodFailures(), "workload-not-observed"),
			Run:         deploymentUnavailable,
		},
		{
			ID: "deployment-rollout-stuck", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "The rollout of a Deployment makes no progress.",
			Meaning: "The condition Progressing is False: the new Pods did not become available within " +
				"spec.progressDeadlineSeconds (10 minutes unless set), or the new ReplicaSet could not be created. Kubernetes does not " +
				"roll back automatically. Pods of the previous revision keep serving, which hides the failure. Paused Deployments are " +
				"ignored.",
			Remediation: "Fix what keeps the new Pods from becoming ready, or roll back: `kubectl rollout undo deployment/<name>`.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#failed-deployment",
			Needs:       []facts.Kind{facts.Deployment},
			Uses: []facts.Kind{
				facts.ReplicaSet,
				facts.Pod,
				facts.Event,
				facts.ValidatingWebhook,
				facts.MutatingWebhook,
				facts.ResourceQuota,
			},
			ExplainedBy: append(check.PodFailures(), "webhook-service-missing", "webhook-no-endpoints", "quota-exhausted"),
			Run:         rolloutStuck,
		},
	}
}

func deploymentUnavailable(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, d := range g.Workloads {
		if d.Kind != facts.Deployment || !d.WantsPods() {
			continue
		}
		crashing := betweenCrashes(g, d)
		if d.Available-crashing >= d.Desired || d.Ready-crashing >= d.Desired {
			continue
		}
		short, ok := shortageOf(g, d, params)
		available, told := d.Condition("Available")
		if !ok && (!told || available.Status != "False" || !g.OlderThan(available.Since, params.StartupGrace)) {
			continue
		}
		finding := check.Finding{
			Object:   d.Ref,
			Message:  fmt.Sprintf("Deployment %s has fewer available Pods than desired.", d.Name),
			Evidence: shortageEvidence(d, short), Remediation: findShortage(d, short),
		}
		if d.Available <= crashing {
			finding.Severity = v1alpha1.SeverityCritical
			finding.Message = fmt.Sprintf("Deployment %s has no available Pods.", d.Name)
		}
		if told && available.Status == "False" {
			finding.Evidence = append(finding.Evidence, check.QuoteCondition(available))
		}
		if d.Paused {
			finding.Message += " Its rollout is paused: changes to its Pod template are not rolled out."
			finding.Evidence = append(finding.Evidence, check.FromSpec("paused: true"))
			finding.Remediation += remedy.Sprintf(" If the fix is already applied: `kubectl -n %s rollout resume "+
				"deployment/%s`.", d.Namespace, d.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}

func rolloutStuck(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, d := range g.Workloads {
		progressing, ok := d.Condition("Progressing")
		if d.Kind != facts.Deployment || !d.WantsPods() || d.Paused || !ok || progressing.Status != "False" || d.Observed < d.Generation {
			continue
		}
		finding := check.Finding{Object: d.Ref, Evidence: []check.Evidence{
			check.QuoteCondition(progressing),
			check.FromCondition("Pods of the new revision: %d of %d", d.Updated, d.Desired),
		}}
		switch progressing.Reason {
		case "ProgressDeadlineExceeded":
			finding.Message = fmt.Sprintf("Deployment %s rollout is stuck: its new Pods did not become available within %s.",
				d.Name, phrase.Duration(d.ProgressDeadline))
			finding.Remediation = remedy.Sprintf("Fix what keeps the new Pods from becoming ready (%s)%s.", inspectPods(d), rollBack(g, d))
		case "ReplicaSetCreateError":
			finding.RestrictToCulprits = true
			finding.Culprits = refuses(g, d, progressing.Message)
			finding.Message = fmt.Sprintf("Deployment %s rollout is stuck: its new ReplicaSet could not be created.", d.Name)
			finding.Remediation = remedy.Sprintf("The condition says what refuses the ReplicaSet (a quota on its number, an admission "+
				"webhook, an invalid template): %s. Fix that%s.", kubectl.Describe(d.Ref), rollBack(g, d))
		default:
			finding.Message = fmt.Sprintf("Deployment %s rollout is stuck (%s).", d.Name, progressing.Reason)
		}
		if old := oldRevisions(g, d, progressing.Message); old > 0 {
			finding.Message += " The previous revision still serves."
			finding.Evidence = append(finding.Evidence, check.FromCondition("ready Pods of earlier revisions: %d", old))
		}
		findings = append(findings, finding)
	}
	return findings
}

// rollBack continues a sentence with the command that restores the previous revision of a Deployment; empty if there is none.
func rollBack(g *facts.Graph, d *facts.WorkloadNode) remedy.Text {
	if g.NoEarlierRevision(d.Ref) {
		return ""
	}
	return remedy.Sprintf(", or roll back: `kubectl -n %s rollout undo deployment/%s`", d.Namespace, d.Name)
}

// oldRevisions counts the ready Pods of a Deployment's ReplicaSets other than the one that its condition calls new.
func oldRevisions(g *facts.Graph, deployment *facts.WorkloadNode, message string) int32 {
	newest, told := apimessage.QuotedAfter(message, "ReplicaSet ")
	if !told {
		newest, told = apimessage.QuotedAfter(message, "replica set ")
	}
	if !told {
		return 0
	}
	var ready int32
	for _, set := range g.Workloads {
		if set.Kind == facts.ReplicaSet && set.Owner == deployment.Ref && set.Name != newest {
			ready += set.Ready
		}
	}
	return ready
}

// refuses are the objects behind the refusal of a Deployment's ReplicaSet, as far as the message names any: the configuration
// of a webhook that does not answer, a quota.
func refuses(g *facts.Graph, deployment *facts.WorkloadNode, message string) []facts.Ref {
	r, ok := apimessage.ParseRefusal(message)
	if !ok {
		return nil
	}
	_, _, because := explainRefusal(g, blocked{Refusal: r, owner: deployment.Ref})
	return because
}
