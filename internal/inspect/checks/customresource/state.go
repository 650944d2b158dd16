package customresource

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
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
			ExplainedBy: customOwned(),
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

// ownCheck says whether a kind has checks of its own about its conditions.
func ownCheck(kind facts.Kind) bool { return slices.Contains(facts.CustomKinds(), kind) }

// positive are types of conditions that are to be True. Active, Initialized and Progressing are not among them: they are
// False in objects that are well.
func positive() []string {
	return []string{
		"Ready", "Available", "Healthy", "Reconciled", "ReconcileSuccess", "ReconcileSucceeded", "Synced", "Accepted", "Programmed", "Deployed",
		"Succeeded",
	}
}

// negative are types of conditions that are not to be True.
func negative() []string {
	return []string{"Stalled", "Degraded", "Failed", "Failing", "Failure", "Error", "ReconcileError", "ReconcileFailed"}
}

func customNotReady(g *facts.Graph, params check.Params) []check.Finding {
	good := positive()
	bad := negative()
	var findings []check.Finding
	for _, custom := range g.CustomResources {
		if ownCheck(custom.Kind) || !current(custom) || restingConditions(custom) {
			continue
		}
		var told []facts.Condition
		for _, c := range custom.Conditions {
			wrong := (c.Status == "False" && slices.Contains(good, c.Type)) || (c.Status == "True" && slices.Contains(bad, c.Type))
			if wrong && ripe(g, custom, c, params) {
				told = append(told, c)
			}
		}
		if len(told) > 0 {
			findings = append(findings, notReadyFinding(custom, told, good))
		} else if finding, ok := badPhase(g, custom, params); ok {
			findings = append(findings, finding)
		}
	}
	return findings
}

// restingConditions says whether a condition tells that the object is paused, or has done its work.
func restingConditions(custom *facts.CustomNode) bool {
	for _, c := range custom.Conditions {
		switch c.Type {
		case "Suspended", "Paused", "ReconciliationPaused", "Hibernated", "Complete", "Completed":
			if c.Status == "True" {
				return true
			}
		case "Ready", "Available":
			if c.Status == "False" && slices.Contains([]string{
				"Completed", "Complete", "Succeeded", "PodCompleted", "JobCompleted", "Finished", "Stopped", "Suspended", "Paused", "ReconcilePaused",
				"ReconciliationPaused", "Hibernated", "ScaledToZero", "ScaledDown", "Inactive", "Disabled", "Superseded",
			}, c.Reason) {
				return true
			}
		}
	}
	return false
}

// working says whether the reason of a condition tells of work that is under way.
func working(reason string) bool {
	for _, word := range []string{
		"Progress", "Pending", "Creating", "Provisioning", "Deploying", "Initializ", "Installing", "Updating", "Upgrading", "Waiting", "Reconciling",
		"Starting", "Scaling", "Restoring", "Configuring", "Modifying",
	} {
		if strings.Contains(reason, word) {
			return true
		}
	}
	return false
}

// ripe says whether a condition has held for too long; a run that failed, whether that was not long ago.
func ripe(g *facts.Graph, custom *facts.CustomNode, c facts.Condition, params check.Params) bool {
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

// notReadyFinding is about the conditions of one object: the one that says most is in the message.
func notReadyFinding(custom *facts.CustomNode, told []facts.Condition, good []string) check.Finding {
	weight := func(c facts.Condition) int {
		if i := slices.Index(good, c.Type); i >= 0 {
			return i
		}
		return len(good)
	}
	slices.SortStableFunc(told, func(a, b facts.Condition) int { return weight(a) - weight(b) })
	first := told[0]
	finding := conditionFinding(custom, first, v1alpha1.SeverityMedium,
		"%s is not as it should be: its condition %s is %s%s.", customName(custom.Ref), first.Type, first.Status, because(first))
	for _, c := range told[1:min(len(told), 4)] {
		finding.Evidence = append(finding.Evidence, check.QuoteCondition(c))
	}
	ready, ok := custom.Condition("Ready")
	mild := slices.Contains([]string{"Succeeded", "Synced", "Reconciled", "Accepted"}, first.Type)
	if (mild && ok && ready.Status == "True") || first.Type == "Succeeded" {
		finding.Severity = v1alpha1.SeverityLow
	}
	finding.Remediation = fmt.Sprintf("See what its controller says: %s.", describeCustom(custom.Ref))
	return finding
}

// badPhase judges objects whose controllers write a phase and no conditions that say anything.
func badPhase(g *facts.Graph, custom *facts.CustomNode, params check.Params) (check.Finding, bool) {
	for _, c := range custom.Conditions {
		if slices.Contains(positive(), c.Type) {
			return check.Finding{}, false // it has been judged
		}
	}
	word := custom.Phase
	field := "status.phase"
	if !badWord(word) {
		word = custom.Health
		field = "status.health"
	}
	if !badWord(word) || !g.OlderThan(custom.Created, customGrace(params)) ||
		(!custom.Finished.IsZero() && g.OlderThan(custom.Finished, params.RecentWindow)) {
		return check.Finding{}, false
	}
	return check.Finding{
		Object: custom.Ref, Severity: v1alpha1.SeverityLow,
		Message:     fmt.Sprintf("%s is not as it should be: its %s is %s.", customName(custom.Ref), strings.TrimPrefix(field, "status."), word),
		Evidence:    []check.Evidence{check.FromCondition("%s: %s", field, word)},
		Remediation: fmt.Sprintf("See what its controller says: %s.", describeCustom(custom.Ref)),
	}, true
}

func badWord(word string) bool {
	switch strings.ToLower(word) {
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
			Message: fmt.Sprintf("%s was changed, and its controller has not taken note of it.", customName(custom.Ref)),
			Evidence: []check.Evidence{
				check.FromCondition("status.observedGeneration is %d, metadata.generation %d; written last at %s",
					custom.Observed, custom.Generation, custom.Changed.UTC().Format("2006-01-02 15:04:05 MST")),
			},
			Remediation: fmt.Sprintf("See whether the controller of %s runs, and what its log says; what it said last about this object: %s.",
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
			held = "the finalizer " + phrase.List(custom.Finalizers)
		}
		finding := check.Finding{
			Object: custom.Ref, Message: fmt.Sprintf("%s was deleted and does not go away: it is held by %s.", customName(custom.Ref), held),
			Evidence: []check.Evidence{check.FromSpec("deleted at %s", custom.Deleting.UTC().Format("2006-01-02 15:04:05 MST")), check.FromSpec("finalizers: %s", strings.Join(custom.Finalizers, ", "))},
		}
		if slices.Equal(custom.Finalizers, []string{"foregroundDeletion"}) {
			finding.Remediation = "It waits until the objects that it owns are gone: find out which of them stays, and why. " + describeCustom(custom.Ref) + " shows its events."
		} else {
			finding.Remediation = fmt.Sprintf("Bring back the controller that takes off %s, and see its log. Only if it is gone for good: `kubectl %spatch %s %s "+
				"--type=merge -p '{\"metadata\":{\"finalizers\":null}}'`; what the controller was to clean up then stays.",
				held, inNamespace(custom.Ref), custom.Kind.Argument(), custom.Name)
		}
		for _, c := range custom.Conditions[:min(len(custom.Conditions), 2)] {
			finding.Evidence = append(finding.Evidence, check.QuoteCondition(c))
		}
		findings = append(findings, finding)
	}
	return findings
}

// inNamespace is the flag of kubectl for the namespace of an object, with a space after it.
func inNamespace(ref facts.Ref) string {
	if ref.Namespace == "" {
		return ""
	}
	return "-n " + ref.Namespace + " "
}
