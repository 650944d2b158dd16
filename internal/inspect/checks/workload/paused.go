package workload

import (
	"fmt"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// pausePatience is how many startup graces a rollout may be paused before it counts as forgotten.
const pausePatience = 60

func pausedCheck() check.Check {
	return check.Check{
		ID: "deployment-rollout-paused", Category: v1alpha1.CategoryConfiguration,
		Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
		Summary: "A Deployment is paused and its newer Pod template is not rolled out.",
		Meaning: "spec.paused is set for longer than sixty times the startup grace (an hour), and fewer Pods than desired have the " +
			"current template: a change waits for the rollout to be resumed, which is often forgotten after a canary or a failed " +
			"deployment. Scaling still works. Paused Deployments whose Pods all have the current template are ignored, and those that " +
			"a controller owns.",
		Remediation: "Resume the rollout (`kubectl rollout resume deployment/<name>`), or undo the change of the template first.",
		Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#pausing-and-resuming-a-deployment",
		Needs:       []facts.Kind{facts.Deployment},
		Run:         rolloutPaused,
	}
}

func rolloutPaused(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, d := range g.Workloads {
		if d.Kind != facts.Deployment || !d.Paused || !d.WantsPods() || d.Observed < d.Generation || d.Updated >= d.Desired ||
			!d.Owner.IsZero() {
			continue
		}
		progressing, told := d.Condition("Progressing")
		paused := told && progressing.Reason == "DeploymentPaused"
		since := d.Changed
		if paused {
			since = progressing.Since
		}
		if !g.OlderThan(since, pausePatience*params.StartupGrace) {
			continue
		}
		evidence := []check.Evidence{check.FromSpec("paused: true"),
			check.FromCondition("Pods: %d desired, %d of them with the current template", d.Desired, d.Updated)}
		if paused {
			evidence = slices.Insert(evidence, 1, check.QuoteCondition(progressing))
		}
		if !since.IsZero() {
			evidence = append(evidence, check.FromCondition("since %s", since.UTC().Format(time.RFC3339)))
		}
		findings = append(findings, check.Finding{
			Object: d.Ref, Evidence: evidence,
			Message: fmt.Sprintf("Deployment %s is paused: its current Pod template is not rolled out.", d.Name),
			Remediation: remedy.Sprintf("Resume the rollout: `kubectl -n %s rollout resume deployment/%s`. To keep the old Pods instead, "+
				"change the template back first.", d.Namespace, d.Name),
		})
	}
	return findings
}
