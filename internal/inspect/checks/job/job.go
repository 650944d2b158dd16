// Package job checks Jobs and CronJobs.
package job

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// Checks are all checks of Jobs and CronJobs, in no fixed order.
func Checks() []check.Check {
	return append(cronJobChecks(), sidecarCheck(), windowCheck(), check.Check{
		ID: "job-failed", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "A Job failed.",
		Meaning: "The Job has the condition Failed and failed within the recent window (an hour unless set): its Pods failed more " +
			"often than backoffLimit allows, it ran longer than activeDeadlineSeconds, or its podFailurePolicy ended it. Kubernetes " +
			"does not retry it. Jobs of a CronJob are covered by cronjob-failing.",
		Remediation: "Find the cause (`kubectl logs job/<name>`, `kubectl describe job <name>`) and fix it, then delete and recreate " +
			"the Job: a failed Job is not restarted.",
		Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy",
		Needs:       []facts.Kind{facts.Job},
		Uses:        []facts.Kind{facts.CronJob, facts.Pod, facts.Event},
		ExplainedBy: check.PodFailures(),
		Run:         jobFailed,
	})
}

func jobFailed(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, job := range g.Jobs {
		failed, ok := job.TrueCondition("Failed")
		if !ok || !job.Deleting.IsZero() || g.TopOwner(job.Ref) != job.Ref || g.OlderThan(failed.Since, params.RecentWindow) {
			continue
		}
		evidence, logs := jobEvidence(g, job, failed)
		findings = append(findings, check.Finding{
			Object: job.Ref, Evidence: evidence, Logs: logs,
			Message: fmt.Sprintf("Job %s failed: %s.", job.Name, whyJobFailed(job, failed)),
			Remediation: remedy.Sprintf("Find out why: `kubectl -n %[1]s describe job %[2]s`, `kubectl -n %[1]s logs job/%[2]s`. Fix the "+
				"cause, then delete the Job and recreate it: `kubectl -n %[1]s delete job %[2]s`.", job.Namespace, job.Name),
		})
	}
	return findings
}

// whyJobFailed puts the reason of the condition Failed into words.
func whyJobFailed(job *facts.JobNode, failed facts.Condition) string {
	switch failed.Reason {
	case "BackoffLimitExceeded":
		if job.BackoffLimit == 0 {
			return "its Pod failed and backoffLimit is 0"
		}
		return fmt.Sprintf("its Pods failed more often than backoffLimit (%d) allows", job.BackoffLimit)
	case "DeadlineExceeded":
		if job.ActiveDeadline == 0 {
			return "it exceeded activeDeadlineSeconds"
		}
		return "it exceeded activeDeadlineSeconds (" + phrase.Duration(job.ActiveDeadline) + ")"
	case "PodFailurePolicy":
		return "a Pod failure matched a FailJob rule of its podFailurePolicy"
	case "FailedIndexes", "MaxFailedIndexesExceeded":
		return "too many of its indexes failed"
	case "":
		return "its condition Failed is True"
	default:
		return "the reason is " + failed.Reason
	}
}

// jobEvidence is the condition and how the Job's newest failed Pod ended, with the log that would say more.
func jobEvidence(g *facts.Graph, job *facts.JobNode, failed facts.Condition) ([]check.Evidence, *check.LogRef) {
	evidence := []check.Evidence{check.QuoteCondition(failed)}
	end, log, ok := lastFailedContainer(g, job)
	if !ok {
		if job.Failed > 0 {
			evidence = append(evidence, check.FromCondition("failed Pods: %d; none still exists", job.Failed))
		}
		// A Pod of a Job is named after it; what it said may be kept elsewhere.
		return evidence, &check.LogRef{Namespace: job.Namespace, PodPrefix: job.Name + "-", Ended: failed.Since}
	}
	text := fmt.Sprintf("container %s of Pod %s terminated with exit code %d", log.Container, log.Pod, end.ExitCode)
	if end.Reason != "" {
		text += " (" + end.Reason + ")"
	}
	if !end.Started.IsZero() && end.Finished.After(end.Started) {
		text += " after " + phrase.Duration(end.Finished.Sub(end.Started))
	}
	if end.Message != "" {
		text += ": " + end.Message
	}
	return append(evidence, check.FromCondition("%s", text)), log
}

// lastFailedContainer finds how the container ended that made the Job's newest failed Pod fail, and its log.
func lastFailedContainer(g *facts.Graph, job *facts.JobNode) (facts.ContainerState, *check.LogRef, bool) {
	pods := slices.Clone(g.PodsOf(job.Ref))
	slices.SortStableFunc(pods, func(a, b *facts.PodNode) int { return b.Created.Compare(a.Created) })
	for _, pod := range pods {
		if pod.Phase == "Succeeded" {
			continue
		}
		for _, c := range slices.Concat(pod.Containers, pod.InitContainers) {
			log := &check.LogRef{Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name}
			switch {
			case c.Sidecar: // told to end after the containers, whatever its exit code
			case c.State.Status == facts.StateTerminated && c.State.ExitCode != 0:
				log.Ended = c.State.Finished
				return c.State, log, true
			case c.Last().Status == facts.StateTerminated && c.Last().ExitCode != 0: // about to be started again
				log.Previous = true
				log.Ended = c.Last().Finished
				return c.Last(), log, true
			}
		}
	}
	return facts.ContainerState{}, nil, false
}
