package custom

import (
	"cmp"
	"context"
	"slices"

	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// costBudget of a check in one run is five times the budget of Kubernetes for an admission request. It allows a cost of 5,000 per
	// object for 10,000 objects; simple expressions cost less than 100.
	costBudget = 5 * celconfig.RuntimeCELCostBudget
	// maxFindings kept per check; more than a report can hold.
	maxFindings = 1000
)

// Session checks the objects of a cluster, or of a set of manifests, and collects the findings. It is not safe for concurrent use.
type Session struct {
	world  *surroundings
	states []*state
	budget uint64
}

// NewSession returns a session. The graph provides the facts of the objects; found are the findings of other checks.
func NewSession(programs []Program, g *facts.Graph, found []check.Finding) *Session {
	s := &Session{world: &surroundings{graph: g, found: map[facts.Ref][]string{}}, budget: costBudget}
	for _, f := range found {
		s.world.found[f.Object] = append(s.world.found[f.Object], f.Check)
	}
	for _, p := range programs {
		s.states = append(s.states, &state{Program: p, tallies: map[string]*tally{}})
	}
	return s
}

// state of a check in a session.
type state struct {
	Program
	// spent part of the cost budget.
	spent uint64
	// stopped is the object on which the check exceeded a limit; zero while it is active.
	stopped facts.Ref
	// limit that was exceeded; nil for the cost limit.
	limit *limitError
	// tallies by the namespace of the list.
	tallies map[string]*tally
}

// tally is the result of a check for one list.
type tally struct {
	objects int
	groups  map[facts.Ref]*group
	dropped int
	// failed counts the objects on which an expression failed; firstError names the first of them and its error.
	failed     int
	firstError string
}

// group is a finding on an object, or on the Pods of a workload.
type group struct {
	finding check.Finding
	pods    []string
}

func newTally() *tally { return &tally{groups: map[facts.Ref]*group{}} }

// in returns the tally of a list.
func (st *state) in(list string) *tally {
	if st.tallies[list] == nil {
		st.tallies[list] = newTally()
	}
	return st.tallies[list]
}

// kept is the number of findings so far.
func (st *state) kept() int {
	n := 0
	for _, t := range st.tallies {
		n += len(t.groups)
	}
	return n
}

// Object runs every check that applies to an object. The object must have apiVersion and kind; its resource name is derived from the
// kind. It returns false when ctx has ended.
func (s *Session) Object(ctx context.Context, object map[string]any) bool {
	o := newSubject(object, s.world)
	for _, st := range s.states {
		if st.about(object) && !s.check(ctx, st, o, "") {
			return false
		}
	}
	return true
}

// Evaluate runs every check that applies to an object, without a session: see Session.Object. The findings are sorted. The error names
// the checks that failed; the findings of the others are returned with it.
func Evaluate(ctx context.Context, programs []Program, object map[string]any, g *facts.Graph) ([]check.Finding, error) {
	s := NewSession(programs, g, nil)
	s.Object(ctx, object)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.Findings(), s.failures()
}

// Findings returns the findings so far, sorted by check and object.
func (s *Session) Findings() []check.Finding {
	var all []check.Finding
	for _, st := range s.states {
		var found []check.Finding
		for _, t := range st.tallies {
			for _, g := range t.groups {
				found = append(found, g.complete(s.world.graph))
			}
		}
		slices.SortFunc(found, func(a, b check.Finding) int {
			return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.APIVersion, b.APIVersion))
		})
		all = append(all, found...)
	}
	return all
}

// Ran counts the checks whose objects were listed.
func (s *Session) Ran() int {
	n := 0
	for _, st := range s.states {
		if len(st.tallies) > 0 {
			n++
		}
	}
	return n
}

// sums adds up the tallies; firstError is that of the first list with a failure.
func (st *state) sums() (objects, dropped, failed int, firstError string) {
	lists := make([]string, 0, len(st.tallies))
	for list := range st.tallies {
		lists = append(lists, list)
	}
	slices.Sort(lists)
	for _, list := range lists {
		t := st.tallies[list]
		objects += t.objects
		dropped += t.dropped
		failed += t.failed
		if firstError == "" {
			firstError = t.firstError
		}
	}
	return objects, dropped, failed, firstError
}
