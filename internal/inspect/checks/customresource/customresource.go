// Package customresource checks CustomResourceDefinitions and custom resources: any with conditions, and those of the Gateway API,
// cert-manager, Argo CD and Trivy.
package customresource

import (
	"fmt"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

// Checks returns all checks of custom resources and their definitions, in no fixed order.
func Checks() []check.Check {
	return slices.Concat(customStateChecks(), crdChecks(), gatewayChecks(), routeChecks(), certificateChecks(), issuingChecks(),
		applicationChecks(), applicationSyncChecks(), vulnerabilityChecks())
}

const (
	// customPatience is how long a custom resource may be not ready if the startup grace is shorter: controllers call clouds
	// and registries.
	customPatience = 5 * time.Minute
	// workingPatience is how long a custom resource may report work in progress: a database takes that long to start.
	workingPatience = 30 * time.Minute
	// stalePatience is how long a controller may take to observe a change.
	stalePatience = 10 * time.Minute
)

// customGrace is how long a custom resource may be unhealthy.
func customGrace(params check.Params) time.Duration { return max(params.StartupGrace, customPatience) }

// lasts reports whether a condition has been unchanged for longer than the patience. Without a time, the age of the object counts.
func lasts(g *facts.Graph, custom *facts.CustomNode, c facts.Condition, patience time.Duration) bool {
	since := c.Since
	if since.IsZero() {
		since = custom.Created
	}
	return g.OlderThan(since, patience)
}

// current reports whether the status is about the current generation. Custom resources that are being deleted, suspended or
// paused are never current: no check judges them.
func current(custom *facts.CustomNode) bool {
	return custom.Deleting.IsZero() && !custom.Suspended && (custom.Observed <= 0 || custom.Observed >= custom.Generation)
}

// lasting returns a condition that has had a status for longer than the patience.
func lasting(
	g *facts.Graph, custom *facts.CustomNode, conditions []facts.Condition, conditionType, status string, patience time.Duration,
) (facts.Condition, bool) {
	for _, c := range conditions {
		if c.Type == conditionType {
			return c, c.Status == status && lasts(g, custom, c, patience)
		}
	}
	return facts.Condition{}, false
}

// because is a condition's reason in parentheses, if it has one.
func because(c facts.Condition) string {
	if c.Reason == "" {
		return ""
	}
	return " (" + c.Reason + ")"
}

// customName is for messages: Certificate web.
func customName(ref facts.Ref) string { return ref.Kind.Name() + " " + ref.Name }

// describeCustom is the command that shows an object and its events.
func describeCustom(ref facts.Ref) remedy.Text {
	return remedy.Command("%s describe %s %s", kubectl.Command(ref), ref.Kind.Argument(), ref.Name).Code()
}

// gatewayFailures are findings about Gateways that accept no routes or no traffic.
func gatewayFailures() []string {
	return []string{"gateway-class-not-accepted", "gateway-not-accepted", "gateway-not-programmed", "gateway-listener-invalid"}
}

// customOwned are findings about what a custom resource creates, which may keep it from being ready.
func customOwned() []string {
	return slices.Concat(check.WorkloadFailures(), check.ServiceFailures(), check.CertificateFailures(), gatewayFailures(), []string{
		"replicaset-unavailable", "workload-not-observed", "custom-resource-not-ready", "httproute-not-accepted",
		"httproute-backend-unresolved",
	})
}

// conditionFinding is a finding about a condition of a custom resource.
func conditionFinding(custom *facts.CustomNode, c facts.Condition, severity v1alpha1.Severity, format string, args ...any) check.Finding {
	return check.Finding{
		Object: custom.Ref, Severity: severity, Message: fmt.Sprintf(format, args...), Evidence: []check.Evidence{check.QuoteCondition(c)},
	}
}
