package controlplane

import (
	"fmt"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/facts/cabundle"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// trustWarning is how long before its end a bundle is reported.
	trustWarning = 14 * 24 * time.Hour
	// trustShare of its lifetime, if that is less: programs that make certificates for a week renew them on the last day.
	trustShare = 10
)

func trustChecks() []check.Check {
	return []check.Check{{
		ID: "ca-bundle-expired", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityCritical,
		Summary: "The caBundle of a webhook or an aggregated API has expired.",
		Meaning: "The API server trusts the certificates in caBundle when it calls the webhook or API. All of them have ended, or " +
			"none can " +
			"be parsed: every call fails with a certificate error. Critical with failurePolicy Fail (the default) and for an " +
			"aggregated API, " +
			"medium with Ignore. Within fourteen days of the end, and in the last tenth of their time, it is a recommendation. An " +
			"empty caBundle, with which the roots of the " +
			"system are trusted, is not judged, and neither is the certificate that the server presents.",
		Remediation: "Renew the certificates of the add-on: with cert-manager, see whether its cainjector runs; other add-ons renew " +
			"them when " +
			"they start (`kubectl rollout restart` of their Deployment) or when they are installed again.",
		Link: "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#contacting-the-webhook",
		Uses: []facts.Kind{facts.ValidatingWebhook, facts.MutatingWebhook, facts.APIService},
		Run:  trustExpired,
	}}
}

func trustExpired(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	add := func(object facts.Ref, name, path string, trust cabundle.Bundle, closed bool) {
		if f, ok := trustFinding(g, trust); ok {
			f.Object = object
			f.Discriminator = name
			f.Message = fmt.Sprintf("%s %s: the caBundle %s.", object.Kind, object.Name, f.Message)
			if name != "" {
				f.Message = fmt.Sprintf("Webhook %s of %s", name, f.Message)
			}
			if !closed && f.Class == "" {
				f.Severity = v1alpha1.SeverityMedium
			}
			f.Remediation = remedy.Sprintf("Renew the certificates of the add-on: with cert-manager, see whether its cainjector "+
				"runs; other "+
				"add-ons renew them when they start or are installed again. `kubectl get %s %s -o jsonpath='{%s.caBundle}' | base64 "+
				"-d | openssl "+
				"x509 -noout -subject -enddate` shows the first certificate.", object.Kind.Argument(), object.Name, path)
			findings = append(findings, f)
		}
	}
	for _, configuration := range g.Webhooks {
		if !configuration.Deleting.IsZero() {
			continue
		}
		for i, hook := range configuration.Webhooks {
			add(configuration.Ref, hook.Name, fmt.Sprintf(".webhooks[%d].clientConfig", i), hook.Trust, hook.FailClosed)
		}
	}
	for _, api := range g.APIServices {
		if api.Deleting.IsZero() && !api.Service.IsZero() {
			add(api.Ref, "", ".spec", api.Trust, true)
		}
	}
	return findings
}

// trustFinding is what is wrong with a bundle; its message completes a sentence about it.
func trustFinding(g *facts.Graph, trust cabundle.Bundle) (check.Finding, bool) {
	switch ends := trust.Ends.UTC().Format(time.RFC3339); {
	case trust.Malformed:
		return check.Finding{
			Message:  "contains no certificate that can be parsed, so that every call fails",
			Evidence: []check.Evidence{check.FromSpec("caBundle is not empty, and has no certificate in PEM")},
		}, true
	case trust.Certificates == 0 || g.Now.Add(min(trustWarning, trust.Lifetime/trustShare)).Before(trust.Ends):
		return check.Finding{}, false
	case g.Now.Before(trust.Ends):
		return check.Finding{
			Message: "ends within two weeks", Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityMedium,
			Evidence: []check.Evidence{check.FromSpec("caBundle: %d in PEM, the last of which ends at %s", trust.Certificates, ends)},
		}, true
	default:
		return check.Finding{
			Message:  "has expired, so that every call fails",
			Evidence: []check.Evidence{check.FromSpec("caBundle: %d in PEM, the last of which ended at %s", trust.Certificates, ends)},
		}, true
	}
}
