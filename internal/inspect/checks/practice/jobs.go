package practice

import (
	"fmt"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/schedule"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

// oftenPeriod is the interval below which overlapping runs of a CronJob are reported; keptJobs is how long a finished Job
// may stay.
const (
	oftenPeriod = 10 * time.Minute
	keptJobs    = 7 * 24 * time.Hour
)

func jobSetupChecks() []check.Check {
	cron := []facts.Kind{facts.CronJob}
	const link = "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/"
	return []check.Check{
		{
			ID: "cronjob-concurrency-allow", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A frequent CronJob allows concurrent runs.",
			Meaning: "concurrencyPolicy is Allow, its default, and the schedule starts a run less than ten minutes after the " +
				"previous one: when a run takes longer than that, Jobs accumulate. CronJobs whose activeDeadlineSeconds is no longer " +
				"than the interval are not reported." + check.SystemNamespacesNote,
			Remediation: "Set concurrencyPolicy to Forbid (or Replace): `kubectl patch cronjob <name> -p " +
				"'{\"spec\":{\"concurrencyPolicy\":\"Forbid\"}}'`.",
			Link: link + "#concurrency-policy", Needs: cron, Run: cronJobOverlaps,
		},
		{
			ID: "cronjob-deadline-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A CronJob stops running when one of its runs hangs.",
			Meaning: "concurrencyPolicy is Forbid, so no run starts while another is active, and activeDeadlineSeconds is not set: " +
				"if a run hangs, all later runs are skipped." + check.SystemNamespacesNote,
			Remediation: "Set activeDeadlineSeconds in the jobTemplate to a multiple of the usual duration: `kubectl patch cronjob " +
				"<name> -p '{\"spec\":{\"jobTemplate\":{\"spec\":{\"activeDeadlineSeconds\":3600}}}}'`.",
			Link: link + "#concurrency-policy", Needs: cron, Run: cronJobEndless,
		},
		{
			ID: "cronjob-failures-not-kept", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A CronJob keeps no failed Job.",
			Meaning: "failedJobsHistoryLimit is 0: when a run fails, its Job and the logs of its Pods are deleted immediately, and " +
				"the cause is lost." + check.SystemNamespacesNote,
			Remediation: "Keep one failed Job: `kubectl patch cronjob <name> -p '{\"spec\":{\"failedJobsHistoryLimit\":1}}'`.",
			Link:        link + "#jobs-history-limits", Needs: cron, Run: cronJobForgets,
		},
		{
			ID: "jobs-finished-kept", Category: v1alpha1.CategoryCost, Severity: v1alpha1.SeverityInfo,
			Summary: "Finished Jobs accumulate in a namespace.",
			Meaning: "Jobs without an owner finished more than seven days ago and have no ttlSecondsAfterFinished: they and their " +
				"Pods stay until they are deleted. There is one finding per namespace; the evidence lists " +
				"examples. In manifests, Jobs without ttlSecondsAfterFinished are reported." + check.SystemNamespacesNote,
			Remediation: "Delete the Jobs that are no longer needed, and set ttlSecondsAfterFinished on such Jobs. " + appliedAgain,
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/",
			Needs:       []facts.Kind{facts.Job}, Run: jobsKept, OnManifests: jobsWithoutTTL,
		},
	}
}

// scheduledJobs returns the CronJobs that are not suspended.
func scheduledJobs(g *facts.Graph) []*facts.CronJobNode {
	var all []*facts.CronJobNode
	for _, c := range g.CronJobs {
		if !c.Suspended && c.Deleting.IsZero() && !check.IsSystemNamespace(c.Namespace) {
			all = append(all, c)
		}
	}
	return all
}

func cronJobOverlaps(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, cronJob := range scheduledJobs(g) {
		period, ok := shortestPeriod(cronJob, g.Now)
		if (cronJob.ConcurrencyPolicy != "" && cronJob.ConcurrencyPolicy != "Allow") || !ok || period >= oftenPeriod ||
			(cronJob.ActiveDeadline > 0 && cronJob.ActiveDeadline <= period) {
			continue
		}
		findings = append(findings, check.Finding{
			Object:   cronJob.Ref,
			Message:  fmt.Sprintf("CronJob %s runs often and starts a run while the previous one is still active.", cronJob.Name),
			Evidence: []check.Evidence{check.FromSpec("schedule %s, concurrencyPolicy Allow", cronJob.Schedule)},
			Remediation: remedy.Sprintf("Forbid concurrent runs: `%s patch cronjob %s -p '{\"spec\":{\"concurrencyPolicy\":\"Forbid\"}}'`.",
				kubectl.Command(cronJob.Ref), cronJob.Name),
		})
	}
	return findings
}

// shortestPeriod is the shortest interval between two of the next runs; ok is false if the schedule is invalid.
func shortestPeriod(cronJob *facts.CronJobNode, now time.Time) (period time.Duration, ok bool) {
	const runs = 12
	schedule, err := schedule.Parse(cronJob)
	if err != nil {
		return 0, false
	}
	last := schedule.Next(now)
	for range runs {
		next := schedule.Next(last)
		if last.IsZero() || next.IsZero() {
			break
		}
		if gap := next.Sub(last); !ok || gap < period {
			period, ok = gap, true
		}
		last = next
	}
	return period, ok
}

func cronJobEndless(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, cronJob := range scheduledJobs(g) {
		if cronJob.ConcurrencyPolicy == "Forbid" && cronJob.ActiveDeadline == 0 {
			findings = append(findings, check.Finding{
				Object:   cronJob.Ref,
				Message:  fmt.Sprintf("CronJob %s stops running when one of its runs hangs: no deadline ends that run.", cronJob.Name),
				Evidence: []check.Evidence{check.FromSpec("concurrencyPolicy Forbid, activeDeadlineSeconds not set")},
				Remediation: remedy.Sprintf(
					"Set a deadline well above the usual duration: `%s patch cronjob %s -p "+
						"'{\"spec\":{\"jobTemplate\":{\"spec\":{\"activeDeadlineSeconds\":3600}}}}'`.",
					kubectl.Command(cronJob.Ref),
					cronJob.Name,
				),
			})
		}
	}
	return findings
}

func cronJobForgets(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, cronJob := range scheduledJobs(g) {
		if cronJob.FailedHistory == 0 {
			findings = append(findings, check.Finding{
				Object:   cronJob.Ref,
				Message:  fmt.Sprintf("CronJob %s keeps no failed Job: the cause of a failed run is lost.", cronJob.Name),
				Evidence: []check.Evidence{check.FromSpec("failedJobsHistoryLimit: 0")},
				Remediation: remedy.Sprintf("Keep one failed Job: `%s patch cronjob %s -p '{\"spec\":{\"failedJobsHistoryLimit\":1}}'`.",
					kubectl.Command(cronJob.Ref), cronJob.Name),
			})
		}
	}
	return findings
}

func jobsKept(g *facts.Graph, _ check.Params) []check.Finding {
	kept := check.ByNamespace{}
	for _, job := range g.Jobs {
		since := job.Completed
		if failed, ok := job.TrueCondition("Failed"); ok && since.IsZero() {
			since = failed.Since
		}
		if job.Owned || job.TTL >= 0 || !job.Deleting.IsZero() || check.IsSystemNamespace(job.Namespace) || !job.IsFinished() ||
			since.IsZero() ||
			!g.OlderThan(since, keptJobs) {
			continue
		}
		kept.Add(job.Namespace, job.Name)
	}
	return kept.Findings(func(namespace string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf("Finished Jobs accumulate in namespace %s: they are older than 7 days.", namespace),
			Remediation: remedy.Sprintf(
				"List them with `kubectl -n %s get jobs --sort-by=.status.completionTime` and delete those that are no longer needed. "+
					"Set ttlSecondsAfterFinished on such Jobs, so that Kubernetes deletes them automatically. ",
				namespace,
			) + appliedAgain,
		}
	})
}

// appliedAgain says where a time to live does harm: what was deleted is created again, and runs again.
const appliedAgain = "Do not where Flux, Argo CD or a ResourceBundle applies the Job, which would run again each time after its " +
	"deletion; hooks of Helm and Argo CD have a deletion policy instead."

// jobsWithoutTTL is jobsKept for manifests: Jobs that stay once they are finished.
func jobsWithoutTTL(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, job := range g.Jobs {
		if job.TTL >= 0 || job.Owned || check.IsSystemNamespace(job.Namespace) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: job.Ref,
			Message: fmt.Sprintf("Job %s stays once it is finished, with its Pods: no time is set after which it is deleted.",
				job.Name),
			Evidence:    []check.Evidence{check.FromSpec("ttlSecondsAfterFinished is not set")},
			Remediation: "Set spec.ttlSecondsAfterFinished, for example to 86400, which is a day. " + appliedAgain,
		})
	}
	return findings
}
