package security

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func secretChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/security/secrets-good-practices/"
	const how = " High if the value has the format of a known token, medium if the name indicates a secret (password-in-variable, " +
		"password-in-url, generic-api-key). References, placeholders, paths and names of Secrets are not reported. The rules are those " +
		"of gitleaks; no part of the value is stored or shown."
	return []check.Check{
		{
			ID: "secret-in-env", Static: true, Severity: v1alpha1.SeverityMedium, Leaks: true,
			Summary: "An environment variable of a workload contains a probable secret in plain text.",
			Meaning: "The value is in the Pod template: everyone who can read Pods or Deployments can read it, and it is in Git, in " +
				"backups and in old ReplicaSets." + how,
			Remediation: "Create a Secret (`kubectl create secret generic <name> --from-literal=<key>=<new value>`) and reference it " +
				"in the variable: `valueFrom: {secretKeyRef: {name: <name>, key: <key>}}`. Rotate the secret: treat it as compromised.",
			Link: link,
			Run: specSecrets("has a probable secret in its environment variables, in plain text", func(field string) bool {
				return strings.HasPrefix(field, "env ")
			}),
		},
		{
			ID: "secret-in-args", Static: true, Severity: v1alpha1.SeverityMedium, Leaks: true,
			Summary: "The command line of a workload contains a probable secret in plain text.",
			Meaning: "The value is in command or args of a container: everyone who can read Pods or Deployments can read it, and " +
				"process lists on the node show it." + how,
			Remediation: "Store the value in a Secret, reference it in a variable with secretKeyRef, and use $(VARIABLE) in the " +
				"argument. It is safer if the program reads the variable or a mounted file. Rotate the secret: treat it as compromised.",
			Link: link,
			Run: specSecrets("has a probable secret in its command line, in plain text", func(field string) bool {
				return !strings.HasPrefix(field, "env ")
			}),
		},
		{
			ID: "secret-in-configmap", Static: true, Severity: v1alpha1.SeverityMedium, Leaks: true,
			Summary: "A ConfigMap contains a probable secret.",
			Meaning: "ConfigMaps are not for confidential data: more users can usually read them than Secrets, and encryption at rest " +
				"often covers only Secrets." + how,
			Remediation: "Move the key to a Secret (`kubectl create secret generic <name> --from-file=<key>`) and mount the Secret " +
				"instead. Rotate the secret: treat it as compromised.",
			Link:  link,
			Needs: []facts.Kind{facts.ConfigMap},
			Run:   secretInConfigMap,
		},
	}
}

// leakSeverity is high for the format of a known token, and medium if only the name indicates a secret.
func leakSeverity(rule string) v1alpha1.Severity {
	switch rule {
	case "password-in-variable", "password-in-url", "generic-api-key":
		return v1alpha1.SeverityMedium
	default:
		return v1alpha1.SeverityHigh
	}
}

func leakViolations(leaks []facts.Leak, wanted func(field string) bool) []violation {
	var violations []violation
	for _, leak := range leaks {
		if wanted(leak.Field) {
			violations = append(violations, violation{leak.Field + ": matches the rule " + leak.Rule, leakSeverity(leak.Rule)})
		}
	}
	return violations
}

// specSecrets returns the Run of a check about leaks in Pod specs. The severity in kube-system is the same.
func specSecrets(problem string, wanted func(field string) bool) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, _ check.Params) []check.Finding {
		var findings []check.Finding
		evaluate := func(spec *facts.PodSpec) []violation { return leakViolations(spec.Leaks, wanted) }
		for _, result := range evaluateSpecs(g, false, evaluate) {
			finding := result.finding(v1alpha1.SeverityMedium, problem)
			finding.Severity = result.severity(v1alpha1.SeverityMedium)
			findings = append(findings, finding)
		}
		return findings
	}
}

func secretInConfigMap(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, node := range g.Configs {
		if node.Kind != facts.ConfigMap || len(node.Leaks) == 0 || !node.Deleting.IsZero() {
			continue
		}
		result := specResult{owner: node.Ref, violations: leakViolations(node.Leaks, func(string) bool { return true })}
		findings = append(findings, check.Finding{
			Object: node.Ref, Severity: result.severity(v1alpha1.SeverityMedium), Evidence: result.evidence(), RestrictToCulprits: true,
			Message: fmt.Sprintf("ConfigMap %s contains a probable secret.", node.Name),
		})
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int { return a.Object.Compare(b.Object) })
	return findings
}
