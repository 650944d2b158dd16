// Package capacity checks what nodes, the cluster and quotas have left.
package capacity

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
)

// Checks are about what nodes, the cluster and quotas have left.
func Checks() []check.Check {
	return slices.Concat(nodeRoomChecks(), clusterRoomChecks(), quotaChecks(), quotaRoomChecks())
}
