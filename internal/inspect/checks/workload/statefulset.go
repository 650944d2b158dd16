package workload

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func statefulSetChecks() []check.Check {
	return []check.Check{
		{
			ID: "statefulset-unavailable", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A StatefulSet has fewer ready Pods than desired.",
			Meaning: "Some of its Pods are missing, not ready, or stuck on their way out for longer than the startup grace. It is " +
				"critical when none is ready. With the usual OrderedReady policy one Pod that is not ready keeps all Pods of higher " +
				"ordinals from being created. StatefulSets that are scaled to zero or being deleted are ignored.",
			Remediation: "Begin with the Pod of the lowest ordinal that is not ready: `kubectl describe pod <name>-<ordinal>` shows " +
				"its state and events. If another finding causes this one, start there.",
			Link:        "https://kubernetes.io/docs/tasks/debug/debug-application/debug-statefulset/",
			Needs:       []facts.Kind{facts.StatefulSet},
			Uses:        []facts.Kind{facts.Pod, facts.Event},
			ExplainedBy: append(check.PodFailures(), "workload-not-observed"),
			Run:         statefulSetUnavailable,
		},
		{
			ID: "statefulset-update-stuck", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "The update of a StatefulSet makes no progress.",
			Meaning: "Not all Pods have the newest revision, and the update waits for a Pod that has not been ready for longer " +
				"than the startup grace. Either the new revision does not come up, or a broken Pod of an older revision blocks it: a " +
				"StatefulSet waits for that Pod even after the template was fixed, until it is deleted. Pods below " +
				"spec.updateStrategy's partition, and the OnDelete strategy, are ignored: old Pods are meant to stay there.",
			Remediation: "Fix the template (or roll back: `kubectl rollout undo statefulset/<name>`), then delete the Pod that is not " +
				"ready, since the StatefulSet does not replace it: `kubectl delete pod <pod>`.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback",
			Needs:       []facts.Kind{facts.StatefulSet, facts.Pod},
			ExplainedBy: check.PodFailures(),
			Run:         statefulSetUpdateStuck,
		},
	}
}

func statefulSetUnavailable(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, set := range g.Workloads {
		if set.Kind != facts.StatefulSet || !set.WantsPods() || set.Ready-betweenCrashes(g, set) >= set.Desired {
			continue
		}
		short, ok := shortageOf(g, set, params)
		if !ok {
			continue
		}
		finding := check.Finding{
			Object:   set.Ref,
			Message:  fmt.Sprintf("StatefulSet %s has fewer ready Pods than desired.", set.Name),
			Evidence: shortageEvidence(set, short), Remediation: findShortage(set, short),
		}
		if len(short.down) > 0 {
			finding.Remediation = remedy.Sprintf("Find out why its Pods are not ready, beginning with the lowest ordinal, since the "+
				"others may wait for it: `kubectl -n %s describe pod %s` shows container states, probes and "+
				"events.", set.Namespace, short.down[0].Name)
		}
		if set.Ready <= betweenCrashes(g, set) {
			finding.Severity = v1alpha1.SeverityCritical
			finding.Message = fmt.Sprintf("StatefulSet %s has no ready Pods.", set.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}

// revisionLabel names the revision that a Pod of a StatefulSet was created from.
const revisionLabel = "controller-revision-hash"

func statefulSetUpdateStuck(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, set := range g.Workloads {
		if set.Kind != facts.StatefulSet || !set.WantsPods() || set.OnDelete || set.UpdateRevision == "" || set.Observed < set.Generation ||
			set.Updated >= set.Desired-set.Partition ||
			!updating(g, set) {
			continue
		}
		var failing, blocking *facts.PodNode
		for _, pod := range downPods(g, set, params) {
			switch revision := pod.Labels[revisionLabel]; {
			case revision == set.UpdateRevision:
				failing = pod // the update begins at the highest ordinal
			case revision != "" && blocking == nil:
				blocking = pod
			}
		}
		if failing == nil && blocking == nil {
			continue
		}
		finding := check.Finding{Object: set.Ref, Evidence: []check.Evidence{
			check.FromCondition("Pods of the newest revision %s: %d of %d", set.UpdateRevision, set.Updated, set.Desired),
		}}
		if failing != nil {
			finding.Message = fmt.Sprintf("StatefulSet %s update is stuck: a Pod of the new revision is not ready.", set.Name)
			finding.Evidence = append(finding.Evidence, check.FromCondition("Pod %s is of the new revision and not ready", failing.Name))
			finding.Remediation = remedy.Sprintf("Find out why it is not ready (`kubectl -n %[1]s describe pod %[2]s`) and fix the "+
				"template, or roll back. Then delete the Pod so the StatefulSet recreates it: `kubectl -n %[1]s rollout undo "+
				"statefulset/%[3]s && kubectl -n %[1]s delete pod %[2]s`. It shows within 1 minute.",
				set.Namespace, failing.Name, set.Name)
		} else {
			finding.Message = fmt.Sprintf("StatefulSet %s update is stuck: it waits for a Pod of an older revision that is not ready "+
				"and is not replaced.", set.Name)
			finding.Evidence = append(finding.Evidence, check.FromCondition("Pod %s is of revision %s and "+
				"not ready", blocking.Name, blocking.Labels[revisionLabel]))
			finding.Remediation = remedy.Sprintf("If the new revision fixes that Pod, delete it so the StatefulSet recreates it: `kubectl "+
				"-n %s delete pod %s`.", set.Namespace, blocking.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}

// updating reports whether an update is in progress: a new StatefulSet whose first Pods are still to come has none. After a
// return to an earlier template the revisions in the status may agree while a Pod still has another one.
func updating(g *facts.Graph, set *facts.WorkloadNode) bool {
	if set.CurrentRevision != set.UpdateRevision {
		return true
	}
	for _, pod := range g.PodsOf(set.Ref) {
		if revision := pod.Labels[revisionLabel]; revision != "" && revision != set.UpdateRevision {
			return true
		}
	}
	return false
}
