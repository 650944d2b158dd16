// Package capacity checks the remaining capacity of nodes, the cluster and quotas.
package capacity

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
)

// Checks returns the checks of the remaining capacity of nodes, the cluster and quotas.
func Checks() []check.Check {
	return slices.Concat(nodeRoomChecks(), clusterRoomChecks(), quotaChecks(), quotaRoomChecks())
}
