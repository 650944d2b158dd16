package customresource

import (
	"cmp"
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func issuingChecks() []check.Check {
	return []check.Check{
		{
			ID: "certificate-request-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A certificate request failed.",
			Meaning: "A cert-manager CertificateRequest failed, was denied, or is invalid. It is reported on the " +
				"Certificate that created it, and only while that is not ready, because old requests are kept for some time. A " +
				"request without an owner is reported while it is recent.",
			Remediation: "`kubectl describe certificaterequest <name>` shows the issuer's response. After a failure " +
				"cert-manager retries after an hour at first; `cmctl renew <certificate>` retries immediately.",
			Link: "https://cert-manager.io/docs/usage/certificaterequest/", Needs: []facts.Kind{facts.CertificateRequest},
			Uses:        []facts.Kind{facts.Certificate, facts.Issuer, facts.ClusterIssuer},
			ExplainedBy: []string{"acme-challenge-failing", "issuer-not-ready"}, Run: certificateRequestFailed,
		},
		{
			ID: "acme-challenge-failing", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "An ACME challenge fails: control of a domain could not be proven.",
			Meaning: "A cert-manager Challenge or Order is invalid, expired or errored, or a Challenge has been pending " +
				"for more than half an hour and reports a reason: the self-check or the ACME server does not get the expected " +
				"response under /.well-known/acme-challenge or in DNS. It is reported on the Certificate, and only while that " +
				"is not ready.",
			Remediation: "HTTP-01: the domain must resolve to the ingress of this cluster on port 80, from outside and " +
				"from inside. DNS-01: check the permissions of the DNS provider's account and the delegation of the zone. " +
				"`kubectl describe challenge` shows the server's response.",
			Link: "https://cert-manager.io/docs/troubleshooting/acme/", Needs: []facts.Kind{facts.ACMEChallenge},
			Uses:        []facts.Kind{facts.ACMEOrder, facts.CertificateRequest, facts.Certificate, facts.Ingress},
			ExplainedBy: append(check.ServiceFailures(), "issuer-not-ready", "ingress-class-missing"), Run: acmeChallengeFailing,
		},
	}
}

// unfinished returns the object on which a finding about a step of issuing is reported: the Certificate, which stays when the
// step is retried. It is false for a Certificate that is ready.
func unfinished(g *facts.Graph, step *facts.CustomNode, c facts.Condition, params check.Params) (facts.Ref, bool) {
	certificate, ok := g.Above(step, facts.Certificate)
	if !ok {
		return step.Ref, step.Owner.IsZero() && !lasts(g, step, c, params.RecentWindow)
	}
	ready, _ := certificate.Condition("Ready")
	// During a renewal the old certificate is still valid.
	issuing, _ := certificate.Condition("Issuing")
	return certificate.Ref, (ready.Status != "True" || issuing.Status == "True") && certificate.Deleting.IsZero()
}

// steps keeps one finding for each object and discriminator: that of the newest step.
type steps map[facts.Ref]map[string]newest

type newest struct {
	step    *facts.CustomNode
	finding check.Finding
}

func (s steps) add(step *facts.CustomNode, finding check.Finding) {
	if s[finding.Object] == nil {
		s[finding.Object] = map[string]newest{}
	}
	known, ok := s[finding.Object][finding.Discriminator]
	if !ok || step.Created.After(known.step.Created) {
		s[finding.Object][finding.Discriminator] = newest{step, finding}
	}
}

func (s steps) findings() []check.Finding {
	var findings []check.Finding
	for _, of := range s {
		for _, n := range of {
			findings = append(findings, n.finding)
		}
	}
	slices.SortFunc(findings, func(a, b check.Finding) int {
		return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Discriminator, b.Discriminator))
	})
	return findings
}

func certificateRequestFailed(g *facts.Graph, params check.Params) []check.Finding {
	found := steps{}
	for _, request := range g.CustomsOf(facts.CertificateRequest) {
		what, c, failed := requestFault(request)
		if !failed || !request.Deleting.IsZero() {
			continue
		}
		object, ok := unfinished(g, request, c, params)
		if !ok {
			continue
		}
		message := fmt.Sprintf("%s could not be issued: its certificate request %s.", customName(object), what)
		if object == request.Ref {
			message = fmt.Sprintf("CertificateRequest %s %s.", request.Name, what)
		}
		found.add(request, check.Finding{
			Object: object, Message: message, Evidence: []check.Evidence{check.QuoteCondition(c),
				check.FromCondition("CertificateRequest %s", request.Name)},
			Culprits: issuersOf(request),
			Remediation: remedy.Sprintf(
				"Check the issuer's response: %s. cert-manager retries automatically, after an hour at first; `cmctl -n %s renew "+
					"<certificate>` retries immediately.",
				describeCustom(request.Ref),
				request.Namespace,
			),
		})
	}
	return found.findings()
}

func requestFault(request *facts.CustomNode) (what string, c facts.Condition, failed bool) {
	if c, ok := request.Condition("Denied"); ok && c.Status == "True" {
		return "was denied", c, true
	}
	if c, ok := request.Condition("InvalidRequest"); ok && c.Status == "True" {
		return "is invalid", c, true
	}
	c, ok := request.Condition("Ready")
	return "failed", c, ok && c.Status == "False" && c.Reason == "Failed"
}

// issuersOf are the issuers on which a step of issuing depends.
func issuersOf(step *facts.CustomNode) []facts.Ref {
	var issuers []facts.Ref
	for _, edge := range step.Refs {
		if edge.Kind == facts.Refers && edge.To.Name != "" {
			issuers = append(issuers, edge.To)
		}
	}
	return issuers
}

func acmeChallengeFailing(g *facts.Graph, params check.Params) []check.Finding {
	found := steps{}
	for _, step := range g.CustomsOf(facts.ACMEOrder, facts.ACMEChallenge) {
		what, failing := acmeFault(g, step)
		object, ok := unfinished(g, step, facts.Condition{}, params)
		if !failing || !ok || !step.Deleting.IsZero() {
			continue
		}
		if step.Kind == facts.ACMEOrder && challenged(g, step) {
			continue // its Challenge has the details
		}
		finding := check.Finding{
			Object: object, Discriminator: step.ACME.DNSName, Culprits: issuersOf(step),
			Message:  fmt.Sprintf("The ACME order of %s %s.", customName(object), what),
			Evidence: []check.Evidence{check.FromCondition("%s: state %s", customName(step.Ref), step.Phase)},
			Remediation: remedy.Sprintf(
				"Check the server's response: %s. For HTTP-01 the domain must resolve to this cluster's ingress on port 80, for "+
					"DNS-01 the DNS provider's credentials must work.",
				describeCustom(step.Ref),
			),
		}
		if step.ACME.DNSName != "" {
			finding.Message = fmt.Sprintf("%s cannot prove control of domain %s to the ACME server: the challenge %s.",
				customName(object), step.ACME.DNSName, what)
		}
		if step.ACME.Reason != "" {
			finding.Evidence = append(finding.Evidence, check.FromCondition("status.reason: %s", step.ACME.Reason))
		}
		found.add(step, finding)
	}
	return found.findings()
}

func acmeFault(g *facts.Graph, step *facts.CustomNode) (what string, failing bool) {
	switch step.Phase {
	case "invalid":
		return "was rejected", true
	case "errored":
		return "failed with an error", true
	case "expired":
		return "has expired", true
	case "pending", "":
		waits := step.Kind == facts.ACMEChallenge && step.ACME.Reason != "" && g.OlderThan(step.Created, workingPatience)
		return "does not complete", waits
	default:
		return "", false
	}
}

// challenged reports whether an Order has a failing Challenge.
func challenged(g *facts.Graph, order *facts.CustomNode) bool {
	return slices.ContainsFunc(g.OwnedBy(order.Ref), func(ref facts.Ref) bool {
		challenge, ok := facts.Lookup[*facts.CustomNode](g, ref)
		if !ok || challenge.ACME == nil {
			return false
		}
		_, failing := acmeFault(g, challenge)
		return failing
	})
}
