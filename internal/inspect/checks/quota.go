package checks

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func quotaChecks() []Check {
	return []Check{{
		ID: "quota-exhausted", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityMedium,
		Summary: "A ResourceQuota is used up.",
		Meaning: "Of at least one resource that the quota limits, as much is used as it allows: the API server refuses whatever would need more of " +
			"it. It is high when something was refused because of it within the recent window (an hour unless set). Limits of zero are left " +
			"out, since they forbid a resource on purpose.",
		Remediation: "`kubectl describe resourcequota <name>` shows use and limits. Remove or shrink what is not needed, or raise the quota.",
		Link:        "https://kubernetes.io/docs/concepts/policy/resource-quotas/",
		Needs:       []facts.Kind{facts.ResourceQuota},
		Uses:        []facts.Kind{facts.Event},
		Run:         quotaExhausted,
	}}
}

// exhausted says whether nothing is left of what a quota allows. A limit of zero is a prohibition, and never exhausted.
func exhausted(item facts.QuotaItem) bool { return item.Hard > 0 && item.Used >= item.Hard }

func quotaExhausted(g *facts.Graph, params Params) []Finding {
	refusals := quotaRefusals(g, params)
	var findings []Finding
	for _, quota := range g.Quotas {
		if !quota.Deleting.IsZero() {
			continue
		}
		var resources []string
		var evidence []Evidence
		for _, item := range quota.Items {
			if exhausted(item) {
				resources = append(resources, item.Resource)
				evidence = append(evidence, condition("%s: %s of %s used", item.Resource, item.UsedText, item.HardText))
			}
		}
		if len(resources) == 0 {
			continue
		}
		finding := Finding{
			Object: quota.Ref, Evidence: evidence,
			Message: fmt.Sprintf("ResourceQuota %s is used up: namespace %s can have no more %s.", quota.Name, quota.Namespace, strings.Join(resources, ", ")),
			Remediation: fmt.Sprintf("See what uses it up (`kubectl -n %[1]s describe resourcequota %[2]s`, `kubectl -n %[1]s get pods`); remove or shrink what is not "+
				"needed, or raise it: `kubectl -n %[1]s edit resourcequota %[2]s`.", quota.Namespace, quota.Name),
		}
		if refused := refusals[quota.Ref]; refused != nil {
			finding.Severity = v1alpha1.SeverityHigh
			finding.Evidence = append(finding.Evidence, event(refused))
		}
		findings = append(findings, finding)
	}
	return findings
}

// quotaRefusals are the newest recent events that say that a quota refused something, by quota.
func quotaRefusals(g *facts.Graph, params Params) map[facts.Ref]*facts.EventNode {
	refusals := map[facts.Ref]*facts.EventNode{}
	for _, e := range g.Events { // newest first
		if e.Reason != "FailedCreate" || outlived(g, e.Last, params.RecentWindow) {
			continue
		}
		r, ok := parseRefusal(e.Message)
		ref := facts.Ref{Kind: facts.ResourceQuota, Namespace: e.About.Namespace, Name: r.name}
		if ok && r.by == quotaExceeded && refusals[ref] == nil {
			refusals[ref] = e
		}
	}
	return refusals
}
