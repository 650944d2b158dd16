package customresource

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const gatewayLink = "https://gateway-api.sigs.k8s.io/reference/spec/"

func gatewayChecks() []check.Check {
	return []check.Check{
		{
			ID: "gateway-class-not-accepted", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A GatewayClass is not accepted by a controller.",
			Meaning: "Condition Accepted of the GatewayClass has not been True for longer than the startup grace and at " +
				"least five minutes: its controller rejects it (invalid parameters, an unsupported version of the Gateway API) " +
				"or is not running. Gateways of the class get no address and carry no traffic.",
			Remediation: "`kubectl describe gatewayclass <name>` shows the reason and spec.controllerName. Check that " +
				"this controller runs, and its log.",
			Link: gatewayLink, Needs: []facts.Kind{facts.GatewayClass}, Run: gatewayClassNotAccepted,
		},
		{
			ID: "gateway-not-accepted", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Gateway is not accepted.",
			Meaning: "Condition Accepted of the Gateway has been False for longer than the startup grace and at least " +
				"five minutes, or no controller has set it in that time (then medium). The Gateway carries no traffic for its " +
				"attached routes, or only some of it.",
			Remediation: "`kubectl describe gateway <name>` shows the reason: invalid listeners, or an unsupported " +
				"address or parameters.",
			Link: gatewayLink, Needs: []facts.Kind{facts.Gateway}, Uses: []facts.Kind{facts.GatewayClass},
			ExplainedBy: append(check.MissingReferences(), "gateway-class-not-accepted",
				"gateway-listener-invalid"), Run: gatewayNotAccepted,
		},
		{
			ID: "gateway-not-programmed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A Gateway is accepted, but its data plane is not programmed.",
			Meaning: "Condition Programmed of the Gateway has been False for longer than the startup grace and at least " +
				"five minutes, although the Gateway is accepted: its proxies are not running, or it has no address, usually " +
				"because nothing assigns addresses to Services of type LoadBalancer. Traffic does not arrive, or follows an " +
				"older configuration.",
			Remediation: "`kubectl describe gateway <name>` shows the reason (AddressNotAssigned, NoResources, Invalid). " +
				"Check the Pods and the Service of its data plane.",
			Link: gatewayLink, Needs: []facts.Kind{facts.Gateway}, Uses: append(facts.WorkloadKinds(), facts.Service, facts.Pod),
			ExplainedBy: append(check.WorkloadFailures(), "gateway-class-not-accepted", "gateway-not-accepted",
				"gateway-listener-invalid", "service-loadbalancer-pending", "service-no-ready-endpoints"),
			Run: gatewayNotProgrammed,
		},
		{
			ID: "gateway-listener-invalid", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A listener of a Gateway is invalid.",
			Meaning: "The status of the listener has reported for longer than the startup grace and at least five " +
				"minutes that it conflicts with another listener, that its references cannot be resolved (ResolvedRefs is " +
				"False: a certificate Secret does not exist, or no ReferenceGrant permits its use), or that it was not " +
				"accepted. Other listeners of the Gateway may work.",
			Remediation: "`kubectl describe gateway <name>` shows the conditions of each listener in status.listeners.",
			Link:        gatewayLink, Needs: []facts.Kind{facts.Gateway}, Uses: []facts.Kind{facts.Secret},
			ExplainedBy: append(check.CertificateFailures(), check.MissingReferences()...), Run: gatewayListenerInvalid,
		},
	}
}

func gatewayClassNotAccepted(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, class := range g.CustomsOf(facts.GatewayClass) {
		if !current(class) {
			continue
		}
		c, ok := class.Condition("Accepted")
		switch {
		case ok && c.Status == "False" && lasts(g, class, c, customGrace(params)):
			findings = append(
				findings,
				conditionFinding(class, c, v1alpha1.SeverityMedium, "GatewayClass %s is not accepted by its controller%s.", class.Name,
					because(c)),
			)
		case (!ok || c.Status == "Unknown") && g.OlderThan(check.Later(c.Since, class.Created), customGrace(params)):
			findings = append(findings, unnoticed(class, c, v1alpha1.SeverityLow, "GatewayClass %s is not accepted by any controller."))
		}
	}
	return findings
}

// unnoticed is a finding about an object whose status no controller has set.
func unnoticed(custom *facts.CustomNode, c facts.Condition, severity v1alpha1.Severity, format string) check.Finding {
	finding := check.Finding{
		Object:   custom.Ref,
		Severity: severity,
		Message:  fmt.Sprintf(format, custom.Name),
		Evidence: []check.Evidence{check.FromCondition("its status has no condition Accepted")},
	}
	if c.Type != "" {
		finding.Evidence = []check.Evidence{check.QuoteCondition(c)}
	}
	return finding
}

func gatewayNotAccepted(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, gateway := range g.CustomsOf(facts.Gateway) {
		c, ok := gateway.Condition("Accepted")
		class := facts.Ref{Kind: facts.GatewayClass, Name: gateway.Gateway.Class}
		switch {
		case !current(gateway):
		case ok && c.Status == "False" && lasts(g, gateway, c, customGrace(params)):
			findings = append(findings,
				conditionFinding(gateway, c, "", "Gateway %s is not accepted by its controller%s.", gateway.Name, because(c)))
		case ok && c.Status != "Unknown" || !g.OlderThan(check.Later(c.Since, gateway.Created), customGrace(params)):
		case g.Complete(facts.GatewayClass, "") && !g.Has(class):
			finding := unnoticed(gateway, c, v1alpha1.SeverityHigh,
				"Gateway %s uses a GatewayClass that does not exist: no controller accepts it.")
			finding.Evidence = append(finding.Evidence, check.FromSpec("spec.gatewayClassName: %s", gateway.Gateway.Class))
			finding.Remediation = "Set spec.gatewayClassName to an existing class (`kubectl get gatewayclasses`), or install the " +
				"controller that provides it."
			findings = append(findings, finding)
		default:
			findings = append(findings, unnoticed(gateway, c, v1alpha1.SeverityMedium, "Gateway %s is not accepted by any controller."))
		}
	}
	return findings
}

func gatewayNotProgrammed(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, gateway := range g.CustomsOf(facts.Gateway) {
		accepted, _ := gateway.Condition("Accepted")
		c, ok := lasting(g, gateway, gateway.Conditions, "Programmed", "False", customGrace(params))
		if !ok || accepted.Status != "True" || !current(gateway) {
			continue
		}
		findings = append(findings,
			conditionFinding(gateway, c, "", "Gateway %s is accepted, but not programmed%s.", gateway.Name, because(c)))
	}
	return findings
}

func gatewayListenerInvalid(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, gateway := range g.CustomsOf(facts.Gateway) {
		if !current(gateway) {
			continue
		}
		for _, listener := range gateway.Gateway.Listeners {
			what, c, ok := listenerFault(g, gateway, listener, params)
			if !ok {
				continue
			}
			finding := conditionFinding(gateway, c, "", "Listener %s of Gateway %s %s%s.", listener.Name, gateway.Name, what, because(c))
			finding.Discriminator = listener.Name
			if c.Type == "ResolvedRefs" {
				finding.Culprits = listener.Secrets
				finding.Evidence = append(finding.Evidence, missingSecrets(g, listener.Secrets)...)
			}
			findings = append(findings, finding)
		}
	}
	return findings
}

func listenerFault(
	g *facts.Graph, gateway *facts.CustomNode, listener facts.Listener, params check.Params,
) (string, facts.Condition, bool) {
	for _, fault := range []struct{ conditionType, status, what string }{
		{"Conflicted", "True", "conflicts with another listener"},
		{"ResolvedRefs", "False", "has references that cannot be resolved"},
		{"Accepted", "False", "is not accepted"},
	} {
		if c, ok := lasting(g, gateway, listener.Conditions, fault.conditionType, fault.status, customGrace(params)); ok {
			return fault.what, c, true
		}
	}
	return "", facts.Condition{}, false
}

func missingSecrets(g *facts.Graph, secrets []facts.Ref) []check.Evidence {
	var missing []string
	for _, secret := range secrets {
		if g.Complete(facts.Secret, secret.Namespace) && !g.Has(secret) {
			missing = append(missing, secret.Namespace+"/"+secret.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return []check.Evidence{check.FromSpec("Secrets that do not exist: %s", strings.Join(missing, ", "))}
}
