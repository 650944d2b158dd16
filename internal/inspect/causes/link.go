// Package causes says which finding causes which. A symptom (a Service without endpoints, a Deployment that is not
// available) is linked, along the edges of the graph of facts, to the nearest finding that explains it; following the
// links leads to the root cause. What may explain what is said by the checks themselves (Check.ExplainedBy), so that
// nearness alone never makes a cause.
package causes

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Linked is a finding with its place among causes.
type Linked struct {
	check.Finding
	// ID is stable from run to run; see ID.
	ID string
	// CausedBy is the index of the finding that explains this one, or -1 for a root cause.
	CausedBy int
	// Affects counts the findings that this one explains, directly or through others.
	Affects int
}

// ID is the identity of a finding: a fingerprint of check, cluster, object and discriminator, and of nothing that changes
// while the problem stays.
func ID(cluster string, f check.Finding) string {
	hash := sha256.New()
	for _, part := range []string{f.Check, cluster, string(f.Object.Kind), f.Object.Namespace, f.Object.Name, f.Discriminator} {
		hash.Write([]byte(part))
		hash.Write([]byte{0}) // no part can hold it, so that no two lists of parts run together
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// Link gives every finding its identity and at most one cause. all are the checks that made the findings. The result is
// ordered by ID and does not depend on the order of the findings; of two findings with one identity the worse stays.
// Links never form a loop. The cost grows with the findings, and with the objects around those on which something was
// found: at most 2,000 of them, no more than 6 steps away.
func Link(g *facts.Graph, all []check.Check, findings []check.Finding) []Linked {
	return newLinker(g, all, findings).link()
}

func (l *linker) link() []Linked {
	for _, i := range l.mildestFirst() {
		if cause, ok := l.cause(i); ok {
			l.linked[i].CausedBy, l.upwards[i] = cause, cause
		}
	}
	l.countAffected()
	return l.linked
}

// linker holds the findings by object while they are linked.
type linker struct {
	graph       *facts.Graph
	linked      []Linked
	places      map[facts.Ref]place
	explainedBy map[string]map[string]bool
	// dependencies and walks remember what was worked out before: many findings stand on few objects.
	dependencies map[facts.Ref][]facts.Ref
	walks        map[start]*walk
	// upwards leads from each finding to its cause, or past it to a cause of that; from a root to itself.
	upwards []int
}

// place is what was found on one object.
type place struct {
	// worst finding of each check, by index.
	worst map[string]int
	// explainers counts, for each check here, the other checks here that may explain it.
	explainers map[string]int
}

func newLinker(g *facts.Graph, all []check.Check, findings []check.Finding) *linker {
	l := &linker{
		graph: g, places: map[facts.Ref]place{}, explainedBy: map[string]map[string]bool{},
		dependencies: map[facts.Ref][]facts.Ref{}, walks: map[start]*walk{},
	}
	present := map[string]bool{}
	for _, f := range findings {
		present[f.Check] = true
	}
	for _, check := range all {
		explains := map[string]bool{}
		for _, id := range check.ExplainedBy {
			if present[id] { // without a finding of any, there is nothing to search for
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
		l.upwards = append(l.upwards, i)
	}
	l.index()
	return l
}

// index notes for each object what was found there.
func (l *linker) index() {
	for i, f := range l.linked {
		here, ok := l.places[f.Object]
		if !ok {
			here = place{worst: map[string]int{}, explainers: map[string]int{}}
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

// mildestFirst is the order in which causes are looked for. Where findings explain each other in a circle, such as a webhook
// that keeps its own Pods from being created, the last one asked stays without a cause: it is to be the worst, and of those
// that are as bad one that is about the whole cluster.
func (l *linker) mildestFirst() []int {
	order := make([]int, len(l.linked))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(l.linked[b].Severity.Rank(), l.linked[a].Severity.Rank()), cmp.Compare(breadth(l.linked[a]), breadth(l.linked[b])))
	})
	return order
}

// breadth is 1 for findings about objects that belong to no namespace, 0 for others.
func breadth(f Linked) int {
	if f.Object.Namespace == "" {
		return 1
	}
	return 0
}

// cause finds the nearest finding that explains the one at index i, and that it does not explain itself.
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
					continue // it is explained by the one at index i, or is that itself
				}
				if best < 0 || l.likelier(candidate, best) < 0 {
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

// candidates are the findings on some objects, all equally far away, that may explain a check, the likeliest first.
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
	slices.SortFunc(found, l.likelier)
	return found
}

// likelier orders findings that are equally far from a symptom. The most immediate comes first: one that may itself be
// explained by others on its object, so that a chain keeps its middle links. Then the worse, then by identity.
func (l *linker) likelier(a, b int) int {
	explainers := func(index int) int { return l.places[l.linked[index].Object].explainers[l.linked[index].Check] }
	return cmp.Or(cmp.Compare(explainers(b), explainers(a)),
		cmp.Compare(l.linked[a].Severity.Rank(), l.linked[b].Severity.Rank()), cmp.Compare(l.linked[a].ID, l.linked[b].ID))
}

// root follows causes from a finding to the one that has none. It shortens the way for those who ask later.
func (l *linker) root(i int) int {
	for l.upwards[i] != i {
		l.upwards[i] = l.upwards[l.upwards[i]]
		i = l.upwards[i]
	}
	return i
}

// countAffected counts for each finding what it explains, from the links alone. Links form no loop, so that a finding
// can be counted once all that it explains has been.
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
