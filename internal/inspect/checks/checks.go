// Package checks lists all built-in checks. Each subject has a package below it.
package checks

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks/autoscaling"
	"kubeops.io/kubeops/internal/inspect/checks/capacity"
	"kubeops.io/kubeops/internal/inspect/checks/controlplane"
	"kubeops.io/kubeops/internal/inspect/checks/customresource"
	"kubeops.io/kubeops/internal/inspect/checks/disruption"
	"kubeops.io/kubeops/internal/inspect/checks/exposure"
	"kubeops.io/kubeops/internal/inspect/checks/ingress"
	"kubeops.io/kubeops/internal/inspect/checks/job"
	"kubeops.io/kubeops/internal/inspect/checks/manifest"
	"kubeops.io/kubeops/internal/inspect/checks/node"
	"kubeops.io/kubeops/internal/inspect/checks/pod"
	"kubeops.io/kubeops/internal/inspect/checks/practice"
	"kubeops.io/kubeops/internal/inspect/checks/rbac"
	"kubeops.io/kubeops/internal/inspect/checks/scheduling"
	"kubeops.io/kubeops/internal/inspect/checks/security"
	"kubeops.io/kubeops/internal/inspect/checks/service"
	"kubeops.io/kubeops/internal/inspect/checks/skew"
	"kubeops.io/kubeops/internal/inspect/checks/storage"
	"kubeops.io/kubeops/internal/inspect/checks/telemetry"
	"kubeops.io/kubeops/internal/inspect/checks/unused"
	"kubeops.io/kubeops/internal/inspect/checks/usage"
	"kubeops.io/kubeops/internal/inspect/checks/workload"
)

// Builtin returns every check of KubeOps, ordered by id. It is a new slice at each call.
func Builtin() []check.Check {
	all := slices.Concat(
		pod.Checks(), scheduling.Checks(), workload.Checks(), job.Checks(), autoscaling.Checks(), disruption.Checks(),
		service.Checks(), ingress.Checks(), storage.Checks(), node.Checks(), controlplane.Checks(), customresource.Checks(),
		practice.Checks(), capacity.Checks(), unused.Checks(), usage.Checks(), telemetry.Checks(),
		security.Checks(), rbac.Checks(), exposure.Checks(), manifest.Checks(), skew.Checks(),
	)
	slices.SortFunc(all, func(a, b check.Check) int { return strings.Compare(a.ID, b.ID) })
	return all
}
