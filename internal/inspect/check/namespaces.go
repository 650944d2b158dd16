package check

import (
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// SystemNamespacesNote ends the Meaning of checks that skip the namespaces of the distribution.
const SystemNamespacesNote = " Namespaces that begin with kube- or openshift- are skipped: the distribution manages them."

// IsSystemNamespace reports whether a namespace belongs to the distribution, which manages the configuration of its objects.
func IsSystemNamespace(namespace string) bool {
	return strings.HasPrefix(namespace, "kube-") || strings.HasPrefix(namespace, "openshift-")
}

// ByNamespace collects the names of similar objects: all of a namespace become one finding.
type ByNamespace map[string][]string

// Add adds an object of a namespace.
func (b ByNamespace) Add(namespace, name string) { b[namespace] = append(b[namespace], name) }

// Findings returns one finding for each namespace, with the names in its evidence.
func (b ByNamespace) Findings(of func(namespace string) Finding) []Finding {
	const maxNames = 20
	var findings []Finding
	for _, namespace := range slices.Sorted(maps.Keys(b)) {
		names := slices.Sorted(slices.Values(b[namespace]))
		list := strings.Join(names[:min(len(names), maxNames)], ", ")
		if len(names) > maxNames {
			list += ", ..."
		}
		finding := of(namespace)
		finding.Object = facts.Ref{Kind: facts.Namespace, Name: namespace}
		finding.Evidence = append([]Evidence{FromSpec("%d: %s", len(names), list)}, finding.Evidence...)
		findings = append(findings, finding)
	}
	return findings
}
