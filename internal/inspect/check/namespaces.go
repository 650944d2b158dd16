package check

import (
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// SystemNamespacesNote ends the Meaning of checks that leave out what a distribution brings.
const SystemNamespacesNote = " Namespaces that begin with kube- or openshift- are left out: what runs there is the distribution's."

// IsSystemNamespace says whether a namespace belongs to the distribution, so that nobody here can change how its objects are set up.
func IsSystemNamespace(namespace string) bool {
	return strings.HasPrefix(namespace, "kube-") || strings.HasPrefix(namespace, "openshift-")
}

// ByNamespace gathers the names of alike objects, so that a namespace full of them is one finding.
type ByNamespace map[string][]string

// Add notes an object of a namespace.
func (b ByNamespace) Add(namespace, name string) { b[namespace] = append(b[namespace], name) }

// Findings makes one finding for each namespace, with the names in its evidence.
func (b ByNamespace) Findings(of func(namespace string) Finding) []Finding {
	const most = 20
	var findings []Finding
	for _, namespace := range slices.Sorted(maps.Keys(b)) {
		names := slices.Sorted(slices.Values(b[namespace]))
		list := strings.Join(names[:min(len(names), most)], ", ")
		if len(names) > most {
			list += ", ..."
		}
		f := of(namespace)
		f.Object = facts.Ref{Kind: facts.Namespace, Name: namespace}
		f.Evidence = append([]Evidence{FromSpec("%d: %s", len(names), list)}, f.Evidence...)
		findings = append(findings, f)
	}
	return findings
}
