// Package controlplane checks what the API server depends on: aggregated APIs, admission webhooks and the deletion of namespaces
// and other objects.
package controlplane

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
)

// Checks returns all checks of namespaces, aggregated APIs and admission webhooks, in no fixed order.
func Checks() []check.Check {
	return slices.Concat(namespaceChecks(), apiServiceChecks(), webhookChecks(), finalizerChecks(), trustChecks())
}
