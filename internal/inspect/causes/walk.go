package causes

import (
	"iter"
	"slices"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxHops is how far a cause may be from its symptom. The longest path that means something is about five: Ingress,
	// Service, workload, claim, class.
	maxHops = 6
	// maxVisited bounds the objects looked at for one symptom, so that a Service before ten thousand workloads costs no
	// more than one before two thousand.
	maxVisited = 2000
)

// surroundings are the objects where the cause of a finding may be, in levels, the nearest first: the object itself, then
// what the finding's evidence names, then what those depend on, step by step. The walk goes no further than its reader asks.
func (l *linker) surroundings(i int) iter.Seq[[]facts.Ref] {
	return func(yield func([]facts.Ref) bool) {
		f := l.linked[i]
		seen := map[facts.Ref]bool{f.Object: true}
		if !yield([]facts.Ref{f.Object}) {
			return
		}
		named := unseen(seen, f.Because)
		if !yield(named) {
			return
		}
		frontier := named
		if !f.BecauseOnly {
			frontier = append([]facts.Ref{f.Object}, named...)
		}
		for range maxHops {
			var next []facts.Ref
			for _, from := range frontier {
				targets := l.dependsOn(from)
				if from == f.Object {
					targets = narrowed(targets, f.Because)
				}
				next = append(next, unseen(seen, targets)...)
			}
			if len(next) == 0 || !yield(next) {
				return
			}
			frontier = next
		}
	}
}

// unseen returns the objects that were not seen before, as long as there may be more, and marks them.
func unseen(seen map[facts.Ref]bool, objects []facts.Ref) []facts.Ref {
	var fresh []facts.Ref
	for _, object := range objects {
		if len(seen) >= maxVisited {
			break
		}
		if !seen[object] {
			seen[object] = true
			fresh = append(fresh, object)
		}
	}
	return fresh
}

// narrowed leaves out the dependencies that the evidence speaks against: where it names objects of a kind, others of that
// kind are not meant. An Ingress with two Services, one of which is dead, is not explained by what ails the other.
func narrowed(targets, because []facts.Ref) []facts.Ref {
	if len(because) == 0 {
		return targets
	}
	return slices.DeleteFunc(slices.Clone(targets), func(target facts.Ref) bool {
		return !slices.Contains(because, target) &&
			slices.ContainsFunc(because, func(b facts.Ref) bool { return b.Kind == target.Kind })
	})
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
