package customresource

import (
	"fmt"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// expiryHorizon is how long before its expiry an unrenewed certificate is reported.
	expiryHorizon = 14 * 24 * time.Hour
	// expiryUrgent is how long before its expiry an unrenewed certificate is a problem.
	expiryUrgent = 24 * time.Hour
	// renewalPatience is how long a renewal may take.
	renewalPatience = time.Hour
)

func certificateChecks() []check.Check {
	const link = "https://cert-manager.io/docs/troubleshooting/"
	return []check.Check{
		{
			ID: "certificate-not-ready", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A certificate is not issued, or has expired.",
			Meaning: "The cert-manager Certificate has had condition Ready=False for longer than the startup grace and " +
				"at least five minutes: it was never issued, its Secret is missing or does not match, or it could not be " +
				"renewed. High if the certificate in its Secret has expired, which breaks every connection that uses it.",
			Remediation: "`kubectl describe certificate <name>` shows the current CertificateRequest; follow it to the " +
				"Order and Challenge, or use `cmctl status certificate <name>`.",
			Link: link, Needs: []facts.Kind{facts.Certificate},
			Uses:        []facts.Kind{facts.CertificateRequest, facts.Issuer, facts.ClusterIssuer, facts.ACMEOrder, facts.ACMEChallenge},
			ExplainedBy: []string{"acme-challenge-failing", "certificate-request-failed", "issuer-not-ready"}, Run: certificateNotReady,
		},
		{
			ID: "certificate-expiring", Category: v1alpha1.CategoryReliability,
			Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityMedium,
			Summary: "A certificate expires soon and was not renewed on time.",
			Meaning: "The cert-manager Certificate expires within fourteen days, and its renewal time " +
				"(status.renewalTime) passed more than an hour ago: cert-manager is not running, or its issuer does not " +
				"respond. High, and a problem, within one day of the expiry.",
			Remediation: "Check that cert-manager runs (`kubectl get pods -A -l " +
				"app.kubernetes.io/instance=cert-manager`), then request a new certificate: `cmctl renew <name>`.",
			Link: link, Needs: []facts.Kind{facts.Certificate},
			Uses:        []facts.Kind{facts.CertificateRequest, facts.Issuer, facts.ClusterIssuer, facts.ACMEOrder, facts.ACMEChallenge},
			ExplainedBy: check.CertificateFailures(), Run: certificateExpiring,
		},
		{
			ID: "issuer-not-ready", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A certificate issuer is not ready.",
			Meaning: "The cert-manager Issuer or ClusterIssuer has had condition Ready=False for longer than the startup " +
				"grace and at least five minutes: the ACME account could not be registered, its CA Secret is missing, or Vault " +
				"does not respond. It can neither issue nor renew certificates.",
			Remediation: "The condition's message shows what is missing: `kubectl describe issuer <name>` or `kubectl " +
				"describe clusterissuer <name>`.",
			Link: link, Needs: []facts.Kind{facts.Issuer}, Uses: []facts.Kind{facts.ClusterIssuer},
			ExplainedBy: check.MissingReferences(), Run: issuerNotReady,
		},
	}
}

func certificateNotReady(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, certificate := range g.CustomsOf(facts.Certificate) {
		if !certificate.Deleting.IsZero() {
			continue
		}
		end := certificate.Certificate.NotAfter
		expired := !end.IsZero() && end.Before(g.Now)
		c, unready := lasting(g, certificate, certificate.Conditions, "Ready", "False", customGrace(params))
		if !expired && (!unready || !current(certificate)) {
			continue
		}
		finding := conditionFinding(certificate, c, "", "Certificate %s is not ready%s: Secret %s has no valid certificate.",
			certificate.Name, because(c), certificate.Certificate.Secret)
		if c.Type == "" {
			finding.Evidence = nil
		}
		if expired {
			finding.Severity = v1alpha1.SeverityHigh
			finding.Message = fmt.Sprintf("Certificate %s has expired: clients reject connections that use Secret %s.", certificate.Name,
				certificate.Certificate.Secret)
			finding.Evidence = append(finding.Evidence,
				check.FromCondition("status.notAfter: %s", end.UTC().Format("2006-01-02 15:04:05 MST")))
		}
		if issuing, ok := certificate.Condition("Issuing"); ok {
			finding.Evidence = append(finding.Evidence, check.QuoteCondition(issuing))
		}
		finding.Evidence = append(finding.Evidence, issuerEvidence(g, certificate)...)
		finding.Remediation = remedy.Sprintf(
			"Check its request, order and challenges: %s and `kubectl -n %s get certificaterequests,orders,challenges`.",
			describeCustom(certificate.Ref),
			certificate.Namespace,
		)
		findings = append(findings, finding)
	}
	return findings
}

// issuerEvidence quotes the issuer of a certificate, and whether it exists.
func issuerEvidence(g *facts.Graph, certificate *facts.CustomNode) []check.Evidence {
	issuer := certificate.Certificate.Issuer
	if issuer.Name == "" {
		return nil
	}
	known := issuer.Kind == facts.Issuer || issuer.Kind == facts.ClusterIssuer
	if known && g.Complete(issuer.Kind, issuer.Namespace) && !g.Has(issuer) {
		return []check.Evidence{check.FromSpec("spec.issuerRef: %s, which does not exist", customName(issuer))}
	}
	return []check.Evidence{check.FromSpec("spec.issuerRef: %s", customName(issuer))}
}

func certificateExpiring(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, certificate := range g.CustomsOf(facts.Certificate) {
		end, renewal := certificate.Certificate.NotAfter, certificate.Certificate.Renewal
		if !certificate.Deleting.IsZero() || renewal.IsZero() || !g.OlderThan(renewal, renewalPatience) || end.Before(g.Now) ||
			end.Sub(g.Now) > expiryHorizon {
			continue
		}
		finding := check.Finding{
			Object:  certificate.Ref,
			Message: fmt.Sprintf("Certificate %s expires soon, and cert-manager has not renewed it on time.", certificate.Name),
			Evidence: append([]check.Evidence{check.FromCondition(
				"status.notAfter: %s, status.renewalTime: %s",
				end.UTC().
					Format("2006-01-02 15:04:05 MST"),
				renewal.UTC().Format("2006-01-02 15:04:05 MST"),
			)}, issuerEvidence(g, certificate)...),
			Remediation: remedy.Sprintf(
				"Check that cert-manager runs: `kubectl get pods -A -l app.kubernetes.io/instance=cert-manager`. Then request a new "+
					"certificate: `cmctl -n %s renew %s`.",
				certificate.Namespace,
				certificate.Name,
			),
		}
		if end.Sub(g.Now) <= expiryUrgent {
			finding.Severity = v1alpha1.SeverityHigh
			finding.Class = v1alpha1.ClassProblem
		}
		findings = append(findings, finding)
	}
	return findings
}

func issuerNotReady(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, issuer := range g.CustomsOf(facts.Issuer, facts.ClusterIssuer) {
		c, ok := lasting(g, issuer, issuer.Conditions, "Ready", "False", customGrace(params))
		if !ok || !current(issuer) {
			continue
		}
		finding := conditionFinding(issuer, c, "", "%s is not ready%s: it issues no certificates.", customName(issuer.Ref), because(c))
		finding.Remediation = remedy.Sprintf("The condition's message shows what is missing: %s.", describeCustom(issuer.Ref))
		findings = append(findings, finding)
	}
	return findings
}
