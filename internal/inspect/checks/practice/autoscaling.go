package practice

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

func autoscalerSetupChecks() []check.Check {
	needs := []facts.Kind{facts.HPA}
	const link = "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/"
	return []check.Check{
		{
			ID: "hpa-duplicate", Static: true, Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "Two HorizontalPodAutoscalers scale the same workload.",
			Meaning: "Both have the same scaleTargetRef. Kubernetes either stops scaling the workload (AmbiguousSelector), or the " +
				"two override each other. All but the first by name are reported.",
			Remediation: "Merge the metrics into one HorizontalPodAutoscaler and delete the other: `kubectl delete hpa <name>`.",
			Link:        link, Needs: needs, Run: hpaDuplicate,
		},
		{
			ID: "hpa-fixed-replicas", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "The manifest of a workload sets replicas although an autoscaler manages it.",
			Meaning: "The manifest applied to the target of a HorizontalPodAutoscaler (server-side, or with kubectl apply) " +
				"contains spec.replicas. Each apply resets the workload to that number, regardless of load, until the autoscaler " +
				"corrects it.",
			Remediation: "Remove spec.replicas from the manifest. With kubectl apply, follow the documented migration: otherwise the " +
				"workload drops to one replica for a moment.",
			Link:  link + "#migrating-deployments-and-statefulsets-to-horizontal-autoscaling",
			Needs: append(needs, facts.Deployment), Uses: []facts.Kind{facts.StatefulSet}, Run: hpaFixedReplicas,
		},
		{
			ID: "hpa-min-equals-max", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A HorizontalPodAutoscaler cannot scale: its minimum equals its maximum.",
			Meaning: "minReplicas and maxReplicas are equal, so the autoscaler only fixes the number of replicas. It may have been " +
				"pinned during an incident and forgotten.",
			Remediation: "Raise maxReplicas: `kubectl patch hpa <name> -p '{\"spec\":{\"maxReplicas\":<number>}}'`. Delete the " +
				"autoscaler if a fixed number is intended.",
			Link: link, Needs: needs, Run: hpaPinned,
		},
	}
}

func hpaDuplicate(g *facts.Graph, _ check.Params) []check.Finding {
	first := map[facts.Ref]*facts.HPANode{}
	var findings []check.Finding
	for _, autoscaler := range g.HPAs {
		if !autoscaler.Deleting.IsZero() || autoscaler.Target.Name == "" {
			continue
		}
		other := first[autoscaler.Target]
		if other == nil {
			first[autoscaler.Target] = autoscaler
			continue
		}
		findings = append(findings, check.Finding{
			Object: autoscaler.Ref,
			Message: fmt.Sprintf("HorizontalPodAutoscaler %s scales %s %s, which HorizontalPodAutoscaler %s already scales.",
				autoscaler.Name, autoscaler.Target.Kind, autoscaler.Target.Name, other.Name),
			Evidence: []check.Evidence{
				check.FromSpec("%s: %d to %d replicas", other.Name, other.Min, other.Max),
				check.FromSpec("%s: %d to %d replicas", autoscaler.Name, autoscaler.Min, autoscaler.Max),
			},
			Remediation: remedy.Sprintf("Merge the metrics into one HorizontalPodAutoscaler and delete the other: `%s delete hpa %s`.",
				kubectl.Command(autoscaler.Ref), autoscaler.Name),
		})
	}
	return findings
}

func hpaFixedReplicas(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, autoscaler := range g.HPAs {
		target, ok := facts.Lookup[*facts.WorkloadNode](g, autoscaler.Target)
		if !ok || target.ReplicasWriter == "" || !autoscaler.Deleting.IsZero() || !target.Deleting.IsZero() ||
			autoscaler.Min == autoscaler.Max ||
			target.Desired == 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object: autoscaler.Ref,
			Message: fmt.Sprintf("The manifest of %s %s sets spec.replicas, which HorizontalPodAutoscaler %s manages.", target.Kind,
				target.Name, autoscaler.Name),
			Evidence: []check.Evidence{
				check.FromSpec("spec.replicas was applied by %s", target.ReplicasWriter),
				check.FromSpec("the autoscaler's range: %d to %d replicas", autoscaler.Min, autoscaler.Max),
			},
		})
	}
	return findings
}

func hpaPinned(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, autoscaler := range g.HPAs {
		if autoscaler.Min == autoscaler.Max && autoscaler.Max > 0 && autoscaler.Deleting.IsZero() {
			findings = append(findings, check.Finding{
				Object:   autoscaler.Ref,
				Message:  fmt.Sprintf("HorizontalPodAutoscaler %s cannot scale: its minimum equals its maximum.", autoscaler.Name),
				Evidence: []check.Evidence{check.FromSpec("minReplicas and maxReplicas: %d", autoscaler.Max)},
				Remediation: remedy.Sprintf("Raise maxReplicas (`%s edit hpa %s`), or delete the autoscaler if a fixed number is intended.",
					kubectl.Command(autoscaler.Ref), autoscaler.Name),
			})
		}
	}
	return findings
}
