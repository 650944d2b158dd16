// Package autoscaling checks HorizontalPodAutoscalers.
package autoscaling

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// autoscalerPatience is how many startup graces an autoscaler may be at its maximum before that says more than a short peak.
const autoscalerPatience = 5

// Checks are all checks of HorizontalPodAutoscalers, in no fixed order.
func Checks() []check.Check {
	return []check.Check{
		{
			ID: "hpa-no-metrics", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A HorizontalPodAutoscaler cannot read its metrics.",
			Meaning: "The condition ScalingActive is False for longer than the startup grace: the metrics API is not served, has " +
				"no samples of the Pods, or the Pods have no requests to measure utilization against. The workload is not scaled.",
			Remediation: "`kubectl describe hpa <name>` quotes the error. For CPU and memory: metrics-server must run (`kubectl get " +
				"apiservice v1beta1.metrics.k8s.io`), and every container must state requests.",
			Link: "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#support-for-metrics-apis",
			// Its own status tells everything but who serves the metrics.
			Needs:       []facts.Kind{facts.HPA},
			Uses:        append(facts.WorkloadKinds(), facts.APIService, facts.Pod),
			ExplainedBy: append(check.WorkloadCauses(), "apiservice-unavailable"),
			Run:         hpaNoMetrics,
		},
		{
			ID: "hpa-at-maximum", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityMedium,
			Summary: "A HorizontalPodAutoscaler wants more Pods than its maximum allows.",
			Meaning: "For longer than five times the startup grace the autoscaler has been at maxReplicas and would go further " +
				"(condition ScalingLimited with reason TooManyReplicas): the load is above what the workload is allowed to take. " +
				"Autoscalers whose minimum is their maximum are ignored, since they are pinned on purpose.",
			Remediation: "Raise spec.maxReplicas if the nodes have room, give each Pod more resources, or find out why the load is so " +
				"high: `kubectl describe hpa <name>` shows the metrics.",
			Link:  "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
			Needs: []facts.Kind{facts.HPA},
			Run:   hpaAtMaximum,
		},
		{
			ID: "hpa-target-missing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A HorizontalPodAutoscaler scales something that cannot be scaled.",
			Meaning: "The condition AbleToScale is False with reason FailedGetScale: the target that spec.scaleTargetRef names " +
				"does not exist, its apiVersion is not served, or it has no scale subresource. The autoscaler does nothing.",
			Remediation: "Correct spec.scaleTargetRef (`kubectl edit hpa <name>`), create the target, or delete the autoscaler.",
			Link:        "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",
			Needs:       []facts.Kind{facts.HPA},
			Uses:        facts.WorkloadKinds(),
			Run:         hpaTargetMissing,
			OnManifests: plannedTarget,
		},
		{
			ID: "hpa-scaling-disabled", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A HorizontalPodAutoscaler is disabled because its target is scaled to zero.",
			Meaning: "The target was scaled to zero, which disables the autoscaler until it is scaled up manually. This is often " +
				"intentional.",
			Remediation: "Nothing, if this is intended. Otherwise scale the target up and the autoscaler takes over: `kubectl scale " +
				"<kind> <name> --replicas=1`.",
			Link:  "https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#implicit-maintenance-mode-deactivation",
			Needs: []facts.Kind{facts.HPA},
			Run:   hpaScalingDisabled,
		},
	}
}

// falseCondition returns a condition that is False for longer than the startup grace on an autoscaler that is here to stay.
func falseCondition(g *facts.Graph, hpa *facts.HPANode, conditionType string, params check.Params) (facts.Condition, bool) {
	c, ok := hpa.Condition(conditionType)
	return c, ok && c.Status == "False" && hpa.Deleting.IsZero() && g.OlderThan(c.Since, params.StartupGrace) &&
		g.OlderThan(hpa.Created, params.StartupGrace)
}

func targetName(hpa *facts.HPANode) string {
	return string(hpa.Target.Kind) + " " + hpa.Target.Name
}

func hpaNoMetrics(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, hpa := range g.HPAs {
		active, ok := falseCondition(g, hpa, "ScalingActive", params)
		if !ok || active.Reason == "ScalingDisabled" {
			continue
		}
		failure := explainMetricFailure(g, hpa, active)
		findings = append(findings, check.Finding{
			Object: hpa.Ref, Culprits: failure.because, RestrictToCulprits: !failure.ofPods, Remediation: failure.remediation,
			Message: fmt.Sprintf("HorizontalPodAutoscaler %s cannot scale %s: %s.", hpa.Name, targetName(hpa), failure.why),
			Evidence: []check.Evidence{
				check.QuoteCondition(active),
				check.FromSpec("scales %s on %s, between %d and %d Pods", targetName(hpa), metricsText(hpa), hpa.Min, hpa.Max),
			},
		})
	}
	return findings
}

func metricsText(hpa *facts.HPANode) string {
	if len(hpa.Metrics) == 0 {
		return "CPU" // the API's default
	}
	return strings.Join(hpa.Metrics, ", ")
}

func hpaAtMaximum(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, hpa := range g.HPAs {
		limited, ok := hpa.Condition("ScalingLimited")
		if !ok || limited.Status != "True" || limited.Reason != "TooManyReplicas" || hpa.Current < hpa.Max || hpa.Min == hpa.Max ||
			!hpa.Deleting.IsZero() || !g.OlderThan(limited.Since, autoscalerPatience*params.StartupGrace) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: hpa.Ref,
			Message: fmt.Sprintf("HorizontalPodAutoscaler %s is at maxReplicas (%d) and wants more: the load on %s exceeds its limit.",
				hpa.Name, hpa.Max, targetName(hpa)),
			Evidence: []check.Evidence{check.QuoteCondition(limited), check.FromSpec("scales on %s", metricsText(hpa))},
			Remediation: remedy.Sprintf("See the load with `kubectl -n %[1]s describe hpa %[2]s`. If it is as expected and the nodes have "+
				"room: `kubectl -n %[1]s patch hpa %[2]s -p "+
				"'{\"spec\":{\"maxReplicas\":%[3]d}}'`.", hpa.Namespace, hpa.Name, hpa.Max+max(1, hpa.Max/2)),
		})
	}
	return findings
}

func hpaTargetMissing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, hpa := range g.HPAs {
		unable, ok := falseCondition(g, hpa, "AbleToScale", params)
		if !ok || unable.Reason != "FailedGetScale" {
			continue
		}
		edit := remedy.Sprintf("`kubectl -n %s edit hpa %s`", hpa.Namespace, hpa.Name)
		finding := check.Finding{Object: hpa.Ref, Evidence: []check.Evidence{
			check.QuoteCondition(
				unable,
			), check.FromSpec("scaleTargetRef: %s %s, apiVersion %s", hpa.Target.Kind, hpa.Target.Name, hpa.TargetAPIVersion),
		}}
		absent := !g.Has(hpa.Target) && (g.Complete(hpa.Target.Kind, hpa.Namespace) || strings.Contains(unable.Message, `" not found`))
		switch {
		case strings.Contains(unable.Message, "no matches for kind"):
			finding.Message = fmt.Sprintf("HorizontalPodAutoscaler %s cannot scale: the API server does not serve kind %s in %s.",
				hpa.Name, hpa.Target.Kind, hpa.TargetAPIVersion)
			finding.Remediation = remedy.Sprintf("Correct spec.scaleTargetRef.apiVersion and kind (%s); `kubectl api-resources` lists "+
				"what is served, Deployments being in apps/v1.", edit)
		case absent:
			finding.Message = fmt.Sprintf("HorizontalPodAutoscaler %s cannot scale: %s does not exist.", hpa.Name, targetName(hpa))
			finding.Remediation = remedy.Sprintf("Name a target that exists (%s), create %s, or, if it is gone for good: `kubectl -n %s "+
				"delete hpa %s`.",
				edit, targetName(hpa), hpa.Namespace, hpa.Name)
			if similar := similarTarget(g, hpa); similar != "" {
				finding.Remediation = remedy.Sprintf("If you mean %[1]s %[2]s: `kubectl -n %[3]s patch hpa %[4]s --type=merge -p "+
					"'{\"spec\":{\"scaleTargetRef\":{\"name\":\"%[2]s\"}}}'`. If the target is gone for good: "+
					"`kubectl -n %[3]s delete hpa %[4]s`.",
					hpa.Target.Kind, similar, hpa.Namespace, hpa.Name)
				finding.Evidence = append(finding.Evidence,
					check.FromSpec("%s %s exists in namespace %s", hpa.Target.Kind, similar, hpa.Namespace))
			}
		case g.Has(hpa.Target) && strings.Contains(unable.Message, `" not found`):
			continue // it has come in the meantime
		default:
			finding.Message = fmt.Sprintf("HorizontalPodAutoscaler %s cannot scale: the scale of %s cannot "+
				"be read.", hpa.Name, targetName(hpa))
			finding.Remediation = remedy.Sprintf("The evidence quotes the error. A custom resource must have a scale subresource, and "+
				"kube-controller-manager permission to read it. Otherwise correct the target: %s.", edit)
		}
		findings = append(findings, finding)
	}
	return findings
}

// similarTarget is the name of a workload of the target's kind and namespace that the target's name likely meant; may be empty.
func similarTarget(g *facts.Graph, hpa *facts.HPANode) string {
	var names []string
	for _, w := range g.Workloads {
		if w.Kind == hpa.Target.Kind && w.Namespace == hpa.Namespace {
			names = append(names, w.Name)
		}
	}
	return text.Similar(names, hpa.Target.Name)
}

func hpaScalingDisabled(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, hpa := range g.HPAs {
		active, ok := falseCondition(g, hpa, "ScalingActive", params)
		if !ok || active.Reason != "ScalingDisabled" {
			continue
		}
		// The controller looks at its autoscalers one after the other: the condition may be older than the target's last change.
		if target, known := facts.Lookup[*facts.WorkloadNode](g, hpa.Target); known && target.Desired > 0 {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   hpa.Ref,
			Message:  fmt.Sprintf("HorizontalPodAutoscaler %s is disabled: %s is scaled to zero.", hpa.Name, targetName(hpa)),
			Evidence: []check.Evidence{check.QuoteCondition(active)},
			Remediation: remedy.Sprintf("Nothing, if this is intended. Otherwise: `kubectl -n %s scale %s %s --replicas=%d`, and the "+
				"autoscaler takes over.",
				hpa.Namespace, strings.ToLower(string(hpa.Target.Kind)), hpa.Target.Name, max(1, hpa.Min)),
		})
	}
	return findings
}

// apiServicesOf are the APIServices that serve a group.
func apiServicesOf(g *facts.Graph, group string) []facts.Ref {
	var refs []facts.Ref
	for _, api := range g.APIServices {
		if api.Group == group {
			refs = append(refs, api.Ref)
		}
	}
	return refs
}
