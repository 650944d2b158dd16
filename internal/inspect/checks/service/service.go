// Package service checks Services and their load balancers.
package service

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/endpoints"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// loadBalancerPatience is how many startup graces a LoadBalancer may take to get an address: a cloud needs several minutes.
const loadBalancerPatience = 5

// Checks returns all checks of Services, in no fixed order.
func Checks() []check.Check {
	return []check.Check{
		{
			ID: "service-selector-matches-nothing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A Service selects labels that no Pod has.",
			Meaning: "The Service's selector matches no Pod in its namespace, except for finished ones, and the Service " +
				"has no endpoints: connections are refused or time out. If the labels of a workload nearly match, the evidence " +
				"shows them. Low if the workload that would match is scaled to zero; ignored if an autoscaler of a custom resource " +
				"such as a ScaledObject does that on demand. Services without a selector, of type " +
				"ExternalName, or being deleted are skipped.",
			Remediation: "Compare the Service's selector (`kubectl get service <name> -o wide`) with the labels of the " +
				"Pods (`kubectl get pods --show-labels`) and correct one of them. Delete the Service if it is no longer needed.",
			Link:  "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/#does-the-service-have-any-endpointslices",
			Needs: []facts.Kind{facts.Service, facts.Pod},
			Uses:  append(facts.WorkloadKinds(), facts.HPA),
			ExplainedBy: slices.Concat(check.CreationFailures(), []string{
				"deployment-unavailable", "statefulset-unavailable", "daemonset-unavailable", "replicaset-unavailable",
				"serviceaccount-missing", "workload-not-observed",
			}),
			Run: selectorMatchesNothing, OnManifests: plannedSelector,
		},
		{
			ID: "service-no-ready-endpoints", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Service has no ready endpoints.",
			Meaning: "The Service's selector matches Pods, but none of them has been ready for longer than the startup " +
				"grace, and its EndpointSlices have no ready endpoint either: connections are refused. A Pod that is ready only " +
				"for a moment between two crashes counts as not ready. A Service with publishNotReadyAddresses is healthy as long " +
				"as it publishes any endpoint.",
			Remediation: "`kubectl describe pods -l <selector>` shows the probes, container states and events of the " +
				"Pods. The finding that causes this one, if any, shows why they are not ready.",
			Link:        "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/#are-the-pods-working",
			Needs:       []facts.Kind{facts.Service, facts.Pod},
			Uses:        append(facts.WorkloadKinds(), facts.EndpointSlice),
			ExplainedBy: slices.Concat(check.WorkloadFailures(), []string{"replicaset-unavailable", "workload-not-observed"}),
			Run:         noReadyEndpoints,
		},
		{
			ID: "service-port-name-wrong", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A Service's targetPort refers to a port that no container declares.",
			Meaning: "A named targetPort is resolved against the declared ports of each selected Pod, sidecars included, " +
				"with the same protocol. If none of the Pods declares it, the Service port has no endpoints even when all Pods " +
				"are ready. Numeric target ports need no declaration and are never reported.",
			Remediation: "Give the container port that name, or set the Service's targetPort to a name or number that " +
				"the containers declare.",
			Link:        "https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports",
			Needs:       []facts.Kind{facts.Service, facts.Pod},
			Uses:        facts.WorkloadKinds(),
			Run:         portNameWrong,
			OnManifests: plannedPortName,
		},
		{
			ID: "service-loadbalancer-pending", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Service of type LoadBalancer has no external address.",
			Meaning: "The Service has had no external address for more than five times the startup grace. Either nothing " +
				"in the cluster creates load balancers (bare metal without MetalLB or similar, a cloud controller manager that " +
				"is not running), or creating one failed: then an event shows why. The Service is still reachable from inside " +
				"the cluster.",
			Remediation: "Check the events (`kubectl describe service <name>`) and the controller that creates load " +
				"balancers. If there is none, install one or use type NodePort or ClusterIP.",
			Link:  "https://kubernetes.io/docs/concepts/services-networking/service/#loadbalancer",
			Needs: []facts.Kind{facts.Service},
			Uses:  []facts.Kind{facts.Event},
			Run:   loadBalancerPending,
		},
	}
}

// scaledOnDemand reports whether a controller scales one of the workloads, and so to zero while there is no load: the autoscaler of the
// workload belongs to a custom resource, such as a ScaledObject of KEDA.
func scaledOnDemand(g *facts.Graph, workloads []*facts.WorkloadNode) bool {
	return slices.ContainsFunc(g.HPAs, func(hpa *facts.HPANode) bool {
		return hpa.Owner.Kind.IsCustom() && slices.ContainsFunc(workloads, func(w *facts.WorkloadNode) bool { return w.Ref == hpa.Target })
	})
}

func selectorMatchesNothing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, service := range g.Services {
		state := endpoints.Judge(g, service, params)
		if state.Health != endpoints.SelectsNothing || state.ScaledToZero && scaledOnDemand(g, state.Workloads) {
			continue
		}
		selector := facts.SelectorFromSet(service.Selector).String()
		finding := check.Finding{Object: service.Ref, Evidence: []check.Evidence{check.FromSpec("selector %s", selector)}}
		switch {
		case state.ScaledToZero:
			finding.Severity = v1alpha1.SeverityLow
			finding.Message = fmt.Sprintf("Service %s has no Pods: %s, which it selects, %s.",
				service.Name, phrase.Workloads(state.Workloads), phrase.WhyNoPods(state.Workloads[0]))
			finding.Remediation = "Nothing, if this is intended. Otherwise: " + scaleCommand(state.Workloads[0])
		case len(state.Workloads) > 0:
			finding.Message = fmt.Sprintf("Service %s has no Pods: %s, which it selects, has none.",
				service.Name, phrase.Workloads(state.Workloads))
			finding.Remediation = remedy.Sprintf(
				"Check why no Pods are created: `kubectl -n %s get events --field-selector reason=FailedCreate` "+
					"and `kubectl -n %s describe %s %s`.",
				service.Namespace,
				service.Namespace,
				strings.ToLower(string(state.Workloads[0].Kind)),
				state.Workloads[0].Name,
			)
		default:
			finding.Message = fmt.Sprintf("Service %s selects %s, but no active Pod in namespace %s has these labels.", service.Name,
				selector, service.Namespace)
			evidence, fix := nearlySelected(g, service)
			finding.Evidence = append(finding.Evidence, evidence...)
			finding.Remediation = fix
			if finished := finishedPods(g, service); len(finished) > 0 {
				finding.Evidence = append(finding.Evidence,
					check.FromCondition("Pods with these labels have finished: %s", phrase.Pods(finished)))
			}
		}
		for _, workload := range state.Workloads {
			finding.Culprits = append(finding.Culprits, workload.Ref)
			finding.Evidence = append(finding.Evidence, check.FromCondition("%s %s wants %d %s, has %d",
				workload.Kind, workload.Name, workload.Desired, phrase.Plural(int(workload.Desired), "Pod", "Pods"), workload.Current))
		}
		findings = append(findings, finding)
	}
	return findings
}

// finishedPods are the Pods that a Service would select if they had not finished.
func finishedPods(g *facts.Graph, service *facts.ServiceNode) []*facts.PodNode {
	selector := facts.SelectorFromSet(service.Selector)
	return slices.DeleteFunc(slices.Clone(g.PodsIn(service.Namespace)), func(p *facts.PodNode) bool {
		return !selector.Matches(p.Labels)
	})
}

func scaleCommand(workload *facts.WorkloadNode) remedy.Text {
	if workload.Kind == facts.DaemonSet {
		return remedy.Sprintf("check its node selector and tolerations: `kubectl -n %s describe daemonset %s`.", workload.Namespace,
			workload.Name)
	}
	return remedy.Sprintf("`kubectl -n %s scale %s %s --replicas=1`.", workload.Namespace, strings.ToLower(string(workload.Kind)),
		workload.Name)
}

func noReadyEndpoints(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, service := range g.Services {
		state := endpoints.Judge(g, service, params)
		if state.Health != endpoints.NotReady {
			continue
		}
		selector := facts.SelectorFromSet(service.Selector).String()
		finding := check.Finding{
			Object: service.Ref,
			Message: fmt.Sprintf("Service %s has no ready endpoints: none of the Pods that it selects (%s) is ready.", service.Name,
				selector),
			Remediation: remedy.Sprintf("`kubectl -n %s describe pods -l %s` shows why the Pods are not ready: probes, "+
				"container states and events.", service.Namespace, selector),
		}
		if between := endpoints.BetweenCrashes(g, state.Pods); len(between) > 0 {
			finding.Evidence = append(finding.Evidence, check.FromCondition("ready only between two crashes: %s", phrase.Pods(between)))
		} else {
			finding.Evidence = append(finding.Evidence, check.FromCondition("0 of %d selected %s ready: %s", len(state.Pods),
				phrase.Plural(len(state.Pods), "Pod is", "Pods are"), phrase.Pods(state.Pods)))
		}
		if g.Complete(facts.EndpointSlice, service.Namespace) {
			ready, notReady := endpoints.Counts(g, service.Ref)
			finding.Evidence = append(finding.Evidence, check.FromCondition("EndpointSlices: %d ready, %d not ready", ready, notReady))
		}
		findings = append(findings, finding)
	}
	return findings
}

func portNameWrong(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, service := range g.Services {
		if !service.SelectsPods() || !g.OlderThan(service.Created, params.StartupGrace) || !g.Complete(facts.Pod, service.Namespace) {
			continue
		}
		pods := g.Selected(service.Namespace, facts.SelectorFromSet(service.Selector))
		reported := map[string]bool{}
		for i, port := range service.Ports {
			if reported[port.TargetName] || !endpoints.Undeclared(port, pods) {
				continue
			}
			reported[port.TargetName] = true
			findings = append(findings, undeclaredPort(g, service, i, pods))
		}
	}
	return findings
}

func undeclaredPort(g *facts.Graph, service *facts.ServiceNode, index int, pods []*facts.PodNode) check.Finding {
	port := service.Ports[index]
	finding := check.Finding{
		Object: service.Ref, Discriminator: port.TargetName,
		Message: fmt.Sprintf("Service %s maps port %d to container port %s (%s), which none of its Pods declares.",
			service.Name, port.Port, port.TargetName, facts.ProtocolOf(port.Protocol)),
		Evidence: []check.Evidence{check.FromSpec("targetPort: %s", port.TargetName)},
	}
	seen := map[string]bool{}
	var same []facts.ContainerPort // candidates for the fix: declared ports with the same protocol; with two the fix is ambiguous
	for _, pod := range pods {
		owner := g.TopOwner(pod.Ref)
		for _, p := range pod.Spec.Ports {
			if len(same) < 2 && facts.ProtocolOf(p.Protocol) == facts.ProtocolOf(port.Protocol) &&
				!slices.ContainsFunc(same, func(s facts.ContainerPort) bool { return s.Port == p.Port }) {
				same = append(same, p)
			}
		}
		text := fmt.Sprintf("containers of %s %s declare %s", owner.Kind.Name(), owner.Name, endpoints.PortTexts(pod.Spec.Ports))
		if !seen[text] && len(seen) < 3 {
			seen[text] = true
			finding.Evidence = append(finding.Evidence, check.FromSpec("%s", text))
		}
	}
	target := "<name or number>"
	if len(same) == 1 {
		target = fmt.Sprint(same[0].Port)
		if same[0].Name != "" {
			target = `"` + same[0].Name + `"`
		}
	}
	finding.Remediation = remedy.Sprintf(
		"Name the container port %s in the workload, or set targetPort to a port that the containers declare: "+
			"`kubectl -n %s patch service %s --type=json -p '[{\"op\":\"replace\",\"path\":\"/spec/ports/%d/targetPort\",\"value\":%s}]'`.",
		port.TargetName,
		service.Namespace,
		service.Name,
		index,
		target,
	)
	return finding
}

func loadBalancerPending(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, service := range g.Services {
		if service.Type != "LoadBalancer" || service.LoadBalancerAddresses > 0 || !service.Deleting.IsZero() ||
			!g.OlderThan(service.Created, loadBalancerPatience*params.StartupGrace) {
			continue
		}
		finding := check.Finding{
			Object: service.Ref,
			Message: fmt.Sprintf(
				"Service %s of type LoadBalancer has no external address: no controller has created a load balancer for it.",
				service.Name,
			),
			Evidence: []check.Evidence{check.FromCondition("status.loadBalancer.ingress is empty")},
			Remediation: remedy.Sprintf(
				"Check the events (`kubectl -n %s describe service %s`) and that a cloud controller manager or a load balancer such as "+
					"MetalLB runs in the cluster. If there is none, use type NodePort or ClusterIP.",
				service.Namespace,
				service.Name,
			),
		}
		if e := check.NewestEvent(g, service.Ref, "SyncLoadBalancerFailed", "UpdateLoadBalancerFailed", "UnAvailableLoadBalancer",
			"AllocationFailed"); e != nil {
			finding.Message = fmt.Sprintf(
				"Service %s of type LoadBalancer has no external address: the load balancer could not be created (%s).",
				service.Name,
				e.Reason,
			)
			finding.Evidence = append(finding.Evidence, check.FromEvent(e))
		}
		findings = append(findings, finding)
	}
	return findings
}
