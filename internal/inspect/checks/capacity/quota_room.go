package capacity

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/nodeload"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func quotaRoomChecks() []check.Check {
	return []check.Check{
		{
			ID: "quota-nearly-used", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "A ResourceQuota is nearly used up.",
			Meaning: fmt.Sprintf(
				"For at least one resource, more than %d %% of the quota is used, and none is used up (quota-exhausted reports that). "+
					"The next rollout may not fit.",
				nearlyFull,
			),
			Remediation: "Show usage and limits with `kubectl describe resourcequota <name>`. Delete or shrink what is not needed, or " +
				"raise the quota in time.",
			Link:  "https://kubernetes.io/docs/concepts/policy/resource-quotas/",
			Needs: []facts.Kind{facts.ResourceQuota}, Run: quotaNearlyUsed,
		},
		{
			ID: "limitrange-missing", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "A quota requires requests or limits that workloads of its namespace do not set.",
			Meaning: "The namespace has a ResourceQuota for CPU or memory, and no LimitRange sets the values that the Pod template " +
				"of at least one workload omits: the API server rejects its next Pod. Pods created before the quota continue, so the " +
				"problem shows only when one has to be replaced. There is one finding per namespace.",
			Remediation: "Set the requests and limits in the Pod templates, or create a LimitRange with defaults for containers.",
			Link:        "https://kubernetes.io/docs/concepts/policy/resource-quotas/#requests-vs-limits",
			Needs: []facts.Kind{
				facts.ResourceQuota,
				facts.LimitRange,
				facts.Deployment,
			}, Uses: append(facts.WorkloadKinds(), facts.Job, facts.CronJob), Run: limitRangeMissing,
		},
	}
}

func quotaNearlyUsed(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, quota := range g.Quotas {
		if !quota.Deleting.IsZero() || slices.ContainsFunc(quota.Items, facts.QuotaItem.Exhausted) {
			continue
		}
		var resources []string
		var evidence []check.Evidence
		for _, item := range quota.Items {
			// A small count quota is meant to be used: three of three Services are not reported.
			if few := !strings.Contains(item.Resource, "cpu") && !strings.Contains(item.Resource, "memory") && item.Hard < 10*1000; !few &&
				nodeload.Percent(item.Used, item.Hard) > nearlyFull {
				resources = append(resources, item.Resource)
				evidence = append(evidence, check.FromCondition("%s: %s of %s used", item.Resource, item.UsedText, item.HardText))
			}
		}
		if len(resources) > 0 {
			findings = append(findings, check.Finding{
				Object: quota.Ref, Evidence: evidence,
				Message: fmt.Sprintf("ResourceQuota %s of namespace %s is nearly used up.", quota.Name, quota.Namespace),
			})
		}
	}
	return findings
}

// demand is what a quota requires every container to set.
type demand struct{ cpuRequest, memoryRequest, cpuLimit, memoryLimit bool }

// demandsOf returns the demands of the quotas by namespace.
func demandsOf(g *facts.Graph) map[string]demand {
	all := map[string]demand{}
	for _, quota := range g.Quotas {
		d := all[quota.Namespace]
		for _, item := range quota.Items {
			switch corev1.ResourceName(item.Resource) {
			case corev1.ResourceCPU, corev1.ResourceRequestsCPU:
				d.cpuRequest = true
			case corev1.ResourceMemory, corev1.ResourceRequestsMemory:
				d.memoryRequest = true
			case corev1.ResourceLimitsCPU:
				d.cpuLimit = true
			case corev1.ResourceLimitsMemory:
				d.memoryLimit = true
			}
		}
		all[quota.Namespace] = d
	}
	// Values set by a LimitRange need not be set by the container.
	for _, l := range g.LimitRanges {
		d, ok := all[l.Namespace]
		if !ok {
			continue
		}
		d.cpuRequest = d.cpuRequest && !l.DefaultsCPURequest
		d.memoryRequest = d.memoryRequest && !l.DefaultsMemoryRequest
		d.cpuLimit = d.cpuLimit && !l.DefaultsCPULimit
		d.memoryLimit = d.memoryLimit && !l.DefaultsMemoryLimit
		all[l.Namespace] = d
	}
	return all
}

func limitRangeMissing(g *facts.Graph, _ check.Params) []check.Finding {
	demands := demandsOf(g)
	found := check.ByNamespace{}
	for template := range podtemplate.Effective(g) {
		if d := demands[template.Owner.Namespace]; d != (demand{}) && template.Owner.Kind != facts.Pod &&
			g.Complete(facts.LimitRange, template.Owner.Namespace) &&
			leavesOpen(template, d) {
			found.Add(template.Owner.Namespace, template.Name())
		}
	}
	return found.Findings(func(namespace string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf(
				"The quota of namespace %s requires requests or limits that workloads there do not set, and no LimitRange sets them: "+
					"the API server rejects their next Pods.",
				namespace,
			),
			Remediation: remedy.Sprintf(
				"Set requests and limits in the Pod templates of these workloads, or create a LimitRange with defaults. `kubectl -n %s "+
					"describe resourcequota` shows what is required.",
				namespace,
			),
		}
	})
}

// leavesOpen reports whether a container sets less than the quota requires.
func leavesOpen(template podtemplate.Template, d demand) bool {
	if template.Lean.Resources != nil {
		return false // set for the whole Pod
	}
	return slices.ContainsFunc(template.All(), func(c *corev1.Container) bool {
		return (d.cpuRequest && !podtemplate.HasRequest(&c.Resources, corev1.ResourceCPU)) ||
			(d.memoryRequest && !podtemplate.HasRequest(&c.Resources, corev1.ResourceMemory)) ||
			(d.cpuLimit && !podtemplate.HasLimit(&c.Resources, corev1.ResourceCPU)) ||
			(d.memoryLimit && !podtemplate.HasLimit(&c.Resources, corev1.ResourceMemory))
	})
}
