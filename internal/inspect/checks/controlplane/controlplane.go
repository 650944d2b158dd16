// Package controlplane checks what the API server itself depends on: namespaces that cannot be deleted, aggregated APIs and admission webhooks.
package controlplane

import (
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
)

// Checks are all checks of namespaces, aggregated APIs and admission webhooks, in no fixed order.
func Checks() []check.Check {
	return slices.Concat(namespaceChecks(), apiServiceChecks(), webhookChecks())
}
