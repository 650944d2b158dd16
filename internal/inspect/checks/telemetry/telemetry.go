// Package telemetry checks what metrics and log backends report: alerts, anomalies, volumes and nodes that fill up, and new or
// frequent errors in logs.
package telemetry

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
)

// backendVersion is the API version of MetricsBackend.
const backendVersion = "kubeops.io/v1alpha1"

// Checks returns all checks of what metrics and log backends report, in no fixed order.
func Checks() []check.Check {
	return append(slices.Concat(fillChecks(), anomalyChecks(), loadChecks(), alertChecks(), logChecks()), runningCheck())
}
