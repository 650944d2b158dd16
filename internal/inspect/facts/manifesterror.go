package facts

import (
	"cmp"
	"slices"

	"kubeops.io/kubeops/internal/remedy"
)

// ManifestErrorKind classifies errors in manifests.
type ManifestErrorKind string

// Kinds of flaws.
const (
	// FlawInvalid: an unknown field, a value of the wrong type, a malformed name, label or selector.
	FlawInvalid ManifestErrorKind = "invalid"
	// FlawRemoved: an API version that the cluster's release no longer serves.
	FlawRemoved ManifestErrorKind = "removed"
	// FlawDuplicate: the object is defined more than once.
	FlawDuplicate ManifestErrorKind = "duplicate"
)

// ManifestError is an error found while a manifest was read, before checks run. Graphs of clusters have none, since an API server rejects
// such objects.
type ManifestError struct {
	Kind   ManifestErrorKind
	Object Ref
	// Field with the error, for example spec.template.spec.containers[0].image; empty for removed and duplicate objects.
	Field string
	// Text says what is wrong, without file and line, since it identifies the finding.
	Text string
	// Advice says how to fix it; may be empty.
	Advice remedy.Text
	// Places in the files, as file:line.
	Places []string
	// Accepted is set if the API server accepts the object: it warns of the field and drops it, or of all but one of its values. It
	// refuses an object with any other error.
	Accepted bool
	// Apart is set on duplicates in different folders, which may be variants for different clusters.
	Apart bool
}

// AddManifestError records errors in manifests.
func (b *Builder) AddManifestError(flaws ...ManifestError) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.graph.ManifestErrors = append(b.graph.ManifestErrors, flaws...)
}

func (g *Graph) sortFlaws() {
	slices.SortStableFunc(g.ManifestErrors, func(a, b ManifestError) int {
		return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Text, b.Text))
	})
}
