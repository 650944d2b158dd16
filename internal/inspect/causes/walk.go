package causes

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxHops is how far a cause may be from its symptom. The longest path that means something is about five: Ingress,
	// Service, workload, claim, class.
	maxHops = 6
	// maxVisited bounds the objects that one walk visits, so that a Service before ten thousand workloads costs no more than
	// one before two thousand.
	maxVisited = 2000
)

// start says where a walk begins, and what it leaves out. Findings that begin alike share one walk.
type start struct {
	from facts.Ref
	// narrowed are the kinds that the first step leaves out, since the finding's evidence names objects of that kind: others
	// are not meant. An Ingress with two Services, one of which is dead, is not explained by what ails the other.
	narrowed string
	// without is an object that the walk does not enter; zero for none.
	without facts.Ref
}

// walk goes from one object to what it depends on, step by step, and no further than it is asked.
type walk struct {
	linker *linker
	start  start
	seen   map[facts.Ref]bool
	// frontier is where the next step begins, steps how many were made.
	frontier []facts.Ref
	steps    int
	// levels are the objects at each distance on which something was found.
	levels [][]facts.Ref
	// ranked remembers what of a level may explain a check.
	ranked map[rank][]int
}

type rank struct {
	check string
	level int
}

func (l *linker) walk(s start) *walk {
	if known, ok := l.walks[s]; ok {
		return known
	}
	w := &walk{linker: l, start: s, frontier: []facts.Ref{s.from}, levels: [][]facts.Ref{nil}}
	w.note(s.from, 0)
	l.walks[s] = w
	return w
}

// note puts an object into a level, if anything was found on it.
func (w *walk) note(object facts.Ref, level int) {
	if _, ok := w.linker.places[object]; ok {
		w.levels[level] = append(w.levels[level], object)
	}
}

// reach goes on until a level is known.
func (w *walk) reach(level int) {
	for ; w.steps < level && len(w.frontier) > 0; w.steps++ {
		if w.seen == nil {
			w.seen = map[facts.Ref]bool{w.start.from: true}
			if !w.start.without.IsZero() {
				w.seen[w.start.without] = true
			}
		}
		w.levels = append(w.levels, nil)
		var next []facts.Ref
		for _, from := range w.frontier {
			for _, target := range w.linker.dependsOn(from) {
				if len(w.seen) >= maxVisited {
					break
				}
				if w.seen[target] || w.steps == 0 && strings.Contains(w.start.narrowed, "/"+string(target.Kind)+"/") {
					continue
				}
				w.seen[target] = true
				next = append(next, target)
				w.note(target, w.steps+1)
			}
		}
		w.frontier = next
	}
}

// explaining are the findings at a distance that may explain a check, the likeliest first.
func (w *walk) explaining(check string, level int) []int {
	w.reach(level)
	if level >= len(w.levels) || len(w.levels[level]) == 0 {
		return nil
	}
	key := rank{check, level}
	if known, ok := w.ranked[key]; ok {
		return known
	}
	if w.ranked == nil {
		w.ranked = map[rank][]int{}
	}
	found := w.linker.candidates(w.levels[level], check)
	w.ranked[key] = found
	return found
}

// surroundings are the walks that a search for the cause of a finding goes: from its object, and from each object that its
// evidence names.
type surroundings struct {
	linker *linker
	object facts.Ref
	own    *walk
	named  []*walk
	// namedOnly keeps the search to what the evidence names.
	namedOnly bool
}

func (l *linker) surroundings(f *check.Finding) surroundings {
	s := surroundings{linker: l, object: f.Object, namedOnly: f.RestrictToCulprits}
	var kinds []string
	for _, because := range f.Culprits {
		kinds = append(kinds, string(because.Kind))
		if because != f.Object {
			s.named = append(s.named, l.walk(start{from: because}))
		}
	}
	slices.Sort(kinds)
	narrowed := ""
	if len(kinds) > 0 {
		narrowed = "/" + strings.Join(slices.Compact(kinds), "/") + "/"
	}
	s.own = l.walk(start{from: f.Object, narrowed: narrowed})
	return s
}

// distances is how many there are: the object itself, what the evidence names, and what those depend on.
func (s surroundings) distances() int { return maxHops + 2 }

// at returns lists of findings at one distance that may explain a check: first those on the object itself, then those on
// what its evidence names, then those on what both of them depend on, step by step.
func (s surroundings) at(distance int, check string) [][]int {
	if distance == 0 {
		return [][]int{s.own.explaining(check, 0)}
	}
	lists := make([][]int, 0, len(s.named)+1)
	for i, w := range s.named {
		list := w.explaining(check, distance-1)
		if w.seen[s.object] && w.start.without.IsZero() {
			// It came back to where the search began: from there only what is not narrowed away counts.
			w = s.linker.walk(start{from: w.start.from, without: s.object})
			s.named[i], list = w, w.explaining(check, distance-1)
		}
		lists = append(lists, list)
	}
	if distance > 1 && !s.namedOnly {
		lists = append(lists, s.own.explaining(check, distance-1))
	}
	return lists
}

// dependsOn are the objects that an object depends on, as far as they can carry a cause. A Node explains what happens to
// a workload only if one of its Pods there is in trouble: healthy Pods on a broken node say nothing about a crash elsewhere.
// The Service that governs a StatefulSet explains nothing of it, and would lead on to whatever else it selects.
func (l *linker) dependsOn(from facts.Ref) []facts.Ref {
	if known, ok := l.dependencies[from]; ok {
		return known
	}
	troubled := map[string]bool{}
	for _, pod := range l.graph.PodsOf(from) {
		if (!pod.Ready || !pod.Deleting.IsZero()) && pod.Phase != "Succeeded" {
			troubled[pod.NodeName] = true
		}
	}
	var targets []facts.Ref
	for _, edge := range l.graph.DependsOn(from) {
		governs := edge.Kind == facts.Refers && edge.To.Kind == facts.Service
		if governs || (edge.Kind == facts.RunsOn && !troubled[edge.To.Name]) {
			continue
		}
		targets = append(targets, edge.To)
	}
	l.dependencies[from] = targets
	return targets
}
