package ingress

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

func classMissing(g *facts.Graph, params check.Params) []check.Finding {
	if !g.Complete(facts.IngressClass, "") {
		return nil
	}
	var names []string
	hasDefault := false
	for _, class := range g.IngressClasses {
		names = append(names, class.Name)
		hasDefault = hasDefault || class.Default
	}
	var findings []check.Finding
	for _, ingress := range g.Ingresses {
		if !ingress.Deleting.IsZero() || ingress.ClassAnnotation || !g.OlderThan(ingress.Created, params.StartupGrace) {
			continue
		}
		switch {
		case ingress.Class == "" && !hasDefault && ingress.Addresses == 0:
			findings = append(findings, noClass(ingress, names))
		case ingress.Class != "" && !slices.Contains(names, ingress.Class):
			findings = append(findings, unknownClass(ingress, names))
		}
	}
	return findings
}

func existingClasses(names []string) check.Evidence {
	if len(names) == 0 {
		return check.FromSpec("the cluster has no IngressClass")
	}
	return check.FromSpec("IngressClasses of the cluster: %s", phrase.List(names))
}

func noClass(ingress *facts.IngressNode, names []string) check.Finding {
	finding := check.Finding{
		Object: ingress.Ref, Severity: v1alpha1.SeverityLow,
		Message:  fmt.Sprintf("Ingress %s has no IngressClass, and the cluster has no default: no controller serves it.", ingress.Name),
		Evidence: []check.Evidence{check.FromSpec("spec.ingressClassName is not set"), existingClasses(names)},
	}
	if len(names) == 0 {
		finding.Severity = v1alpha1.SeverityMedium
		finding.Remediation = "Install an ingress controller, which provides an IngressClass, and set spec.ingressClassName to it."
	}
	return finding
}

func unknownClass(ingress *facts.IngressNode, names []string) check.Finding {
	finding := check.Finding{
		Object: ingress.Ref, Discriminator: ingress.Class,
		Message: fmt.Sprintf("Ingress %s uses IngressClass %s, which does not exist: no controller serves it.", ingress.Name,
			ingress.Class),
		Evidence: []check.Evidence{check.FromSpec("spec.ingressClassName: %s", ingress.Class), existingClasses(names)},
	}
	if ingress.Addresses > 0 {
		// A controller has served it before and may still do so.
		finding.Severity = v1alpha1.SeverityMedium
		finding.Evidence = append(finding.Evidence,
			check.FromCondition("status.loadBalancer has an address: a controller has served the Ingress before"))
	}
	if name := text.Similar(names, ingress.Class); name != "" {
		finding.Remediation = remedy.Sprintf(
			"If you mean %s: `kubectl -n %s patch ingress %s -p '{\"spec\":{\"ingressClassName\":\"%s\"}}'`.",
			name,
			ingress.Namespace,
			ingress.Name,
			name,
		)
	}
	return finding
}

func tlsSecretMissing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, ingress := range g.Ingresses {
		if !ingress.Deleting.IsZero() || !g.Complete(facts.Secret, ingress.Namespace) ||
			!g.OlderThan(ingress.Created, certificatePatience*params.StartupGrace) {
			continue
		}
		for i, name := range ingress.TLSSecrets {
			secret := facts.Ref{Kind: facts.Secret, Namespace: ingress.Namespace, Name: name}
			if g.Has(secret) || slices.Contains(ingress.TLSSecrets[:i], name) {
				continue
			}
			findings = append(findings, check.Finding{
				Object: ingress.Ref, Discriminator: name, Culprits: []facts.Ref{secret},
				Message: fmt.Sprintf("Ingress %s uses TLS Secret %s, which does not exist in namespace %s.", ingress.Name, name,
					ingress.Namespace),
				Evidence: []check.Evidence{check.FromSpec("spec.tls secretName: %s", name)},
				Remediation: remedy.Sprintf(
					"Create the Secret: `kubectl -n %s create secret tls %s --cert=<file> --key=<file>`. With cert-manager, check why "+
						"it is not issued: `kubectl -n %s describe certificate`.",
					ingress.Namespace,
					name,
					ingress.Namespace,
				),
			})
		}
	}
	return findings
}
