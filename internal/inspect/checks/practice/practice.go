// Package practice checks how workloads are set up: what is not broken now, and will be or can be.
package practice

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
)

// Checks are about how things are set up: nothing of it is broken now, or shows.
func Checks() []check.Check {
	return slices.Concat(
		resourceChecks(), probeSetupChecks(), availabilityChecks(), rolloutChecks(), referenceChecks(), containerChecks(),
		selectorChecks(), autoscalerSetupChecks(), jobSetupChecks(), apiVersionChecks(), habitChecks(),
	)
}

// matching are the items of a namespace whose selector matches the labels, in the order in which they were given.
func (x labelIndex[T]) matching(namespace string, labels map[string]string) []T {
	var found []int
	try := func(candidates []int) {
		for _, i := range candidates {
			if x.entries[i].selector.Matches(labels) {
				found = append(found, i)
			}
		}
	}
	for key, value := range labels {
		try(x.byLabel[labelKey{namespace, key, value}])
	}
	try(x.rest[namespace])
	slices.Sort(found)
	items := make([]T, 0, len(found))
	for _, i := range found {
		items = append(items, x.entries[i].item)
	}
	return items
}
