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
	"kubeops.io/kubeops/internal/remedy"
)

// selectorChecks report Pods that several objects select.
func selectorChecks() []check.Check {
	return []check.Check{
		{
			ID: "selector-overlap-workloads", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
			Summary: "The selector of a workload matches the Pods of another workload.",
			Meaning: "Controllers distinguish Pods by owner, but everything else uses labels: a HorizontalPodAutoscaler measures " +
				"the Pods of both, a PodDisruptionBudget counts them together, a workload adopts orphaned Pods of the other, and " +
				"`kubectl logs deployment/<name>` shows the wrong ones. The severity is high if an autoscaler scales the workload, " +
				"since it then reacts to the load of other Pods. Workloads scaled to zero are not reported." + check.SystemNamespacesNote,
			Remediation: "Add a label to the Pods that is unique to each workload, and include it in the selector. A selector is " +
				"immutable: delete the workload with --cascade=orphan and create it again.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector",
			Needs: []facts.Kind{facts.Deployment}, Uses: append(facts.WorkloadKinds(), facts.HPA), Run: overlappingWorkloads,
		},
		{
			ID: "selector-overlap-services", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "Two Services route the same traffic to the same Pods.",
			Meaning: "Two Services of the same type have the same selector, port and target port. Often one was copied and its " +
				"selector not changed. Pairs of different types, one headless or internal and one not, and those of Argo Rollouts are " +
				"not reported." + check.SystemNamespacesNote,
			Remediation: "Correct the selector of the wrong one, or delete the redundant one. `kubectl get services -o wide` shows the " +
				"selectors.",
			Link:  "https://kubernetes.io/docs/concepts/services-networking/service/",
			Needs: []facts.Kind{facts.Service}, Run: overlappingServices,
		},
		{
			ID: "service-selects-several-workloads", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A Service sends traffic to the Pods of several workloads.",
			Meaning: "The selector matches the Pods of two or more workloads. This is intended for canary and blue-green " +
				"deployments; otherwise the selector is too broad, and some requests reach the wrong application. Headless Services " +
				"are not reported, since they are used for peer discovery." + check.SystemNamespacesNote,
			Remediation: "If this is not intended, narrow the selector: `kubectl edit service <name>`.",
			Link:        "https://kubernetes.io/docs/concepts/services-networking/service/",
			Needs:       []facts.Kind{facts.Service, facts.Deployment}, Uses: facts.WorkloadKinds(), Run: serviceSelectsSeveral,
		},
	}
}

// liveWorkloads returns the top-level workloads that are not scaled to zero.
func liveWorkloads(g *facts.Graph) []*facts.WorkloadNode {
	return slices.DeleteFunc(slices.Clone(g.Workloads), func(w *facts.WorkloadNode) bool {
		return !w.WantsPods() && w.Kind != facts.DaemonSet || !w.Deleting.IsZero() || check.IsSystemNamespace(w.Namespace) ||
			w.Template == nil ||
			!g.IsTopWorkload(w)
	})
}

func overlappingWorkloads(g *facts.Graph, _ check.Params) []check.Finding {
	const maxListed = 3
	workloads := liveWorkloads(g)
	scaled := map[facts.Ref]bool{}
	for _, autoscaler := range g.HPAs {
		scaled[autoscaler.Target] = true
	}
	// Equal selectors are matched once.
	type selectorKey struct{ namespace, selector string }
	groups := map[selectorKey][]*facts.WorkloadNode{}
	var distinct []selectorKey
	for _, workload := range workloads {
		key := selectorKey{workload.Namespace, workload.Selector.String()}
		if groups[key] == nil {
			distinct = append(distinct, key)
		}
		groups[key] = append(groups[key], workload)
	}
	index := indexLabels(distinct, func(k selectorKey) (string, facts.Selector) { return k.namespace, groups[k][0].Selector })
	claimed := map[selectorKey][]*facts.WorkloadNode{} // up to maxListed workloads whose Pods each selector matches
	for _, workload := range workloads {
		for _, key := range index.matching(workload.Namespace, workload.TemplateLabels) {
			if len(claimed[key]) <= maxListed {
				claimed[key] = append(claimed[key], workload)
			}
		}
	}
	var findings []check.Finding
	for _, workload := range workloads {
		others := slices.DeleteFunc(slices.Clone(claimed[selectorKey{workload.Namespace, workload.Selector.String()}]),
			func(o *facts.WorkloadNode) bool { return o == workload })
		if len(others) == 0 {
			continue
		}
		finding := check.Finding{
			Object:  workload.Ref,
			Message: fmt.Sprintf("The selector of %s %s also matches the Pods of other workloads.", workload.Kind, workload.Name),
			Evidence: []check.Evidence{
				check.FromSpec("selector %s", workload.Selector),
				check.FromSpec("matches the Pods of %s", phrase.Workloads(others[:min(len(others), maxListed)])),
			},
		}
		if scaled[workload.Ref] {
			finding.Severity = v1alpha1.SeverityHigh
			finding.Evidence = append(finding.Evidence,
				check.FromSpec("a HorizontalPodAutoscaler scales it and measures all of these Pods"))
		}
		findings = append(findings, finding)
	}
	return findings
}

// rolloutLabel is added by Argo Rollouts to the selectors of the Services that it manages.
const rolloutLabel = "rollouts-pod-template-hash"

func overlappingServices(g *facts.Graph, _ check.Params) []check.Finding {
	type claim struct {
		namespace, selector, kind, port string
	}
	groups := map[claim][]*facts.ServiceNode{}
	var order []claim
	for _, service := range g.Services {
		if !service.SelectsPods() || check.IsSystemNamespace(service.Namespace) || service.Selector[rolloutLabel] != "" ||
			service.Owned ||
			len(service.Ports) == 0 {
			continue
		}
		ports := make([]string, 0, len(service.Ports))
		for _, p := range service.Ports {
			ports = append(ports,
				fmt.Sprintf("%s %d to %s", facts.ProtocolOf(p.Protocol), p.Port, cmp.Or(p.TargetName, fmt.Sprint(p.TargetPort))))
		}
		slices.Sort(ports)
		key := claim{
			service.Namespace, facts.SelectorFromSet(service.Selector).String(), fmt.Sprint(service.Type, service.Headless,
				service.Internal, service.LocalTraffic, service.PublishNotReady),
			strings.Join(ports, ", "),
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], service)
	}
	var findings []check.Finding
	for _, key := range order {
		group := groups[key]
		if len(group) < 2 {
			continue
		}
		names := make([]string, 0, len(group))
		for _, service := range group {
			names = append(names, service.Name)
		}
		findings = append(findings, check.Finding{
			Object:   group[0].Ref,
			Message:  fmt.Sprintf("Services %s route the same ports to the same Pods.", phrase.List(names)),
			Evidence: []check.Evidence{check.FromSpec("selector %s", key.selector), check.FromSpec("ports: %s", key.port)},
			Remediation: remedy.Sprintf(
				"Correct the selector of the wrong one, or delete the redundant one. `kubectl -n %s get services -o wide %s` shows the "+
					"selectors.",
				key.namespace,
				remedy.Quoted(names[:min(len(names), 5)]...),
			),
		})
	}
	return findings
}

func serviceSelectsSeveral(g *facts.Graph, _ check.Params) []check.Finding {
	const maxListed = 3
	index := serviceIndex(g)
	behind := map[facts.Ref][]*facts.WorkloadNode{}
	for _, workload := range liveWorkloads(g) {
		for _, service := range index.matching(workload.Namespace, workload.TemplateLabels) {
			if len(behind[service.Ref]) <= maxListed {
				behind[service.Ref] = append(behind[service.Ref], workload)
			}
		}
	}
	var findings []check.Finding
	for _, service := range g.Services {
		if workloads := behind[service.Ref]; len(workloads) > 1 && !service.Headless {
			findings = append(findings, check.Finding{
				Object:  service.Ref,
				Message: fmt.Sprintf("Service %s sends traffic to the Pods of several workloads.", service.Name),
				Evidence: []check.Evidence{
					check.FromSpec("selector %s", facts.SelectorFromSet(service.Selector)),
					check.FromSpec("selects Pods of %s", phrase.Workloads(workloads[:min(len(workloads), maxListed)])),
				},
			})
		}
	}
	return findings
}
