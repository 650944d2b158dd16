package facts

import (
	"cmp"
	"slices"
)

// FlawKind classifies errors in manifests.
type FlawKind string

// Kinds of flaws.
const (
	// FlawInvalid: an unknown field, a value of the wrong type, a malformed name, label or selector.
	FlawInvalid FlawKind = "invalid"
	// FlawRemoved: an API version that the cluster's release no longer serves.
	FlawRemoved FlawKind = "removed"
	// FlawDuplicate: the object is defined more than once.
	FlawDuplicate FlawKind = "duplicate"
)

// Flaw is an error found while a manifest was read, before checks run. Graphs of clusters have none, since an API server rejects
// such objects.
type Flaw struct {
	Kind   FlawKind
	Object Ref
	// Field with the error, for example spec.template.spec.containers[0].image; empty for removed and duplicate objects.
	Field string
	// Text says what is wrong, without file and line, since it identifies the finding.
	Text string
	// Advice says how to fix it; may be empty.
	Advice string
	// Places in the files, as file:line.
	Places []string
	// Apart is set on duplicates in different folders, which may be variants for different clusters.
	Apart bool
}

// AddFlaw records errors in manifests.
func (b *Builder) AddFlaw(flaws ...Flaw) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.graph.Flaws = append(b.graph.Flaws, flaws...)
}

func (g *Graph) sortFlaws() {
	slices.SortStableFunc(g.Flaws, func(a, b Flaw) int {
		return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Text, b.Text))
	})
}
