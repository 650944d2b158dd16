package checks

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// byNamespace gathers the names of alike objects, so that a namespace full of them is one finding.
type byNamespace map[string][]string

func (b byNamespace) add(namespace, name string) { b[namespace] = append(b[namespace], name) }

// findings makes one finding for each namespace, with the names in its evidence.
func (b byNamespace) findings(of func(namespace string) Finding) []Finding {
	const most = 20
	var findings []Finding
	for _, namespace := range slices.Sorted(maps.Keys(b)) {
		names := slices.Sorted(slices.Values(b[namespace]))
		list := strings.Join(names[:min(len(names), most)], ", ")
		if len(names) > most {
			list += ", ..."
		}
		f := of(namespace)
		f.Object = facts.Ref{Kind: facts.Namespace, Name: namespace}
		f.Evidence = append([]Evidence{spec("%d: %s", len(names), list)}, f.Evidence...)
		findings = append(findings, f)
	}
	return findings
}

// habitChecks are about what makes objects hard to live with.
func habitChecks() []Check {
	return []Check{
		{
			ID: "labels-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A workload has no label that says what it is.",
			Meaning: "Neither the workload nor its Pod template has one of the labels app.kubernetes.io/name, app.kubernetes.io/instance, app, k8s-app and name, which dashboards, policies and people " +
				"look for." + shippedNote,
			Remediation: "`kubectl label <kind> <name> app.kubernetes.io/name=<program>`, and the same in the manifest.",
			Link:        "https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/",
			Needs:       []facts.Kind{facts.Deployment}, Uses: workloadKinds(), Run: labelsMissing,
		},
		{
			ID: "naked-pod", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A Pod was made by hand, and nothing replaces it.",
			Meaning: "The Pod has no owner, and has been there for longer than the recent window (an hour unless set): when its node goes or it is evicted, it is gone. Static Pods, finished Pods, " +
				"Pods that run once (restartPolicy Never or OnFailure) and those of kubectl debug are left out." + shippedNote,
			Remediation: "Put its spec into the template of a Deployment (or a Job, if it ends), and delete the Pod.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/pods/#using-pods",
			Needs:       []facts.Kind{facts.Pod}, Run: nakedPod,
		},
	}
}

func labelsMissing(g *facts.Graph, _ Params) []Finding {
	known := []string{"app.kubernetes.io/name", "app.kubernetes.io/instance", "app", "k8s-app", "name"}
	var findings []Finding
	for _, w := range liveWorkloads(g) {
		if slices.ContainsFunc(known, func(l string) bool { return w.Labels[l] != "" || w.TemplateLabels[l] != "" }) {
			continue
		}
		has := cmp.Or(strings.Join(slices.Sorted(maps.Keys(w.TemplateLabels)), ", "), "none")
		findings = append(findings, Finding{
			Object:      w.Ref,
			Message:     fmt.Sprintf("%s %s has no label that says what it is.", w.Kind, w.Name),
			Evidence:    []Evidence{spec("labels of its Pods: %s", has)},
			Remediation: fmt.Sprintf("`%s label %s %s app.kubernetes.io/name=<program>`, and the same in the manifest.", kubectl(w.Ref), strings.ToLower(string(w.Kind)), w.Name),
		})
	}
	return findings
}

func nakedPod(g *facts.Graph, params Params) []Finding {
	var findings []Finding
	for _, pod := range g.Pods {
		if pod.Owned || !pod.Owner.IsZero() || shipped(pod.Namespace) || !pod.Deleting.IsZero() || pod.Phase == "Succeeded" || pod.Phase == "Failed" ||
			strings.HasPrefix(pod.Name, "node-debugger-") || !outlived(g, pod.Created, params.RecentWindow) || pod.Spec == nil || pod.Spec.Lean == nil {
			continue
		}
		if policy := pod.Spec.Lean.RestartPolicy; policy != "" && policy != corev1.RestartPolicyAlways {
			continue
		}
		findings = append(findings, Finding{
			Object:   pod.Ref,
			Message:  fmt.Sprintf("Pod %s belongs to no workload: nothing replaces it when its node goes.", pod.Name),
			Evidence: []Evidence{spec("no ownerReferences")},
		})
	}
	return findings
}
