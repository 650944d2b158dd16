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
	const how = " It is high where the rule knows the maker's format, and medium where it judges by the name (password-in-variable, password-in-url, " +
		"generic-api-key). References, placeholders, paths and names of Secrets are left out. The rules are those of gitleaks; neither the value nor a part " +
		"of it is kept or shown."
	return []check.Check{
		{
			ID: "secret-in-env", Static: true, Severity: v1alpha1.SeverityMedium, Leaks: true,
			Summary: "A variable of a workload holds what looks like a secret, in plain text.",
			Meaning: "The value stands in the Pod template: everybody who may read Pods or Deployments sees it, and it is in Git, in backups and in old ReplicaSets." + how,
			Remediation: "Make a Secret (`kubectl create secret generic <name> --from-literal=<key>=<new value>`) and name it at the variable: `valueFrom: {secretKeyRef: " +
				"{name: <name>, key: <key>}}`. Change the secret itself: it counts as known.",
			Link: link,
			Run: specSecrets("holds what looks like a secret in its variables, in plain text", func(field string) bool {
				return strings.HasPrefix(field, "env ")
			}),
		},
		{
			ID: "secret-in-args", Static: true, Severity: v1alpha1.SeverityMedium, Leaks: true,
			Summary: "The command line of a workload holds what looks like a secret, in plain text.",
			Meaning: "The value stands in command or args of a container: everybody who may read Pods or Deployments sees it, and on the node every process list " +
				"shows it." + how,
			Remediation: "Put the value into a Secret, take it into a variable by secretKeyRef, and write $(VARIABLE) into the argument; better still, let the program read " +
				"the variable or a mounted file. Change the secret itself: it counts as known.",
			Link: link,
			Run: specSecrets("holds what looks like a secret in its command line, in plain text", func(field string) bool {
				return !strings.HasPrefix(field, "env ")
			}),
		},
		{
			ID: "secret-in-configmap", Static: true, Severity: v1alpha1.SeverityMedium, Leaks: true,
			Summary: "A ConfigMap holds what looks like a secret.",
			Meaning: "ConfigMaps are not meant for secrets: many may read them who may not read Secrets, and they are not encrypted where Secrets are." + how,
			Remediation: "Move the key into a Secret (`kubectl create secret generic <name> --from-file=<key>`) and mount that in its place. Change the secret itself: it " +
				"counts as known.",
			Link:  link,
			Needs: []facts.Kind{facts.ConfigMap},
			Run:   secretInConfigMap,
		},
	}
}

// leakSeverity is high where the format itself is a maker's, and medium where the name was judged.
func leakSeverity(rule string) v1alpha1.Severity {
	switch rule {
	case "password-in-variable", "password-in-url", "generic-api-key":
		return v1alpha1.SeverityMedium
	default:
		return v1alpha1.SeverityHigh
	}
}

func leakPieces(leaks []facts.Leak, wanted func(field string) bool) []piece {
	var pieces []piece
	for _, leak := range leaks {
		if wanted(leak.Field) {
			pieces = append(pieces, piece{leak.Field + ": recognised by rule " + leak.Rule, leakSeverity(leak.Rule)})
		}
	}
	return pieces
}

// specSecrets makes the Run of a check about leaks in Pod specs. Nothing is lenient here: a secret is one in kube-system, too.
func specSecrets(does string, wanted func(field string) bool) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, _ check.Params) []check.Finding {
		var findings []check.Finding
		for _, v := range judgeSpecs(g, false, func(s *facts.PodSpec) []piece { return leakPieces(s.Leaks, wanted) }) {
			finding := v.finding(v1alpha1.SeverityMedium, does)
			finding.Severity = v.severity(v1alpha1.SeverityMedium)
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
		v := specVerdict{owner: node.Ref, pieces: leakPieces(node.Leaks, func(string) bool { return true })}
		findings = append(findings, check.Finding{
			Object: node.Ref, Severity: v.severity(v1alpha1.SeverityMedium), Evidence: v.evidence(), RestrictToCulprits: true,
			Message: fmt.Sprintf("ConfigMap %s holds what looks like a secret.", node.Name),
		})
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int { return a.Object.Compare(b.Object) })
	return findings
}
