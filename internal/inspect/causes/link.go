// Package causes links findings to their causes. A symptom (a Service without endpoints, an unavailable Deployment) is linked, along
// the edges of the graph of facts, to the nearest finding that explains it; the links lead to the root cause. Checks declare what may
// explain them (Check.ExplainedBy), so distance alone is never a cause.
package causes

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Linked is a finding with its cause and effects.
type Linked struct {
	check.Finding
	// ID is stable between runs; see ID.
	ID string
	// CausedBy is the index of the finding that explains this one, or -1 for a root cause.
	CausedBy int
	// Affects counts the findings that this one explains, directly or through others.
	Affects int
}

// ID is the identity of a finding: a hash of check, cluster, object and discriminator, none of which change while the problem
// persists.
func ID(cluster string, f check.Finding) string {
	hash := sha256.New()
	for _, part := range []string{f.Check, cluster, string(f.Object.Kind), f.Object.Namespace, f.Object.Name, f.Discriminator} {
		hash.Write([]byte(part))
		hash.Write([]byte{0}) // separates the parts, which cannot contain it
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// Link gives every finding its identity and at most one cause. all are the checks that returned the findings. The result is ordered by
// ID and does not depend on the order of the findings; of two findings with the same ID, the more severe one is kept. Links never
// form a cycle. The cost grows with the findings and with the objects around them: at most 2,000, up to 6 steps away.
func Link(g *facts.Graph, all []check.Check, findings []check.Finding) []Linked {
	return newLinker(g, all, findings).link()
}

func (l *linker) link() []Linked {
	for _, i := range l.leastSevereFirst() {
		if cause, ok := l.cause(i); ok {
			l.linked[i].CausedBy, l.ancestor[i] = cause, cause
		}
	}
	l.countAffected()
	return l.linked
}

// linker is the state while findings are linked.
type linker struct {
	graph       *facts.Graph
	linked      []Linked
	places      map[facts.Ref]objectFindings
	explainedBy map[string]map[string]bool
	// dependencies and walks are caches: many findings are on few objects.
	dependencies map[facts.Ref][]facts.Ref
	walks        map[start]*walk
	// ancestor is, for each finding, its cause or a cause of that; a root is its own ancestor. See root.
	ancestor []int
}

// objectFindings are the findings on one object.
type objectFindings struct {
	// worst is the index of the most severe finding of each check.
	worst map[string]int
	// explainers counts, for each check, the other checks on this object that may explain it.
	explainers map[string]int
}

func newLinker(g *facts.Graph, all []check.Check, findings []check.Finding) *linker {
	l := &linker{
		graph: g, places: map[facts.Ref]objectFindings{}, explainedBy: map[string]map[string]bool{},
		dependencies: map[facts.Ref][]facts.Ref{}, walks: map[start]*walk{},
	}
	present := map[string]bool{}
	for _, f := range findings {
		present[f.Check] = true
	}
	for _, check := range all {
		explains := map[string]bool{}
		for _, id := range check.ExplainedBy {
			if present[id] { // without such a finding there is nothing to search for
				explains[id] = true
			}
		}
		l.explainedBy[check.ID] = explains
	}
	for _, f := range findings {
		l.linked = append(l.linked, Linked{Finding: f, ID: ID(g.Cluster, f), CausedBy: -1})
	}
	slices.SortStableFunc(l.linked, func(a, b Linked) int {
		if a.ID != b.ID {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Message, b.Message),
			slices.CompareFunc(a.Culprits, b.Culprits, facts.Ref.Compare))
	})
	l.linked = slices.CompactFunc(l.linked, func(a, b Linked) bool { return a.ID == b.ID })
	for i := range l.linked {
		l.ancestor = append(l.ancestor, i)
	}
	l.index()
	return l
}

// index groups findings by object.
func (l *linker) index() {
	for i, f := range l.linked {
		if f.Confirm != nil {
			continue // it must not take the place of the true cause
		}
		here, ok := l.places[f.Object]
		if !ok {
			here = objectFindings{worst: map[string]int{}, explainers: map[string]int{}}
			l.places[f.Object] = here
		}
		if known, ok := here.worst[f.Check]; !ok || f.Severity.Rank() < l.linked[known].Severity.Rank() {
			here.worst[f.Check] = i
		}
	}
	for _, here := range l.places {
		for check := range here.worst {
			for other := range here.worst {
				if other != check && l.explainedBy[check][other] {
					here.explainers[check]++
				}
			}
		}
	}
}

// leastSevereFirst is the order in which causes are searched for. Where findings explain each other in a cycle, such as a webhook that
// blocks the creation of its own Pods, the last one becomes the root: the most severe one, and among equals one of a cluster-scoped
// object.
func (l *linker) leastSevereFirst() []int {
	order := make([]int, len(l.linked))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		bySeverity := cmp.Compare(l.linked[b].Severity.Rank(), l.linked[a].Severity.Rank())
		return cmp.Or(bySeverity, cmp.Compare(breadth(l.linked[a]), breadth(l.linked[b])))
	})
	return order
}

// breadth is 1 for findings about cluster-scoped objects, 0 for others.
func breadth(f Linked) int {
	if f.Object.Namespace == "" {
		return 1
	}
	return 0
}

// cause finds the nearest finding that explains the one at index i and is not itself explained by it.
func (l *linker) cause(i int) (int, bool) {
	f := &l.linked[i].Finding
	if len(l.explainedBy[f.Check]) == 0 || f.IsRoot {
		return 0, false
	}
	around := l.surroundings(f)
	for distance := range around.distances() {
		best := -1
		for _, list := range around.at(distance, f.Check) {
			for _, candidate := range list {
				if l.root(candidate) == i {
					continue // i explains it, or it is i
				}
				if best < 0 || l.compareLikelihood(candidate, best) < 0 {
					best = candidate
				}
				break
			}
		}
		if best >= 0 {
			return best, true
		}
	}
	return 0, false
}

// candidates are the findings on objects at the same distance that may explain a check, most likely first.
func (l *linker) candidates(level []facts.Ref, check string) []int {
	explains := l.explainedBy[check]
	var found []int
	for _, object := range level {
		for other, index := range l.places[object].worst {
			if explains[other] {
				found = append(found, index)
			}
		}
	}
	slices.SortFunc(found, l.compareLikelihood)
	return found
}

// compareLikelihood orders findings at the same distance from a symptom. Findings that may be explained by others on their
// object come first, so a chain keeps its intermediate links. Then by severity, then by ID.
func (l *linker) compareLikelihood(a, b int) int {
	explainers := func(index int) int { return l.places[l.linked[index].Object].explainers[l.linked[index].Check] }
	return cmp.Or(cmp.Compare(explainers(b), explainers(a)),
		cmp.Compare(l.linked[a].Severity.Rank(), l.linked[b].Severity.Rank()), cmp.Compare(l.linked[a].ID, l.linked[b].ID))
}

// root follows causes from a finding to its root cause, and compresses the path for later calls.
func (l *linker) root(i int) int {
	for l.ancestor[i] != i {
		l.ancestor[i] = l.ancestor[l.ancestor[i]]
		i = l.ancestor[i]
	}
	return i
}

// countAffected counts the findings that each finding explains. Links form no cycle, so a finding is counted after all that it
// explains.
func (l *linker) countAffected() {
	waiting := make([]int, len(l.linked)) // direct symptoms not yet counted
	for _, f := range l.linked {
		if f.CausedBy >= 0 {
			waiting[f.CausedBy]++
		}
	}
	var ready []int
	for i, n := range waiting {
		if n == 0 {
			ready = append(ready, i)
		}
	}
	for len(ready) > 0 {
		i := ready[len(ready)-1]
		ready = ready[:len(ready)-1]
		cause := l.linked[i].CausedBy
		if cause < 0 {
			continue
		}
		l.linked[cause].Affects += 1 + l.linked[i].Affects
		if waiting[cause]--; waiting[cause] == 0 {
			ready = append(ready, cause)
		}
	}
}
