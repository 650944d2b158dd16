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
	// costBudget of one check in one run, five times what Kubernetes gives to one admission request. Simple expressions cost
	// less than a hundred an object; of ten thousand objects, each may cost five thousand.
	costBudget = 5 * celconfig.RuntimeCELCostBudget
	// maxFindings of one check that are kept. A report has room for fewer.
	maxFindings = 1000
)

// Session judges the objects of one cluster, or of one set of manifests, and remembers what it found. It is not safe for
// concurrent use.
type Session struct {
	world  *surroundings
	states []*state
	budget uint64
}

// NewSession judges with what the graph knows of the objects' surroundings; found is what other checks have found there.
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

// state is what a session knows of one check.
type state struct {
	Program
	// spent of the budget.
	spent uint64
	// stopped says on which object the check became too expensive; zero while it goes on.
	stopped facts.Ref
	// tallies by list: the namespace of the list.
	tallies map[string]*tally
}

// tally is what one check found in one list.
type tally struct {
	objects int
	groups  map[facts.Ref]*group
	dropped int
	// failed counts the objects on which an expression could not be evaluated; first says on which and why.
	failed int
	first  string
}

// group is one finding: an object, or the Pods of one workload.
type group struct {
	finding check.Finding
	pods    []string
}

func newTally() *tally { return &tally{groups: map[facts.Ref]*group{}} }

// in is the tally of a list, which begins when it is first asked for.
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

// Object judges one object by every check that is about its resource. The object must say its apiVersion and kind; of the
// plural, which it does not say, the usual one is taken. It is false once ctx has ended.
func (s *Session) Object(ctx context.Context, object map[string]any) bool {
	o := newSubject(object, s.world)
	for _, st := range s.states {
		if st.about(object) && !s.judge(ctx, st, o, "") {
			return false
		}
	}
	return true
}

// Judge judges one object by every check that is about its resource, without a session: see Session.Object. The findings
// are ordered. The error names the checks that could not be evaluated; it comes together with what the others found.
func Judge(ctx context.Context, programs []Program, object map[string]any, g *facts.Graph) ([]check.Finding, error) {
	s := NewSession(programs, g, nil)
	s.Object(ctx, object)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.Findings(), s.failures()
}

// Findings of the session so far, by check in their order, then by object.
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

// Ran counts the checks that have judged, or would have if there had been an object.
func (s *Session) Ran() int {
	n := 0
	for _, st := range s.states {
		if len(st.tallies) > 0 {
			n++
		}
	}
	return n
}

// sums adds up the tallies; first is what went wrong in the first list with a failure.
func (st *state) sums() (objects, dropped, failed int, first string) {
	lists := make([]string, 0, len(st.tallies))
	for list := range st.tallies {
		lists = append(lists, list)
	}
	slices.Sort(lists)
	for _, list := range lists {
		t := st.tallies[list]
		objects, dropped, failed = objects+t.objects, dropped+t.dropped, failed+t.failed
		if first == "" {
			first = t.first
		}
	}
	return objects, dropped, failed, first
}
