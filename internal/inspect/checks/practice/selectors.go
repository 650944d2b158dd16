package practice

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

// selectorChecks are about Pods that several objects claim.
func selectorChecks() []check.Check {
	return []check.Check{
		{
			ID: "selector-overlap-workloads", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
			Summary: "The selector of a workload matches the Pods of another workload.",
			Meaning: "Controllers distinguish Pods by owner, but everything else uses labels: a HorizontalPodAutoscaler measures the Pods of both, a PodDisruptionBudget counts them together, a workload adopts orphaned Pods of the other, and `kubectl logs deployment/<name>` shows the wrong ones. The severity is high if an autoscaler scales the workload, since it then reacts to the load of other Pods. Workloads scaled to zero are not reported." + check.SystemNamespacesNote,
			Remediation: "Add a label to the Pods that is unique to each workload, and include it in the selector. A selector is immutable: delete the workload with --cascade=orphan and create it again.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector",
			Needs:       []facts.Kind{facts.Deployment}, Uses: append(facts.WorkloadKinds(), facts.HPA), Run: overlappingWorkloads,
		},
		{
			ID: "selector-overlap-services", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "Two Services route the same traffic to the same Pods.",
			Meaning: "Two Services of the same type have the same selector, port and target port. Often one was copied and its selector not changed. Pairs of different types, one headless or internal and one not, and those of Argo Rollouts are not reported." + check.SystemNamespacesNote,
			Remediation: "Correct the selector of the wrong one, or delete the redundant one. `kubectl get services -o wide` shows the selectors.",
			Link:        "https://kubernetes.io/docs/concepts/services-networking/service/",
			Needs:       []facts.Kind{facts.Service}, Run: overlappingServices,
		},
		{
			ID: "service-selects-several-workloads", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A Service sends traffic to the Pods of several workloads.",
			Meaning: "The selector matches the Pods of two or more workloads. This is intended for canary and blue-green deployments; otherwise the selector is too broad, and some requests reach the wrong application. Headless Services are not reported, since they are used for peer discovery." + check.SystemNamespacesNote,
			Remediation: "If this is not intended, narrow the selector: `kubectl edit service <name>`.",
			Link:        "https://kubernetes.io/docs/concepts/services-networking/service/",
			Needs:       []facts.Kind{facts.Service, facts.Deployment}, Uses: facts.WorkloadKinds(), Run: serviceSelectsSeveral,
		},
	}
}

// liveWorkloads are the workloads that people set up and that want Pods.
func liveWorkloads(g *facts.Graph) []*facts.WorkloadNode {
	return slices.DeleteFunc(slices.Clone(g.Workloads), func(w *facts.WorkloadNode) bool {
		return !w.WantsPods() && w.Kind != facts.DaemonSet || !w.Deleting.IsZero() || check.IsSystemNamespace(w.Namespace) || w.Template == nil || g.TopOwner(w.Ref) != w.Ref
	})
}

func overlappingWorkloads(g *facts.Graph, _ check.Params) []check.Finding {
	const few = 4
	workloads := liveWorkloads(g)
	scaled := map[facts.Ref]bool{}
	for _, h := range g.HPAs {
		scaled[h.Target] = true
	}
	// Workloads with equal selectors are asked about once.
	type selectorKey struct{ namespace, selector string }
	groups := map[selectorKey][]*facts.WorkloadNode{}
	var distinct []selectorKey
	for _, w := range workloads {
		key := selectorKey{w.Namespace, w.Selector.String()}
		if groups[key] == nil {
			distinct = append(distinct, key)
		}
		groups[key] = append(groups[key], w)
	}
	index := indexLabels(distinct, func(k selectorKey) (string, facts.Selector) { return k.namespace, groups[k][0].Selector })
	claimed := map[selectorKey][]*facts.WorkloadNode{} // some of those whose Pods each selector matches
	for _, w := range workloads {
		for _, key := range index.matching(w.Namespace, w.TemplateLabels) {
			if len(claimed[key]) < few {
				claimed[key] = append(claimed[key], w)
			}
		}
	}
	var findings []check.Finding
	for _, w := range workloads {
		others := slices.DeleteFunc(slices.Clone(claimed[selectorKey{w.Namespace, w.Selector.String()}]), func(o *facts.WorkloadNode) bool { return o == w })
		if len(others) == 0 {
			continue
		}
		finding := check.Finding{
			Object:   w.Ref,
			Message:  fmt.Sprintf("The selector of %s %s also matches the Pods of other workloads.", w.Kind, w.Name),
			Evidence: []check.Evidence{check.FromSpec("selector %s", w.Selector), check.FromSpec("matches the Pods of %s", phrase.Workloads(others[:min(len(others), few-1)]))},
		}
		if scaled[w.Ref] {
			finding.Severity = v1alpha1.SeverityHigh
			finding.Evidence = append(finding.Evidence, check.FromSpec("a HorizontalPodAutoscaler scales it and measures all of these Pods"))
		}
		findings = append(findings, finding)
	}
	return findings
}

// rolloutLabel is what Argo Rollouts adds to the selectors of the Services that it directs.
const rolloutLabel = "rollouts-pod-template-hash"

func overlappingServices(g *facts.Graph, _ check.Params) []check.Finding {
	type claim struct {
		namespace, selector, kind, port string
	}
	groups := map[claim][]*facts.ServiceNode{}
	var order []claim
	for _, s := range g.Services {
		if !s.SelectsPods() || check.IsSystemNamespace(s.Namespace) || s.Selector[rolloutLabel] != "" || s.Owned || len(s.Ports) == 0 {
			continue
		}
		ports := make([]string, 0, len(s.Ports))
		for _, p := range s.Ports {
			ports = append(ports, fmt.Sprintf("%s %d to %s", facts.ProtocolOf(p.Protocol), p.Port, cmp.Or(p.TargetName, fmt.Sprint(p.TargetPort))))
		}
		slices.Sort(ports)
		key := claim{
			s.Namespace, facts.SelectorFromSet(s.Selector).String(), fmt.Sprint(s.Type, s.Headless, s.Internal, s.LocalTraffic, s.PublishNotReady),
			strings.Join(ports, ", "),
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], s)
	}
	var findings []check.Finding
	for _, key := range order {
		group := groups[key]
		if len(group) < 2 {
			continue
		}
		names := make([]string, 0, len(group))
		for _, s := range group {
			names = append(names, s.Name)
		}
		findings = append(findings, check.Finding{
			Object:   group[0].Ref,
			Message:  fmt.Sprintf("Services %s route the same ports to the same Pods.", phrase.List(names)),
			Evidence: []check.Evidence{check.FromSpec("selector %s", key.selector), check.FromSpec("ports: %s", key.port)},
			Remediation: fmt.Sprintf("Correct the selector of the wrong one, or delete the redundant one. `kubectl -n %s get services %s -o wide` shows the selectors.",
				key.namespace, strings.Join(names[:min(len(names), 5)], " ")),
		})
	}
	return findings
}

func serviceSelectsSeveral(g *facts.Graph, _ check.Params) []check.Finding {
	const few = 4
	index := serviceIndex(g)
	behind := map[facts.Ref][]*facts.WorkloadNode{}
	for _, w := range liveWorkloads(g) {
		for _, s := range index.matching(w.Namespace, w.TemplateLabels) {
			if len(behind[s.Ref]) < few {
				behind[s.Ref] = append(behind[s.Ref], w)
			}
		}
	}
	var findings []check.Finding
	for _, s := range g.Services {
		if workloads := behind[s.Ref]; len(workloads) > 1 && !s.Headless {
			findings = append(findings, check.Finding{
				Object:   s.Ref,
				Message:  fmt.Sprintf("Service %s sends traffic to the Pods of several workloads.", s.Name),
				Evidence: []check.Evidence{check.FromSpec("selector %s", facts.SelectorFromSet(s.Selector)), check.FromSpec("selects Pods of %s", phrase.Workloads(workloads[:min(len(workloads), few-1)]))},
			})
		}
	}
	return findings
}
