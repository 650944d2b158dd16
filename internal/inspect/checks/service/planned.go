package service

import (
	"fmt"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/endpoints"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// plannedSelector is selectorMatchesNothing for manifests: a Service whose selector matches no Pod template in the files.
func plannedSelector(g *facts.Graph, _ check.Params) []check.Finding {
	pods := podtemplate.PlannedPods(g)
	var findings []check.Finding
	for _, service := range g.Services {
		selector := facts.SelectorFromSet(service.Selector)
		if !service.SelectsPods() || !g.WorkloadsComplete(service.Namespace) ||
			len(podtemplate.Selected(pods[service.Namespace], selector)) > 0 {
			continue
		}
		finding := check.Finding{
			Object: service.Ref, Evidence: []check.Evidence{check.FromSpec("selector %s", selector)},
			Message: fmt.Sprintf("Service %s selects %s, but no Pod template in namespace %s has these labels.", service.Name, selector,
				service.Namespace),
			Remediation: "Match spec.selector of the Service with the labels of the Pod template (spec.template.metadata.labels). " +
				"Delete the Service " +
				"if it is no longer needed.",
		}
		evidence, _ := nearlySelected(g, service)
		finding.Evidence = append(finding.Evidence, evidence...)
		findings = append(findings, finding)
	}
	return findings
}

// plannedPortName is portNameWrong for manifests.
func plannedPortName(g *facts.Graph, _ check.Params) []check.Finding {
	pods := podtemplate.PlannedPods(g)
	var findings []check.Finding
	for _, service := range g.Services {
		if !service.SelectsPods() {
			continue
		}
		var nodes []*facts.PodNode
		for _, p := range podtemplate.Selected(pods[service.Namespace], facts.SelectorFromSet(service.Selector)) {
			nodes = append(nodes, &facts.PodNode{Meta: facts.Meta{Ref: p.Owner}, Spec: p.Spec})
		}
		reported := map[string]bool{}
		for i, port := range service.Ports {
			if reported[port.TargetName] || !endpoints.Undeclared(port, nodes) {
				continue
			}
			reported[port.TargetName] = true
			finding := undeclaredPort(g, service, i, nodes)
			finding.Remediation = remedy.Sprintf(
				"Name the container port %s in the workload, or set targetPort of the Service to a name or number that the containers "+
					"declare.",
				port.TargetName,
			)
			findings = append(findings, finding)
		}
	}
	return findings
}
