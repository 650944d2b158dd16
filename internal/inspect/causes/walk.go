package causes

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxHops is the maximum distance of a cause from its symptom. The longest meaningful path is about five: Ingress, Service,
	// workload, claim, class.
	maxHops = 6
	// maxVisited bounds the objects of one walk: a Service with ten thousand workloads costs no more than one with two thousand.
	maxVisited = 2000
)

// start is where a walk starts and what it leaves out. Findings with the same start share one walk.
type start struct {
	from facts.Ref
	// narrowed are the kinds that the first step leaves out, since the evidence of the finding refers to specific objects of that
	// kind. An Ingress with two Services, one of them without endpoints, is not explained by a problem of the other.
	narrowed string
	// without is an object that the walk does not visit; zero for none.
	without facts.Ref
}

// walk visits the dependencies of an object breadth-first, as far as requested.
type walk struct {
	linker *linker
	start  start
	seen   map[facts.Ref]bool
	// frontier are the objects where the next step starts, steps the number of steps so far.
	frontier []facts.Ref
	steps    int
	// levels are the objects with findings at each distance.
	levels [][]facts.Ref
	// ranked caches the findings of a level that may explain a check.
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

// note adds an object with findings to a level.
func (w *walk) note(object facts.Ref, level int) {
	if _, ok := w.linker.places[object]; ok {
		w.levels[level] = append(w.levels[level], object)
	}
}

// reach continues the walk until a level is known.
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

// explaining are the findings at a distance that may explain a check, most likely first.
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

// surroundings are the walks of the search for the cause of a finding: from its object, and from each object in its evidence.
type surroundings struct {
	linker *linker
	object facts.Ref
	own    *walk
	named  []*walk
	// namedOnly restricts the search to the objects in the evidence.
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

// distances is the number of distances: the object itself, the objects in the evidence, and their dependencies.
func (s surroundings) distances() int { return maxHops + 2 }

// at returns lists of findings at one distance that may explain a check: first on the object itself, then on the objects in its
// evidence, then on the dependencies of both, step by step.
func (s surroundings) at(distance int, check string) [][]int {
	if distance == 0 {
		return [][]int{s.own.explaining(check, 0)}
	}
	lists := make([][]int, 0, len(s.named)+1)
	for i, w := range s.named {
		list := w.explaining(check, distance-1)
		if w.seen[s.object] && w.start.without.IsZero() {
			// The walk reached the object of the finding, whose dependencies are narrowed.
			w = s.linker.walk(start{from: w.start.from, without: s.object})
			s.named[i] = w
			list = w.explaining(check, distance-1)
		}
		lists = append(lists, list)
	}
	if distance > 1 && !s.namedOnly {
		lists = append(lists, s.own.explaining(check, distance-1))
	}
	return lists
}

// dependsOn are the dependencies of an object that can be a cause. A Node explains a workload only if one of its Pods there is
// unhealthy: healthy Pods on a broken node do not explain a crash elsewhere. The governing Service of a StatefulSet explains nothing,
// and would lead to everything else that it selects.
func (l *linker) dependsOn(from facts.Ref) []facts.Ref {
	if known, ok := l.dependencies[from]; ok {
		return known
	}
	unhealthyNodes := map[string]bool{}
	for _, pod := range l.graph.PodsOf(from) {
		if (!pod.Ready || !pod.Deleting.IsZero()) && pod.Phase != "Succeeded" {
			unhealthyNodes[pod.NodeName] = true
		}
	}
	var targets []facts.Ref
	for _, edge := range l.graph.DependsOn(from) {
		governs := edge.Kind == facts.Refers && edge.To.Kind == facts.Service
		if governs || (edge.Kind == facts.RunsOn && !unhealthyNodes[edge.To.Name]) {
			continue
		}
		targets = append(targets, edge.To)
	}
	l.dependencies[from] = targets
	return targets
}
