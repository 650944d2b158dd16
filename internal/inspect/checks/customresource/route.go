package customresource

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
				"a ReferenceGrant. Requests that match the rule fail (500 for HTTP).",
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
