package causes

import (
	"iter"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxHops is how far a cause may be from its symptom. The longest path that means something is about five: Ingress,
	// Service, workload, claim, class.
	maxHops = 6
	// maxVisited bounds the objects looked at for one symptom, so that a Service before ten thousand workloads costs no
	// more than one before a thousand.
	maxVisited = 2000
)

// surroundings are the objects where the cause of a finding may be, nearest first: the object itself, what the finding's
// evidence names, then what those depend on, breadth first. The walk goes no further than its reader asks.
func (l *linker) surroundings(i int) iter.Seq[facts.Ref] {
	return func(yield func(facts.Ref) bool) {
		f := l.linked[i]
		seen := map[facts.Ref]bool{}
		var level []facts.Ref
		visit := func(ref facts.Ref) bool {
			if seen[ref] {
				return true
			}
			seen[ref] = true
			level = append(level, ref)
			return len(seen) <= maxVisited && yield(ref)
		}
		if !visit(f.Object) {
			return
		}
		for _, ref := range f.Because {
			if !visit(ref) {
				return
			}
		}
		for range maxHops {
			here := level
			level = nil
			for _, from := range here {
				for _, edge := range l.graph.DependsOn(from) {
					if l.follows(from, edge) && !visit(edge.To) {
						return
					}
				}
			}
		}
	}
}

// follows says whether an edge can carry a cause. A Node explains what happens to a workload only if one of its Pods
// there is in trouble: healthy Pods on a cordoned node say nothing about a crash elsewhere.
func (l *linker) follows(from facts.Ref, edge facts.Edge) bool {
	if edge.Kind != facts.RunsOn {
		return true
	}
	for _, pod := range l.graph.PodsOf(from) {
		if pod.NodeName == edge.To.Name && (!pod.Ready || !pod.Deleting.IsZero()) && pod.Phase != "Succeeded" {
			return true
		}
	}
	return false
}
