// Package manifest checks files as such: fields, API versions and duplicates.
package manifest

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks are about files as such. In a cluster they find nothing: an API server takes no such object.
func Checks() []check.Check {
	return []check.Check{
		{
			ID: "manifest-invalid", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
			Summary: "A manifest has a field or a value that its kind does not allow.",
			Meaning: "A field is misspelt or stands in the wrong place, a value has the wrong type, a key is written twice, or a quantity, name, label " +
				"or selector is malformed. The API server refuses such an object, or, worse, drops the field and takes the rest. The finding " +
				"names field, file and line; the rest of the object is judged without that field. Found in manifests only (`kubeops inspect -f`).",
			Remediation: "Correct the field: `kubectl explain <kind>.<field>` says what belongs there.",
			Link:        "https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
			Static:      true,
			Run:         flaws(facts.FlawInvalid),
		},
		{
			ID: "manifest-api-removed", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityHigh,
			Summary: "A manifest uses an API version that the cluster does not serve any more.",
			Meaning: "The API version of the object was removed in the Kubernetes release that the finding names, and the manifests are judged for " +
				"that release or a later one (--kubernetes-version; the newest that KubeOps knows, unless set). Applying the file fails. Found in " +
				"manifests only (`kubeops inspect -f`).",
			Remediation: "Write the object in the API version that took its place: `kubectl convert -f <file> --output-version <version>` does it for most kinds.",
			Link:        "https://kubernetes.io/docs/reference/using-api/deprecation-guide/",
			Static:      true,
			Run:         flaws(facts.FlawRemoved),
		},
		{
			ID: "manifest-duplicate", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
			Summary: "The same object stands in the manifests twice.",
			Meaning: "Two documents have the same kind, namespace and name: whichever is applied last wins, and a change of the other has no effect. " +
				"The last one is judged. The finding is a low one when the documents are in different folders, which may be variants " +
				"for different clusters: inspect each of those by itself. Found in manifests only (`kubeops inspect -f`).",
			Remediation: "Keep one of the documents, or give them different names or namespaces.",
			Link:        "https://kubernetes.io/docs/concepts/overview/working-with-objects/names/",
			Static:      true,
			Run:         flaws(facts.FlawDuplicate),
		},
	}
}

// flaws reports what the reading of manifests found.
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
			if flaw.Apart {
				finding.Severity = v1alpha1.SeverityLow
			}
			if len(flaw.Places) > 0 {
				finding.Evidence = []check.Evidence{check.FromSpec("file: %s", strings.Join(flaw.Places, ", "))}
			}
			findings = append(findings, finding)
		}
		return findings
	}
}
