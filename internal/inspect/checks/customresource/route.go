package customresource

import (
	"cmp"
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

func routeChecks() []check.Check {
	return []check.Check{
		{
			ID: "httproute-not-accepted", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A Gateway API route is not attached to its Gateway.",
			Meaning: "The Gateway's controller does not accept the route (condition Accepted in status.parents is " +
				"False), or no controller has set a status for any of its parents, for longer than the startup grace and at " +
				"least five minutes. Its requests are not routed. Applies to HTTPRoutes, GRPCRoutes, TLSRoutes, TCPRoutes and " +
				"UDPRoutes.",
			Remediation: "The reason shows what to change. NotAllowedByListeners: allowedRoutes of the Gateway's " +
				"listener. NoMatchingListenerHostname: the hostnames of the route or the listener. NoMatchingParent: " +
				"sectionName or port of the parentRef.",
			Link: gatewayLink, Needs: []facts.Kind{facts.HTTPRoute}, Uses: append(facts.RouteKinds()[1:], facts.Gateway),
			ExplainedBy: gatewayFailures(), Run: routeNotAccepted,
		},
		{
			ID: "httproute-backend-unresolved", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Gateway API route has a backend that cannot be resolved.",
			Meaning: "Condition ResolvedRefs of the route has been False for longer than the startup grace and at least " +
				"five minutes: a Service or port does not exist, is of an unsupported kind, or is in another namespace without " +
				"a ReferenceGrant. Or the Service that it names exists and has no such port, which some controllers do not report. " +
				"Requests that match the rule fail (500 for HTTP).",
			Remediation: "`kubectl describe httproute <name>` shows which reference fails. Create the Service, correct " +
				"name or port in spec.rules[].backendRefs, or permit the reference with a ReferenceGrant in the Service's " +
				"namespace.",
			Link: gatewayLink, Needs: []facts.Kind{facts.HTTPRoute}, Uses: append(facts.RouteKinds()[1:], facts.Service),
			ExplainedBy: check.ServiceFailures(), Run: routeBackendUnresolved,
		},
	}
}

func routeNotAccepted(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, route := range g.CustomsOf(facts.RouteKinds()...) {
		if !current(route) {
			continue
		}
		if len(route.Route.Parents) == 0 {
			if finding, ok := routeUnnoticed(g, route, params); ok {
				findings = append(findings, finding)
			}
			continue
		}
		reported := map[string]bool{}
		var ofRoute []check.Finding
		for _, parent := range route.Route.Parents {
			c, ok := lasting(g, route, parent.Conditions, "Accepted", "False", customGrace(params))
			discriminator := strings.TrimSuffix(parent.Parent.String()+"/"+parent.Section, "/")
			if !ok || reported[discriminator] {
				continue
			}
			reported[discriminator] = true
			finding := conditionFinding(route, c, "", "%s is not accepted by %s%s.", customName(route.Ref), customName(parent.Parent),
				because(c))
			finding.Discriminator = discriminator
			finding.Culprits = []facts.Ref{parent.Parent}
			ofRoute = append(ofRoute, finding)
		}
		slices.SortFunc(ofRoute, func(a, b check.Finding) int { return cmp.Compare(a.Discriminator, b.Discriminator) })
		findings = append(findings, ofRoute...)
	}
	return findings
}

// routeUnnoticed judges a route for whose parents no controller has set a status.
func routeUnnoticed(g *facts.Graph, route *facts.CustomNode, params check.Params) (check.Finding, bool) {
	wanted := route.Route.Wanted
	if len(wanted) == 0 || !g.OlderThan(route.Changed, customGrace(params)) {
		return check.Finding{}, false
	}
	var missing []string
	for _, parent := range wanted {
		if g.Complete(parent.Kind, parent.Namespace) && !g.Has(parent) && parent.Kind == facts.Gateway {
			missing = append(missing, parent.Namespace+"/"+parent.Name)
		}
	}
	finding := check.Finding{
		Object: route.Ref, Culprits: wanted, Evidence: []check.Evidence{check.FromCondition("status.parents is empty")},
		Message: fmt.Sprintf("%s is not accepted by any controller: it routes no traffic.", customName(route.Ref)),
	}
	if len(missing) == len(wanted) {
		finding.Message = fmt.Sprintf("%s routes no traffic: its Gateway does not exist.", customName(route.Ref))
		finding.Evidence = append(finding.Evidence, check.FromSpec("Gateways that do not exist: %s", strings.Join(missing, ", ")))
		finding.Remediation = "Set spec.parentRefs to an existing Gateway (`kubectl get gateways -A`), or create it."
	}
	return finding, true
}

func routeBackendUnresolved(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, route := range g.CustomsOf(facts.RouteKinds()...) {
		if !current(route) {
			continue
		}
		for _, parent := range route.Route.Parents {
			c, ok := lasting(g, route, parent.Conditions, "ResolvedRefs", "False", customGrace(params))
			if !ok {
				continue
			}
			finding := conditionFinding(route, c, "", "%s has a backend that cannot be resolved%s.", customName(route.Ref), because(c))
			missing := missingServices(g, route.Route.Services)
			if c.Reason == "BackendNotFound" && len(missing) > 0 {
				finding.Message = fmt.Sprintf("%s sends traffic to %s, which %s not exist.", customName(route.Ref), phrase.List(missing),
					phrase.Plural(len(missing), "does", "do"))
			}
			findings = append(findings, finding)
			break // all parents have the same backends
		}
		findings = append(findings, portsMissing(g, route, params)...)
	}
	return findings
}

// portsMissing are the backends whose Service has no such port. Some controllers report the reference as resolved all the same.
func portsMissing(g *facts.Graph, route *facts.CustomNode, params check.Params) []check.Finding {
	if !g.OlderThan(route.Changed, params.StartupGrace) {
		return nil
	}
	var findings []check.Finding
	for _, backend := range route.Route.Backends {
		service, ok := facts.Lookup[*facts.ServiceNode](g, backend.Service)
		if !ok || backend.Port == 0 || len(service.Ports) == 0 || service.Type == "ExternalName" || !service.Deleting.IsZero() ||
			slices.ContainsFunc(service.Ports, func(p facts.ServicePort) bool { return p.Port == backend.Port }) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: route.Ref, Discriminator: fmt.Sprintf("%s/%s:%d", service.Namespace, service.Name, backend.Port),
			Culprits: []facts.Ref{service.Ref}, RestrictToCulprits: true,
			Message: fmt.Sprintf("%s sends traffic to port %d of Service %s, which has no such port.", customName(route.Ref), backend.Port,
				service.Name),
			Evidence: []check.Evidence{
				check.FromSpec("backendRef: Service %s, port %d", service.Name, backend.Port),
				check.FromSpec("Service %s has %s", service.Name, endpoints.ServicePorts(service)),
			},
			Remediation: remedy.Sprintf("Set port of the backendRef to a port of the Service, which is the port and not its targetPort: "+
				"`kubectl -n %s edit %s %s`.", route.Namespace, route.Kind.Argument(), route.Name),
		})
	}
	return findings
}

func missingServices(g *facts.Graph, services []facts.Ref) []string {
	var missing []string
	for _, service := range services {
		if g.Complete(facts.Service, service.Namespace) && !g.Has(service) {
			missing = append(missing, fmt.Sprintf("Service %s in namespace %s", service.Name, service.Namespace))
		}
	}
	return missing
}
