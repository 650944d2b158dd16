package facts

import (
	"cmp"
	"slices"
)

// FlawKind says what is wrong with a manifest.
type FlawKind string

// Kinds of flaws.
const (
	// FlawInvalid: a field that the kind does not have, a value of the wrong type, a malformed name, label or selector.
	FlawInvalid FlawKind = "invalid"
	// FlawRemoved: an API version that the cluster's release does not serve any more.
	FlawRemoved FlawKind = "removed"
	// FlawDuplicate: the same object stands in the files twice.
	FlawDuplicate FlawKind = "duplicate"
)

// Flaw is what the reading of a manifest found wrong with it, before any check judges the object. Graphs of clusters have
// none, since an API server takes no such object.
type Flaw struct {
	Kind   FlawKind
	Object Ref
	// Field that is wrong, for example spec.template.spec.containers[0].image; what is removed or duplicate has none.
	Field string
	// Text says what is wrong, without the place, in words that hold still while lines move.
	Text string
	// Advice says what would be right; may be empty.
	Advice string
	// Places in the files, as file:line.
	Places []string
	// Apart is set on duplicates whose places are in different folders: variants for different clusters look like that.
	Apart bool
}

// AddFlaw records what is wrong with a manifest.
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
