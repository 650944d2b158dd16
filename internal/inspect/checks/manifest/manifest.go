// Package manifest checks manifest files: fields, API versions and duplicates.
package manifest

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks returns the checks of manifest files. In a cluster they find nothing: an API server rejects such objects.
func Checks() []check.Check {
	return []check.Check{
		{
			ID: "manifest-invalid", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A manifest has a field or a value that is not valid for its kind.",
			Meaning: "A field is misspelled or in the wrong place, a value has the wrong type, a key is duplicated, or a quantity, " +
				"name, label or selector is malformed. The API server rejects such an object. The severity is medium for an unknown " +
				"field and a duplicate key, of which the API server warns: it drops the field, or uses one of the values, and accepts " +
				"the rest; `kubectl apply` rejects them unless it runs with --validate=warn or ignore. The finding states field, file " +
				"and line; the rest of the object is checked without that field. Found in manifests only (`kubeops inspect -f`).",
			Remediation: "Correct the field. `kubectl explain <kind>.<field>` documents it.",
			Link:        "https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
			Static:      true,
			Run:         flaws(facts.FlawInvalid),
		},
		{
			ID: "manifest-api-removed", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A manifest uses an API version that the cluster no longer serves.",
			Meaning: "The API version of the object was removed in the Kubernetes release stated in the finding, and the manifests " +
				"are checked for that release or a later one (--kubernetes-version; by default the newest that KubeOps knows). " +
				"Applying the file fails. Found in manifests only (`kubeops inspect -f`).",
			Remediation: "Use the API version that replaces it: `kubectl convert -f <file> --output-version <version>` (the " +
				"kubectl-convert plugin) converts most kinds.",
			Link:   "https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
			Static: true,
			Run:    flaws(facts.FlawRemoved),
		},
		{
			ID: "manifest-duplicate", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "The manifests contain the same object twice.",
			Meaning: "Two documents have the same kind, namespace and name: the one applied last wins, and changes to the other " +
				"have no effect. The last one is checked. The severity is low if the documents are in different folders, which may be " +
				"variants for different clusters: inspect each folder separately. Found in manifests only (`kubeops inspect -f`).",
			Remediation: "Keep one of the documents, or give them different names or namespaces.",
			Link:        "https://kubernetes.io/docs/concepts/overview/working-with-objects/names/",
			Static:      true,
			Run:         flaws(facts.FlawDuplicate),
		},
	}
}

// flaws reports the errors that parsing the manifests found.
func flaws(kind facts.ManifestErrorKind) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, _ check.Params) []check.Finding {
		var findings []check.Finding
		for _, flaw := range g.ManifestErrors {
			if flaw.Kind != kind {
				continue
			}
			finding := check.Finding{
				Object: flaw.Object, Discriminator: flaw.Field, Remediation: flaw.Advice,
				Message: fmt.Sprintf("%s %s: %s.", flaw.Object.Kind, flaw.Object.Name, flaw.Text),
			}
			switch {
			case flaw.Apart:
				finding.Severity = v1alpha1.SeverityLow
			case flaw.Accepted:
				finding.Severity = v1alpha1.SeverityMedium
			}
			if len(flaw.Places) > 0 {
				finding.Evidence = []check.Evidence{check.FromSpec("file: %s", strings.Join(flaw.Places, ", "))}
			}
			findings = append(findings, finding)
		}
		return findings
	}
}
