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

	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Linked is a finding with its place among causes.
type Linked struct {
	checks.Finding
	// ID is stable from run to run; see ID.
	ID string
	// CausedBy is the index of the finding that explains this one, or -1 for a root cause.
	CausedBy int
	// Affects counts the findings that this one explains, directly or through others.
	Affects int
}

// ID is the identity of a finding: a fingerprint of check, cluster, object and discriminator, and of nothing that changes
// while the problem stays.
func ID(cluster string, f checks.Finding) string {
	hash := sha256.New()
	for _, part := range []string{f.Check, cluster, string(f.Object.Kind), f.Object.Namespace, f.Object.Name, f.Discriminator} {
		hash.Write([]byte(part))
		hash.Write([]byte{0}) // no part can hold it, so that no two lists of parts run together
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// Link gives every finding its identity and at most one cause. all are the checks that made the findings. The result is
// ordered by ID and does not depend on the order of the findings; of two findings with one identity the worse stays.
// Links never form a loop. The cost grows with findings and with the objects around them, each bounded by maxVisited.
func Link(g *facts.Graph, all []checks.Check, findings []checks.Finding) []Linked {
	l := newLinker(g, all, findings)
	for i := range l.linked {
		if cause, ok := l.cause(i); ok {
			l.linked[i].CausedBy = cause
		}
	}
	l.countAffected()
	return l.linked
}

// linker holds the findings by object while they are linked.
type linker struct {
	graph       *facts.Graph
	linked      []Linked
	byObject    map[facts.Ref]map[string]int // object, check -> index of the best finding of that check there
	explainedBy map[string]map[string]bool
}

func newLinker(g *facts.Graph, all []checks.Check, findings []checks.Finding) *linker {
	l := &linker{graph: g, byObject: map[facts.Ref]map[string]int{}, explainedBy: map[string]map[string]bool{}}
	for _, check := range all {
		explains := make(map[string]bool, len(check.ExplainedBy))
		for _, id := range check.ExplainedBy {
			explains[id] = true
		}
		l.explainedBy[check.ID] = explains
	}
	for _, f := range findings {
		l.linked = append(l.linked, Linked{Finding: f, ID: ID(g.Cluster, f), CausedBy: -1})
	}
	slices.SortStableFunc(l.linked, func(a, b Linked) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(a.Message, b.Message))
	})
	l.linked = slices.CompactFunc(l.linked, func(a, b Linked) bool { return a.ID == b.ID })
	for i, f := range l.linked {
		here := l.byObject[f.Object]
		if here == nil {
			here = map[string]int{}
			l.byObject[f.Object] = here
		}
		if known, ok := here[f.Check]; !ok || f.Severity.Rank() < l.linked[known].Severity.Rank() {
			here[f.Check] = i
		}
	}
	return l
}

// cause finds the nearest finding that explains the one at index i, and that it does not explain itself.
func (l *linker) cause(i int) (int, bool) {
	explains := l.explainedBy[l.linked[i].Check]
	if len(explains) == 0 {
		return 0, false
	}
	for place := range l.surroundings(i) {
		for _, candidate := range l.candidates(i, place, explains) {
			if !l.leadsTo(candidate, i) {
				return candidate, true
			}
		}
	}
	return 0, false
}

// candidates are the findings on an object that may explain the one at index i, the most immediate first: where one
// candidate may itself be explained by another of them, it comes first, so that a chain keeps its middle links. Then the
// worse, then by identity.
func (l *linker) candidates(i int, place facts.Ref, explains map[string]bool) []int {
	var found []int
	for check, index := range l.byObject[place] {
		if index != i && explains[check] {
			found = append(found, index)
		}
	}
	middle := make(map[int]bool, len(found))
	for _, a := range found {
		for _, b := range found {
			if a != b && l.explainedBy[l.linked[a].Check][l.linked[b].Check] && !l.explainedBy[l.linked[b].Check][l.linked[a].Check] {
				middle[a] = true
			}
		}
	}
	slices.SortFunc(found, func(a, b int) int {
		if middle[a] != middle[b] {
			if middle[a] {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(l.linked[a].Severity.Rank(), l.linked[b].Severity.Rank()), cmp.Compare(l.linked[a].ID, l.linked[b].ID))
	})
	return found
}

// leadsTo says whether following causes from one finding arrives at another.
func (l *linker) leadsTo(from, to int) bool {
	for ; from >= 0; from = l.linked[from].CausedBy {
		if from == to {
			return true
		}
	}
	return false
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
