// Package practice checks the configuration of workloads: what works now but is a risk.
package practice

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
)

// Checks returns the checks of configuration that works now but is a risk.
func Checks() []check.Check {
	return slices.Concat(
		resourceChecks(), probeSetupChecks(), availabilityChecks(), rolloutChecks(), referenceChecks(), containerChecks(),
		selectorChecks(), autoscalerSetupChecks(), jobSetupChecks(), apiVersionChecks(), habitChecks(), mistakeChecks(),
	)
}

// matching returns the items of a namespace whose selector matches the labels, in their original order.
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
