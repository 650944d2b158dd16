package customresource

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func crdChecks() []check.Check {
	const link = "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/"
	return []check.Check{
		{
			ID: "crd-not-established", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A CustomResourceDefinition is not established.",
			Meaning: "The API server does not serve the kind, or not under the requested names: condition Established or " +
				"NamesAccepted has been False for longer than the startup grace. Usually another definition in the same group " +
				"already uses the plural, the kind or a short name. The operator that needs the kind does not work.",
			Remediation: "The condition in the evidence shows which name conflicts. Delete the definition that is not " +
				"needed (this deletes all its objects), or install only one of the two operators.",
			Link:  "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/",
			Needs: []facts.Kind{facts.CRD},
			Run:   crdNotEstablished,
		},
		{
			ID: "crd-version-deprecated", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "Custom resources are stored in a deprecated version.",
			Meaning: "The CustomResourceDefinition marks a version as deprecated that objects are stored in " +
				"(status.storedVersions). A later release of the operator will no longer support it.",
			Remediation: "Before you upgrade the operator: read its release notes, change manifests and charts to the " +
				"newer version, and rewrite the stored objects in it: `kubectl get <plural>.<group> -A -o yaml | kubectl " +
				"replace -f -`.",
			Link:  link,
			Needs: []facts.Kind{facts.CRD},
			Run:   crdVersionDeprecated,
		},
		{
			ID: "crd-stored-version-not-served", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "Custom resources may be stored in a version that is no longer served.",
			Meaning: "The CustomResourceDefinition lists a version in status.storedVersions that spec.versions does not " +
				"serve. Its objects are converted when they are read, which works as long as the definition includes the " +
				"version. An upgrade that removes it from the definition is rejected.",
			Remediation: "Rewrite all objects, then remove the version from status.storedVersions: `kubectl get " +
				"<plural>.<group> -A -o yaml | kubectl replace -f -`, and `kubectl patch crd <name> --subresource=status " +
				"--type=merge -p '{\"status\":{\"storedVersions\":[\"<version>\"]}}'`.",
			Link:  link,
			Needs: []facts.Kind{facts.CRD},
			Run:   crdStoredVersionNotServed,
		},
	}
}

func crdNotEstablished(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, crd := range g.CRDs {
		var failing []facts.Condition
		for _, conditionType := range []string{"NamesAccepted", "Established"} {
			c, ok := crd.Condition(conditionType)
			if since := c.Since; ok && c.Status == "False" && crd.Deleting.IsZero() &&
				g.OlderThan(check.Later(since, crd.Created), params.StartupGrace) {
				failing = append(failing, c)
			}
		}
		if len(failing) == 0 {
			continue
		}
		finding := check.Finding{
			Object:  crd.Ref,
			Message: fmt.Sprintf("CustomResourceDefinition %s is not established: the API server does not serve it.", crd.Name),
		}
		if failing[0].Type == "NamesAccepted" {
			finding.Message = fmt.Sprintf(
				"CustomResourceDefinition %s has conflicting names%s: another definition in its group uses them.",
				crd.Name,
				because(failing[0]),
			)
			finding.Remediation = remedy.Sprintf(
				"List the definitions of the group: `kubectl get crd -o name | grep -F .%s`. Delete the one that is not needed; this "+
					"deletes all its objects.",
				crd.Defines.Group(),
			)
		}
		for _, c := range failing {
			finding.Evidence = append(finding.Evidence, check.QuoteCondition(c))
		}
		findings = append(findings, finding)
	}
	return findings
}

func crdVersionDeprecated(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, crd := range g.CRDs {
		var deprecated, alternatives []string
		var evidence []check.Evidence
		for _, v := range crd.Versions {
			switch {
			case v.Deprecated && slices.Contains(crd.Stored, v.Name):
				deprecated = append(deprecated, v.Name)
				if v.Warning != "" {
					evidence = append(evidence, check.FromSpec("deprecationWarning of %s: %s", v.Name, v.Warning))
				}
			case v.Served && !v.Deprecated:
				alternatives = append(alternatives, v.Name)
			}
		}
		if len(deprecated) == 0 || !crd.Deleting.IsZero() {
			continue
		}
		evidence = append(evidence, check.FromCondition("status.storedVersions: %s", strings.Join(crd.Stored, ", ")))
		if len(alternatives) > 0 {
			evidence = append(evidence, check.FromSpec("versions that are not deprecated: %s", strings.Join(alternatives, ", ")))
		}
		findings = append(findings, check.Finding{
			Object: crd.Ref, Evidence: evidence,
			Message: fmt.Sprintf("%s of %s are stored in version %s, which is deprecated.", crd.Defines.Name(), crd.Defines.Group(),
				strings.Join(deprecated, ", ")),
		})
	}
	return findings
}

func crdStoredVersionNotServed(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, crd := range g.CRDs {
		var unserved []string
		storage := ""
		for _, v := range crd.Versions {
			if !v.Served && slices.Contains(crd.Stored, v.Name) {
				unserved = append(unserved, v.Name)
			}
			if v.Storage {
				storage = v.Name
			}
		}
		if len(unserved) == 0 || !crd.Deleting.IsZero() || slices.Contains(unserved, storage) {
			continue // its author intends a version that is stored and never served
		}
		findings = append(findings, check.Finding{
			Object: crd.Ref,
			Message: fmt.Sprintf("%s of %s may be stored in version %s, which is no longer served.", crd.Defines.Name(),
				crd.Defines.Group(), strings.Join(unserved, ", ")),
			Evidence: []check.Evidence{
				check.FromCondition("status.storedVersions: %s", strings.Join(crd.Stored, ", ")),
				check.FromSpec("storage version: %s", storage),
			},
			Remediation: remedy.Sprintf(
				"Rewrite all objects, then remove the old version: `kubectl get %[1]s -A -o yaml | kubectl replace -f - && kubectl patch "+
					"crd %[1]s --subresource=status --type=merge -p '{\"status\":{\"storedVersions\":[\"%[2]s\"]}}'`. If there are no "+
					"objects, only the second of these commands is needed.",
				crd.Name,
				storage,
			),
		})
	}
	return findings
}
