package practice

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

// habitChecks report what makes objects hard to operate.
func habitChecks() []check.Check {
	return []check.Check{
		{
			ID: "labels-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A workload has no label that identifies its application.",
			Meaning: "Neither the workload nor its Pod template has one of the labels app.kubernetes.io/name, " +
				"app.kubernetes.io/instance, app, k8s-app and name, which dashboards, policies and people " +
				"select by." + check.SystemNamespacesNote,
			Remediation: "Label it: `kubectl label <kind> <name> app.kubernetes.io/name=<application>`. Add the label to the manifest too.",
			Link:        "https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/",
			Needs:       []facts.Kind{facts.Deployment}, Uses: facts.WorkloadKinds(), Run: labelsMissing,
		},
		{
			ID: "naked-pod", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A Pod has no controller that replaces it.",
			Meaning: "The Pod has no owner and is older than the recent window (an hour by default): when its node fails or it is " +
				"evicted, it is lost. Static Pods, finished Pods, Pods that run once (restartPolicy Never or OnFailure) and those of " +
				"kubectl debug are not reported." + check.SystemNamespacesNote,
			Remediation: "Move its spec into the template of a Deployment (or of a Job, if it runs to completion), and delete the Pod.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/pods/#using-pods",
			Needs:       []facts.Kind{facts.Pod}, Run: nakedPod,
		},
	}
}

func labelsMissing(g *facts.Graph, _ check.Params) []check.Finding {
	known := []string{"app.kubernetes.io/name", "app.kubernetes.io/instance", "app", "k8s-app", "name"}
	var findings []check.Finding
	for _, workload := range liveWorkloads(g) {
		if slices.ContainsFunc(known, func(l string) bool { return workload.Labels[l] != "" || workload.TemplateLabels[l] != "" }) {
			continue
		}
		has := cmp.Or(strings.Join(slices.Sorted(maps.Keys(workload.TemplateLabels)), ", "), "none")
		findings = append(findings, check.Finding{
			Object:   workload.Ref,
			Message:  fmt.Sprintf("%s %s has no label that identifies its application.", workload.Kind, workload.Name),
			Evidence: []check.Evidence{check.FromSpec("labels of its Pods: %s", has)},
			Remediation: remedy.Sprintf("Label it: `%s label %s %s app.kubernetes.io/name=%[3]s`. Add the label to the manifest too.",
				kubectl.Command(workload.Ref), strings.ToLower(string(workload.Kind)), workload.Name),
		})
	}
	return findings
}

func nakedPod(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, pod := range g.Pods {
		if pod.Owned || !pod.Owner.IsZero() || check.IsSystemNamespace(pod.Namespace) || !pod.Deleting.IsZero() ||
			pod.Phase == "Succeeded" || pod.Phase == "Failed" ||
			strings.HasPrefix(pod.Name, "node-debugger-") ||
			!g.OlderThan(pod.Created, params.RecentWindow) ||
			pod.Spec == nil ||
			pod.Spec.Lean == nil {
			continue
		}
		if policy := pod.Spec.Lean.RestartPolicy; policy != "" && policy != corev1.RestartPolicyAlways {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   pod.Ref,
			Message:  fmt.Sprintf("Pod %s has no controller: nothing replaces it when its node fails.", pod.Name),
			Evidence: []check.Evidence{check.FromSpec("no ownerReferences")},
		})
	}
	return findings
}
