package controlplane

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func apiServiceChecks() []check.Check {
	return []check.Check{{
		ID: "apiservice-unavailable", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "An aggregated API is not available.",
		Meaning: "The API server delegates requests for this API group to a Service and cannot reach it: condition " +
			"Available has been False for longer than the startup grace. Requests for the group fail. Because discovery is " +
			"incomplete, namespaces cannot be deleted, and garbage collection and quota may lag. If it is the metrics API, " +
			"autoscalers and kubectl top have no data.",
		Remediation: "Fix the Service behind the API (`kubectl describe apiservice <name>` shows it and the reason). If " +
			"the add-on that provided the API was removed for good: `kubectl delete apiservice <name>`.",
		Link:  "https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/",
		Needs: []facts.Kind{facts.APIService},
		Uses:  append(facts.WorkloadKinds(), facts.Service, facts.Pod, facts.EndpointSlice),
		ExplainedBy: slices.Concat(check.ServiceFailures(), check.WorkloadFailures(),
			[]string{"replicaset-unavailable", "workload-not-observed"}),
		Run: apiServiceUnavailable,
	}}
}

func apiServiceUnavailable(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, api := range g.APIServices {
		available, ok := api.Condition("Available")
		if !ok || available.Status != "False" || !api.Deleting.IsZero() || api.Service.IsZero() ||
			!g.OlderThan(available.Since, params.StartupGrace) {
			continue
		}
		service := fmt.Sprintf("Service %s in namespace %s", api.Service.Name, api.Service.Namespace)
		why, fix := unavailableBecause(available.Reason, service, api)
		findings = append(findings, check.Finding{
			Object: api.Ref, Culprits: []facts.Ref{api.Service}, Remediation: fix,
			Message:  fmt.Sprintf("API %s is not available: %s.%s", groupVersion(api), why, breaks(api)),
			Evidence: []check.Evidence{check.QuoteCondition(available), check.FromSpec("served by %s", service)},
		})
	}
	return findings
}

// unavailableBecause describes the reason of the condition, and a fix.
// Reasons: k8s.io/kube-aggregator/pkg/controllers/status/remote.
func unavailableBecause(reason, service string, api *facts.APIServiceNode) (why string, fix remedy.Text) {
	describe := remedy.Sprintf("`kubectl -n %s describe service %s`", api.Service.Namespace, api.Service.Name)
	switch reason {
	case "ServiceNotFound":
		return service + " does not exist",
			remedy.Sprintf("Reinstall the add-on that serves this API. If it was removed for good: `kubectl delete apiservice %s`.",
				api.Name)
	case "ServicePortError":
		return service + " does not have the port of the APIService",
			remedy.Sprintf("Set spec.service.port of the APIService (`kubectl edit apiservice %s`) to a port of the Service: %s.", api.Name,
				describe)
	case "MissingEndpoints", "EndpointsNotFound":
		return service + " has no ready endpoints", "Check why no Pod of the Service is ready: " + describe + "."
	case "FailedDiscoveryCheck":
		return service + " does not respond correctly to the API server",
			remedy.Sprintf(
				"Check the condition's message (`kubectl describe apiservice %s`), the log of the Service's Pods, and whether the API "+
					"server can "+
					"reach their network: a NetworkPolicy, a firewall or an expired certificate is the usual reason.",
				api.Name,
			)
	default:
		return service + " is not usable", ""
	}
}

func groupVersion(api *facts.APIServiceNode) string {
	if api.Group == "" {
		return api.Name
	}
	return api.Group + "/" + api.Version
}

// breaks describes what stops working without the API.
func breaks(api *facts.APIServiceNode) string {
	switch {
	case api.Group == "metrics.k8s.io":
		return " Autoscaling on CPU and memory and kubectl top do not work, and namespaces cannot be deleted."
	case strings.HasSuffix(api.Group, "metrics.k8s.io"): // custom and external
		return " Autoscaling on its metrics does not work, and namespaces cannot be deleted."
	default:
		return " Namespaces cannot be deleted until it is."
	}
}
