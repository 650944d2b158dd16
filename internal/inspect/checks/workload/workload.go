// Package workload checks Deployments, StatefulSets, DaemonSets and ReplicaSets that do not have the Pods they want.
package workload

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// Checks are all checks of workloads, in no fixed order.
func Checks() []check.Check {
	return slices.Concat(deploymentChecks(), statefulSetChecks(), daemonSetChecks(), creationChecks(), []check.Check{
		pausedCheck(),
		noNodeCheck(),
		{
			ID: "replicaset-unavailable", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A standalone ReplicaSet or ReplicationController has fewer ready Pods than desired.",
			Meaning: "Only ReplicaSets and ReplicationControllers that no other workload manages are judged; those of a Deployment " +
				"are seen there. Some of its Pods are missing, or have not been ready, for longer than the startup grace. It is " +
				"critical when none is ready.",
			Remediation: "See what keeps the Pods down: `kubectl describe replicaset <name>` shows refused Pods under Events, `kubectl " +
				"describe pods -l <selector>` the state of those that exist.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/",
			Needs:       []facts.Kind{facts.ReplicaSet},
			Uses:        []facts.Kind{facts.Deployment, facts.ReplicationController, facts.Pod, facts.Event},
			ExplainedBy: append(check.PodFailures(), "workload-not-observed"),
			Run:         replicaSetUnavailable,
		},
		{
			ID: "workload-not-observed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A workload was changed but kube-controller-manager has not observed the change.",
			Meaning: "status.observedGeneration is behind metadata.generation for longer than the startup grace: " +
				"kube-controller-manager is not running, cannot reach the API server, or is far behind. Nothing is rolled out, scaled " +
				"or replaced, and statuses are stale.",
			Remediation: "See whether kube-controller-manager runs and holds its lease: `kubectl -n kube-system get pods | grep " +
				"controller-manager` and `kubectl -n kube-system get lease kube-controller-manager -o yaml`. Then read its log.",
			Link:  "https://kubernetes.io/docs/concepts/overview/components/#kube-controller-manager",
			Needs: []facts.Kind{facts.Deployment},
			Uses:  []facts.Kind{facts.ReplicaSet, facts.StatefulSet, facts.DaemonSet, facts.ReplicationController},
			Run:   notObserved,
		},
	})
}

// shortage is what a workload has lacked for longer than the startup grace.
type shortage struct {
	// down are Pods that exist and are not ready.
	down []*facts.PodNode
	// missing is true when Pods could not be created.
	missing bool
}

// shortageOf says what keeps a workload from having all its Pods ready. Pods that have just begun to start, and gaps of a
// moment between an old Pod and its successor, are no shortage.
func shortageOf(g *facts.Graph, workload *facts.WorkloadNode, params check.Params) (shortage, bool) {
	short := shortage{down: downPods(g, workload, params)}
	if workload.Current < workload.Desired {
		since, known := missingSince(g, workload, params)
		short.missing = known && g.OlderThan(since, params.StartupGrace)
	}
	return short, short.missing || len(short.down) > 0
}

// downPods are the Pods of a workload that have not been ready for longer than the startup grace. Finished Pods are
// ignored, since they are replaced; so are terminating Pods, unless the workload waits for them to be gone.
func downPods(g *facts.Graph, workload *facts.WorkloadNode, params check.Params) []*facts.PodNode {
	waitsForOld := workload.Kind == facts.StatefulSet || workload.Kind == facts.DaemonSet
	var down []*facts.PodNode
	for _, pod := range g.PodsOf(workload.Ref) {
		if pod.Phase == "Succeeded" || pod.Phase == "Failed" || goingAway(g, pod, waitsForOld, params) {
			continue
		}
		// A Pod that keeps crashing counts from its creation: it may be ready for a moment between two crashes.
		since := pod.NotReadySince()
		looping := pod.IsLooping(g.Now)
		if looping && pod.Deleting.IsZero() {
			since = pod.Created
		}
		if (!pod.Ready || !pod.Deleting.IsZero() || looping) && g.OlderThan(since, params.StartupGrace) {
			down = append(down, pod)
		}
	}
	if workload.Kind == facts.StatefulSet { // by ordinal: web-2 before web-10
		slices.SortStableFunc(down, func(a, b *facts.PodNode) int { return cmp.Compare(len(a.Name), len(b.Name)) })
	}
	return down
}

// betweenCrashes counts the Pods of a workload that are ready only until they crash again. Its status counts them as ready and
// available, so that a finding would come and go with each crash.
func betweenCrashes(g *facts.Graph, workload *facts.WorkloadNode) int32 {
	var count int32
	for _, pod := range g.PodsOf(workload.Ref) {
		if pod.Ready && pod.IsActive() && pod.IsLooping(g.Now) {
			count++
		}
	}
	return count
}

// goingAway reports whether a Pod is being deleted and does not hold up its workload. A workload that replaces a Pod only after it is gone
// waits for it, which is a shortage once the deletion takes longer than the grace.
func goingAway(g *facts.Graph, pod *facts.PodNode, waitsForOld bool, params check.Params) bool {
	return !pod.Deleting.IsZero() && (!waitsForOld || !g.OlderThan(pod.Deleting, params.TerminatingGrace))
}

// missingSince is when a workload with fewer Pods than it wants began to lack them, as far as anything tells.
func missingSince(g *facts.Graph, workload *facts.WorkloadNode, params check.Params) (since time.Time, known bool) {
	if failed, ok := workload.Condition("ReplicaFailure"); ok && failed.Status == "True" {
		return failed.Since, true
	}
	if e := check.NewestEvent(g, workload.Ref, "FailedCreate"); e != nil && !g.OlderThan(e.Last, params.RecentWindow) {
		return e.First, true
	}
	if available, ok := workload.Condition("Available"); ok && available.Status == "False" {
		return available.Since, true
	}
	return workload.Changed, workload.Observed < workload.Generation
}

// shortageEvidence is what the status and the Pods show.
func shortageEvidence(workload *facts.WorkloadNode, short shortage) []check.Evidence {
	evidence := []check.Evidence{check.FromCondition("Pods: %d desired, %d current, %d ready, %d available",
		workload.Desired, workload.Current, workload.Ready, workload.Available)}
	var looping, notReady []*facts.PodNode
	for _, pod := range short.down {
		if pod.Ready && pod.Deleting.IsZero() {
			looping = append(looping, pod)
		} else {
			notReady = append(notReady, pod)
		}
	}
	if len(notReady) > 0 {
		evidence = append(evidence, check.FromCondition("not ready: %s", phrase.Pods(notReady)))
	}
	if len(looping) > 0 {
		evidence = append(evidence, check.FromCondition("ready only between two crashes: %s", phrase.Pods(looping)))
	}
	return evidence
}

// inspectPods is the command that shows the state of the Pods of a workload.
func inspectPods(workload *facts.WorkloadNode) remedy.Text {
	return remedy.Sprintf("`kubectl -n %s describe pods -l '%s'`", workload.Namespace, workload.Selector)
}

// findShortage says what to do about a workload that lacks Pods.
func findShortage(workload *facts.WorkloadNode, short shortage) remedy.Text {
	if len(short.down) == 0 {
		return "Find out why Pods are missing: " + kubectl.Describe(workload.Ref) + " shows it under Conditions and Events."
	}
	return "Find out why Pods are not ready: " + inspectPods(workload) + " shows container states, probes and events."
}

func replicaSetUnavailable(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, set := range g.Workloads {
		if (set.Kind != facts.ReplicaSet && set.Kind != facts.ReplicationController) || !set.WantsPods() ||
			set.Ready-betweenCrashes(g, set) >= set.Desired || !g.IsTopWorkload(set) {
			continue
		}
		short, ok := shortageOf(g, set, params)
		if !ok {
			continue
		}
		finding := check.Finding{
			Object:   set.Ref,
			Message:  fmt.Sprintf("%s %s has fewer ready Pods than desired.", set.Kind, set.Name),
			Evidence: shortageEvidence(set, short), Remediation: findShortage(set, short),
		}
		if set.Ready <= betweenCrashes(g, set) {
			finding.Severity = v1alpha1.SeverityCritical
			finding.Message = fmt.Sprintf("%s %s has no ready Pods.", set.Kind, set.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}

func notObserved(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, workload := range g.Workloads {
		if workload.Observed < 0 || workload.Observed >= workload.Generation || !workload.Deleting.IsZero() ||
			!g.IsTopWorkload(workload) || !g.OlderThan(workload.Changed, params.StartupGrace) {
			continue
		}
		what := "has not observed its latest change"
		if workload.Observed == 0 {
			what = "has never observed it"
		}
		findings = append(findings, check.Finding{
			Object:  workload.Ref,
			Message: fmt.Sprintf("%s %s is not reconciled: kube-controller-manager %s.", workload.Kind, workload.Name, what),
			Evidence: []check.Evidence{check.FromCondition("metadata.generation is %d, status.observedGeneration %d; last changed at %s",
				workload.Generation, workload.Observed, workload.Changed.UTC().Format(time.RFC3339))},
		})
	}
	return findings
}
