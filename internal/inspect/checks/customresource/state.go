package customresource

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/access"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

func customStateChecks() []check.Check {
	return []check.Check{
		{
			ID: "custom-resource-not-ready", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A custom resource is not ready.",
			Meaning: "The controller of a custom resource reports a problem in its status: a condition such as Ready, " +
				"Available or Healthy is False, or one such as Stalled, Degraded or Failed is True, for longer than the " +
				"startup grace and at least five minutes; half an hour if the reason reports work in progress. Applies to " +
				"custom resources of every kind that has no specific check. A status for an older generation, and suspended, " +
				"paused or completed objects, are skipped. A failed run (Succeeded is False) is low and reported while it is " +
				"recent, and a failed phase without a condition is low.",
			Remediation: "The condition in the evidence shows what is wrong; `kubectl describe` shows the object's " +
				"events, and its controller's log has the details.",
			Link:        "https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/custom-resources/",
			Needs:       []facts.Kind{facts.Custom},
			Uses:        append(facts.WorkloadKinds(), facts.Pod, facts.Service, facts.Event),
			ExplainedBy: append(customOwned(), "serviceaccount-forbidden"),
			Run:         customNotReady,
		},
		{
			ID: "custom-resource-stale-status", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityLow,
			Summary: "The controller of a custom resource does not observe changes.",
			Meaning: "The spec changed (metadata.generation), and status.observedGeneration has not followed for more " +
				"than ten minutes. The controller is down, stuck, or configured to watch other namespaces. Until it works " +
				"again, changes have no effect, and the status is outdated. Suspended and paused objects are skipped.",
			Remediation: "Check that the controller's Pods run, and their log. An operator that was uninstalled leaves " +
				"its objects behind: delete them if they are no longer needed.",
			Link:        "https://kubernetes.io/docs/concepts/extend-kubernetes/operator/",
			Needs:       []facts.Kind{facts.Custom},
			ExplainedBy: []string{"crd-not-established"},
			Run:         customStale,
		},
		{
			ID: "custom-resource-stuck-terminating", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A custom resource is stuck terminating.",
			Meaning: "The object was deleted, and finalizers have blocked its removal for longer than the terminating " +
				"grace (five minutes by default). The controller that removes them is down or uninstalled, or its cleanup " +
				"fails. The namespace cannot be deleted while the object exists.",
			Remediation: "Restore the controller that removes the finalizer, and check its log. Only if it is gone for " +
				"good, remove the finalizer by hand: what it would have cleaned up (a load balancer, a database) is then left " +
				"behind.",
			Link:        "https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/",
			Needs:       []facts.Kind{facts.Custom},
			ExplainedBy: append(check.WorkloadFailures(), "webhook-service-missing", "webhook-no-endpoints", "crd-not-established"),
			Run:         customStuckTerminating,
		},
	}
}

// hasOwnCheck reports whether specific checks judge the conditions of a kind.
func hasOwnCheck(kind facts.Kind) bool { return slices.Contains(facts.CustomKinds(), kind) }

// positive are condition types that are True in healthy objects. Active, Initialized and Progressing are not among them: they
// can be False in healthy objects.
func positive() []string {
	return []string{
		"Ready", "Available", "Healthy", "Reconciled", "ReconcileSuccess", "ReconcileSucceeded", "Synced", "Accepted", "Programmed",
		"Deployed",
		"Succeeded",
	}
}

// negative are condition types that are False in healthy objects.
func negative() []string {
	return []string{"Stalled", "Degraded", "Failed", "Failing", "Failure", "Error", "ReconcileError", "ReconcileFailed"}
}

func customNotReady(g *facts.Graph, params check.Params) []check.Finding {
	good := positive()
	bad := negative()
	var findings []check.Finding
	for _, custom := range g.CustomResources {
		if hasOwnCheck(custom.Kind) || !current(custom) || restingConditions(custom) {
			continue
		}
		var failing []facts.Condition
		for _, c := range custom.Conditions {
			wrong := (c.Status == "False" && slices.Contains(good, c.Type)) || (c.Status == "True" && slices.Contains(bad, c.Type))
			if wrong && reportable(g, custom, c, params) {
				failing = append(failing, c)
			}
		}
		if len(failing) > 0 {
			findings = append(findings, notReadyFinding(custom, failing, good))
		} else if finding, ok := badPhase(g, custom, params); ok {
			findings = append(findings, finding)
		}
	}
	return findings
}

// restingConditions reports whether a condition marks the object as paused or completed.
func restingConditions(custom *facts.CustomNode) bool {
	for _, c := range custom.Conditions {
		switch c.Type {
		case "Suspended", "Paused", "ReconciliationPaused", "Hibernated", "Complete", "Completed":
			if c.Status == "True" {
				return true
			}
		case "Ready", "Available":
			if c.Status == "False" && slices.Contains([]string{
				"Completed", "Complete", "Succeeded", "PodCompleted", "JobCompleted", "Finished", "Stopped", "Suspended", "Paused",
				"ReconcilePaused",
				"ReconciliationPaused", "Hibernated", "ScaledToZero", "ScaledDown", "Inactive", "Disabled", "Superseded",
			}, c.Reason) {
				return true
			}
		}
	}
	return false
}

// working reports whether the reason of a condition describes work in progress.
func working(reason string) bool {
	for _, word := range []string{
		"Progress", "Pending", "Creating", "Provisioning", "Deploying", "Initializ", "Installing", "Updating", "Upgrading", "Waiting",
		"Reconciling",
		"Starting", "Scaling", "Restoring", "Configuring", "Modifying",
	} {
		if strings.Contains(reason, word) {
			return true
		}
	}
	return false
}

// reportable reports whether a condition has been unchanged for too long; for a failed run, whether it failed recently.
func reportable(g *facts.Graph, custom *facts.CustomNode, c facts.Condition, params check.Params) bool {
	patience := customGrace(params)
	switch {
	case c.Type == "Succeeded" && (working(c.Reason) || c.Reason == "Running" || c.Reason == "Started"):
		return false
	case c.Type == "Succeeded":
		return !lasts(g, custom, c, params.RecentWindow)
	case working(c.Reason):
		patience = max(patience, workingPatience)
	}
	return lasts(g, custom, c, patience)
}

// notReadyFinding is about the conditions of one object; the most significant one is in the message.
func notReadyFinding(custom *facts.CustomNode, failing []facts.Condition, good []string) check.Finding {
	weight := func(c facts.Condition) int {
		if i := slices.Index(good, c.Type); i >= 0 {
			return i
		}
		return len(good)
	}
	slices.SortStableFunc(failing, func(a, b facts.Condition) int { return weight(a) - weight(b) })
	first := failing[0]
	finding := conditionFinding(custom, first, v1alpha1.SeverityMedium,
		"%s is not healthy: its condition %s is %s%s.", customName(custom.Ref), first.Type, first.Status, because(first))
	for i, c := range failing[:min(len(failing), 4)] {
		if i > 0 {
			finding.Evidence = append(finding.Evidence, check.QuoteCondition(c))
		}
		if denied, ok := access.Parse(c.Message); ok { // its controller lacks a permission
			finding.Culprits = append(finding.Culprits, denied.Ref())
		}
	}
	ready, ok := custom.Condition("Ready")
	mild := slices.Contains([]string{"Succeeded", "Synced", "Reconciled", "Accepted"}, first.Type)
	if (mild && ok && ready.Status == "True") || first.Type == "Succeeded" {
		finding.Severity = v1alpha1.SeverityLow
	}
	finding.Remediation = remedy.Sprintf("Check the status and events: %s.", describeCustom(custom.Ref))
	return finding
}

// badPhase judges objects whose controllers set a phase but no known conditions.
func badPhase(g *facts.Graph, custom *facts.CustomNode, params check.Params) (check.Finding, bool) {
	for _, c := range custom.Conditions {
		if slices.Contains(positive(), c.Type) {
			return check.Finding{}, false // already judged
		}
	}
	value := custom.Phase
	field := "status.phase"
	if !isFailure(value) {
		value = custom.Health
		field = "status.health"
	}
	if !isFailure(value) || !g.OlderThan(custom.Created, customGrace(params)) ||
		(!custom.Finished.IsZero() && g.OlderThan(custom.Finished, params.RecentWindow)) {
		return check.Finding{}, false
	}
	return check.Finding{
		Object: custom.Ref, Severity: v1alpha1.SeverityLow,
		Message:     fmt.Sprintf("%s is not healthy: its %s is %s.", customName(custom.Ref), strings.TrimPrefix(field, "status."), value),
		Evidence:    []check.Evidence{check.FromCondition("%s: %s", field, value)},
		Remediation: remedy.Sprintf("Check the status and events: %s.", describeCustom(custom.Ref)),
	}, true
}

func isFailure(phase string) bool {
	switch strings.ToLower(phase) {
	case "failed", "error", "degraded", "unhealthy", "red", "partiallyfailed", "failedvalidation":
		return true
	default:
		return false
	}
}

func customStale(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, custom := range g.CustomResources {
		if custom.Observed <= 0 || custom.Observed >= custom.Generation || custom.Suspended || !custom.Deleting.IsZero() ||
			restingConditions(custom) || !g.OlderThan(custom.Changed, stalePatience) {
			continue
		}
		findings = append(findings, check.Finding{
			Object:  custom.Ref,
			Message: fmt.Sprintf("%s was changed, but its controller has not observed the change.", customName(custom.Ref)),
			Evidence: []check.Evidence{
				check.FromCondition("status.observedGeneration is %d, metadata.generation %d; last written at %s",
					custom.Observed, custom.Generation, custom.Changed.UTC().Format("2006-01-02 15:04:05 MST")),
			},
			Remediation: remedy.Sprintf("Check that the controller of %s runs, and its log. The latest status of the object: %s.",
				custom.Kind.Group(), describeCustom(custom.Ref)),
		})
	}
	return findings
}

func customStuckTerminating(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, custom := range g.CustomResources {
		if custom.Deleting.IsZero() || !g.OlderThan(custom.Deleting, params.TerminatingGrace) {
			continue
		}
		held := "its finalizers"
		if len(custom.Finalizers) > 0 {
			held = "finalizer " + phrase.List(custom.Finalizers)
		}
		finding := check.Finding{
			Object: custom.Ref, Message: fmt.Sprintf("%s is stuck terminating: it is held by %s.", customName(custom.Ref), held),
			Evidence: []check.Evidence{
				check.FromSpec("deleted at %s", custom.Deleting.UTC().Format("2006-01-02 15:04:05 MST")),
				check.FromSpec("finalizers: %s", strings.Join(custom.Finalizers, ", ")),
			},
		}
		if slices.Equal(custom.Finalizers, []string{"foregroundDeletion"}) {
			finding.Remediation = "It waits for the deletion of the objects that it owns: check which of them remain, and " +
				"why. " + describeCustom(custom.Ref) + " shows its events."
		} else {
			finding.Remediation = remedy.Sprintf("Restore the controller that removes %s, and check its log. "+
				"Only if it is gone for good: `%s patch %s %s "+
				"--type=merge -p '{\"metadata\":{\"finalizers\":null}}'`; its cleanup is then skipped.",
				held, kubectl.Command(custom.Ref), custom.Kind.Argument(), custom.Name)
		}
		for _, c := range custom.Conditions[:min(len(custom.Conditions), 2)] {
			finding.Evidence = append(finding.Evidence, check.QuoteCondition(c))
		}
		findings = append(findings, finding)
	}
	return findings
}
