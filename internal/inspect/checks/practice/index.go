package practice

import (
	"cmp"
	"slices"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// labelIndex finds the selectors that match a set of labels without trying all of them: each is indexed by the rarest label
// that it requires.
type labelIndex[T any] struct {
	byLabel map[labelKey][]int
	// rest are the selectors that require no exact value, by namespace.
	rest    map[string][]int
	entries []labelEntry[T]
}

type labelKey struct{ namespace, key, value string }

type labelEntry[T any] struct {
	item     T
	selector facts.Selector
}

// indexLabels builds the index; of returns the namespace and selector of an item.
func indexLabels[T any](items []T, of func(T) (namespace string, selector facts.Selector)) labelIndex[T] {
	index := labelIndex[T]{byLabel: map[labelKey][]int{}, rest: map[string][]int{}}
	count := map[labelKey]int{}
	keys := make([][]labelKey, len(items))
	index.entries = make([]labelEntry[T], 0, len(items))
	for i, item := range items {
		namespace, selector := of(item)
		index.entries = append(index.entries, labelEntry[T]{item, selector})
		for key, value := range selector.Exact() {
			k := labelKey{namespace, key, value}
			keys[i] = append(keys[i], k)
			count[k]++
		}
		slices.SortFunc(keys[i], func(a, b labelKey) int { return cmp.Compare(a.key, b.key) })
	}
	for i, item := range items {
		if len(keys[i]) == 0 {
			namespace, _ := of(item)
			index.rest[namespace] = append(index.rest[namespace], i)
			continue
		}
		rarest := slices.MinFunc(keys[i], func(a, b labelKey) int { return cmp.Compare(count[a], count[b]) })
		index.byLabel[rarest] = append(index.byLabel[rarest], i)
	}
	return index
}

// serviceIndex indexes the Services that select Pods.
func serviceIndex(g *facts.Graph) labelIndex[*facts.ServiceNode] {
	selecting := slices.DeleteFunc(slices.Clone(g.Services), func(s *facts.ServiceNode) bool { return !s.SelectsPods() })
	return indexLabels(selecting, func(s *facts.ServiceNode) (string, facts.Selector) {
		return s.Namespace, facts.SelectorFromSet(s.Selector)
	})
}
