package job

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/schedule"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// controllerPeriod is how often the controller of CronJobs looks for due runs: a shorter deadline may pass in between.
// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#starting-deadline
const controllerPeriod = 10 * time.Second

// replacedRuns is how many runs in a row must have been replaced to be worth reporting.
const replacedRuns = 3

func windowCheck() check.Check {
	return check.Check{
		ID: "cronjob-window-too-short", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "The runs of a CronJob do not fit between two of its times.",
		Meaning: "With concurrencyPolicy Replace, the controller deletes a Job that still runs when the next one is due: at least three " +
			"runs in a row were started and none succeeded, while each was replaced before it ended. Or startingDeadlineSeconds is " +
			"below 10: " +
			"the controller looks every ten seconds, so that runs are skipped by chance (medium, a recommendation). Suspended " +
			"CronJobs are " +
			"ignored. Runs that do not start because of Forbid are reported by cronjob-missed-schedule.",
		Remediation: "Let the schedule leave more time than a run takes, or use concurrencyPolicy Forbid and set " +
			"activeDeadlineSeconds in the " +
			"Job template, so that a run that hangs is ended.",
		Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#concurrency-policy",
		Needs:       []facts.Kind{facts.CronJob},
		Uses:        []facts.Kind{facts.Job, facts.Pod},
		ExplainedBy: append(check.PodFailures(), "job-kept-by-sidecar"),
		Run:         windowTooShort, OnManifests: deadlineTooShort,
	}
}

func windowTooShort(g *facts.Graph, params check.Params) []check.Finding {
	findings := deadlineTooShort(g, params)
	for _, c := range g.CronJobs {
		times, err := schedule.Parse(c)
		if err != nil || c.Suspended || !c.Deleting.IsZero() || c.ConcurrencyPolicy != "Replace" || c.Active == 0 ||
			c.FailedHistory == 0 { // runs that failed are not kept, and look like those that were replaced
			continue
		}
		running, ended := jobsOf(g, c)
		interval, replaced := replacedBefore(g, c, times)
		if running == nil || ended || !replaced {
			continue
		}
		findings = append(findings, check.Finding{
			Object: c.Ref, Discriminator: "replaced", Culprits: []facts.Ref{running.Ref},
			Message: fmt.Sprintf("CronJob %s never completes a run: each is replaced by the next one before it ends.", c.Name),
			Evidence: []check.Evidence{
				check.FromSpec("schedule: %q, concurrencyPolicy: Replace: a run has %s", c.Schedule, interval),
				check.FromCondition("%s; last started at %s", lastSuccess(c), c.LastScheduled.UTC().Format(time.RFC3339)),
				check.FromCondition("Job %s runs", running.Name),
			},
			Remediation: remedy.Sprintf("See how long a run takes (`kubectl -n %[1]s logs job/%[2]s`), and let the schedule leave "+
				"more time, or "+
				"let a run end before the next one: `kubectl -n %[1]s patch cronjob %[3]s --type=merge -p "+
				"'{\"spec\":{\"concurrencyPolicy\":\"Forbid\"}}'`.", c.Namespace, running.Name, c.Name),
		})
	}
	return findings
}

// replacedBefore is the time between two runs, and whether several runs in a row were started since the last success, or ever, without
// one that succeeded.
func replacedBefore(g *facts.Graph, c *facts.CronJobNode, times cron.Schedule) (interval time.Duration, replaced bool) {
	since := check.Later(check.Later(c.LastSuccess, c.Created), c.Changed)
	if since.IsZero() || c.LastScheduled.IsZero() {
		return 0, false
	}
	next := times.Next(c.LastScheduled)
	interval = next.Sub(c.LastScheduled)
	// The newest run is not over; the last one that could have ended started before it.
	at := since
	for range replacedRuns + 1 {
		if at = times.Next(at); at.IsZero() || at.After(c.LastScheduled) {
			return interval, false
		}
	}
	return interval, !next.IsZero() && !g.OlderThan(next, missedPatience)
}

// jobsOf returns a Job of a CronJob that runs, and whether any of those that are kept has finished: then runs do end.
func jobsOf(g *facts.Graph, c *facts.CronJobNode) (running *facts.JobNode, ended bool) {
	for _, job := range g.Jobs {
		if job.Owner != c.Ref {
			continue
		}
		if job.IsFinished() && job.Created.After(c.Changed) {
			ended = true
		} else if !job.IsFinished() && job.Deleting.IsZero() {
			running = job
		}
	}
	return running, ended
}

func deadlineTooShort(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, c := range g.CronJobs {
		if c.Suspended || !c.Deleting.IsZero() || c.StartingDeadline <= 0 || c.StartingDeadline >= controllerPeriod {
			continue
		}
		findings = append(findings, check.Finding{
			Object: c.Ref, Discriminator: "deadline", Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityMedium,
			Message: fmt.Sprintf("CronJob %s skips runs by chance: startingDeadlineSeconds is below the ten seconds in which the "+
				"controller "+
				"looks once.", c.Name),
			Evidence: []check.Evidence{check.FromSpec("startingDeadlineSeconds: %d", int64(c.StartingDeadline/time.Second))},
			Remediation: remedy.Sprintf("Allow at least a minute: `kubectl -n %s patch cronjob %s --type=merge -p "+
				"'{\"spec\":{\"startingDeadlineSeconds\":60}}'`.", c.Namespace, c.Name),
		})
	}
	return findings
}
