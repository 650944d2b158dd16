package capacity

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func quotaChecks() []check.Check {
	return []check.Check{{
		ID: "quota-exhausted", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityMedium,
		Summary: "A ResourceQuota is used up.",
		Meaning: "For at least one resource, the whole quota is used: the API server rejects requests that need more of it. The " +
			"severity is high if something was rejected because of it within the recent window (an hour by default). Limits of zero " +
			"are not reported, since they forbid a resource deliberately.",
		Remediation: "Show usage and limits with `kubectl describe resourcequota <name>`. Delete or shrink what is not needed, or " +
			"raise the quota.",
		Link:  "https://kubernetes.io/docs/concepts/policy/resource-quotas/",
		Needs: []facts.Kind{facts.ResourceQuota},
		Uses:  []facts.Kind{facts.Event},
		Run:   quotaExhausted,
	}}
}

func quotaExhausted(g *facts.Graph, params check.Params) []check.Finding {
	refusals := quotaRefusals(g, params)
	var findings []check.Finding
	for _, quota := range g.Quotas {
		if !quota.Deleting.IsZero() {
			continue
		}
		var resources []string
		var evidence []check.Evidence
		for _, item := range quota.Items {
			if item.Exhausted() {
				resources = append(resources, item.Resource)
				evidence = append(evidence, check.FromCondition("%s: %s of %s used", item.Resource, item.UsedText, item.HardText))
			}
		}
		if len(resources) == 0 {
			continue
		}
		finding := check.Finding{
			Object: quota.Ref, Evidence: evidence,
			Message: fmt.Sprintf("ResourceQuota %s is used up: namespace %s cannot use more %s.", quota.Name, quota.Namespace,
				strings.Join(resources, ", ")),
			Remediation: remedy.Sprintf(
				"Show its usage with `kubectl -n %[1]s describe resourcequota %[2]s`. Delete or shrink what is not needed, or raise "+
					"the quota: `kubectl -n %[1]s edit resourcequota %[2]s`.",
				quota.Namespace,
				quota.Name,
			),
		}
		if refused := refusals[quota.Ref]; refused != nil {
			finding.Severity = v1alpha1.SeverityHigh
			finding.Evidence = append(finding.Evidence, check.FromEvent(refused))
		}
		findings = append(findings, finding)
	}
	return findings
}

// quotaRefusals returns the newest recent event of a rejection by each quota.
func quotaRefusals(g *facts.Graph, params check.Params) map[facts.Ref]*facts.EventNode {
	refusals := map[facts.Ref]*facts.EventNode{}
	for _, e := range g.Events { // newest first
		if e.Reason != "FailedCreate" || g.OlderThan(e.Last, params.RecentWindow) || g.IsHistory(e) {
			continue
		}
		r, ok := apimessage.ParseRefusal(e.Message)
		ref := facts.Ref{Kind: facts.ResourceQuota, Namespace: e.About.Namespace, Name: r.Name}
		if ok && r.By == apimessage.QuotaExceeded && refusals[ref] == nil {
			refusals[ref] = e
		}
	}
	return refusals
}
