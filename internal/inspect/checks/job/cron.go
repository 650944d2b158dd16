package job

import (
	"fmt"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/schedule"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

func cronJobChecks() []check.Check {
	return []check.Check{
		{
			ID: "cronjob-failing", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "The latest run of a CronJob failed.",
			Meaning: "Of the CronJob's Jobs that have finished, the latest failed, and no run has succeeded since. It is medium as " +
				"long as the run before that one succeeded, so one bad run weighs less than a CronJob that keeps failing. Suspended " +
				"CronJobs are ignored.",
			Remediation: "Find the cause (`kubectl logs job/<job>`), fix it, and start a run now: `kubectl create job <name>-try " +
				"--from=cronjob/<name>`.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/",
			Needs:       []facts.Kind{facts.CronJob, facts.Job},
			Uses:        []facts.Kind{facts.Pod, facts.Event},
			ExplainedBy: check.PodFailures(),
			Run:         cronJobFailing,
		},
		{
			ID: "cronjob-missed-schedule", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A CronJob misses scheduled runs.",
			Meaning: "At least two runs in a row that the schedule asks for did not start, and the first of them was due more than " +
				"10 minutes ago; or the controller says that it missed one. Either kube-controller-manager does not run, or the " +
				"CronJob's concurrency policy Forbid waits for a Job that does not finish (medium), or startingDeadlineSeconds is too " +
				"short, or Jobs cannot be created. Suspended CronJobs are ignored, and so is the time before the last change of the " +
				"CronJob.",
			Remediation: "`kubectl describe cronjob <name>` shows running Jobs and events. Delete a Job that hangs, raise " +
				"startingDeadlineSeconds if it is below some minutes, and see whether kube-controller-manager runs.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#starting-deadline",
			Needs:       []facts.Kind{facts.CronJob},
			Uses:        []facts.Kind{facts.Job, facts.Pod, facts.Event},
			ExplainedBy: append(check.PodFailures(), "job-kept-by-sidecar"),
			Run:         cronJobMissed,
		},
		{
			ID: "cronjob-invalid-schedule", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A CronJob has an invalid schedule or time zone.",
			Meaning: "spec.schedule or spec.timeZone cannot be read, or the schedule names a date that does not exist, such as 31 " +
				"February: the CronJob never starts, and only an event says so. Suspended CronJobs are ignored.",
			Remediation: "Correct spec.schedule (five fields: minute, hour, day of month, month, day of week) and spec.timeZone (a " +
				"name such as Europe/Berlin): `kubectl edit cronjob <name>`.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax",
			Needs: []facts.Kind{facts.CronJob},
			Run:   cronJobInvalid, Static: true,
		},
	}
}

func cronJobFailing(g *facts.Graph, _ check.Params) []check.Finding {
	jobs := map[facts.Ref][]*facts.JobNode{}
	for _, job := range g.Jobs {
		if job.Owner.Kind == facts.CronJob && job.IsFinished() {
			jobs[job.Owner] = append(jobs[job.Owner], job)
		}
	}
	var findings []check.Finding
	for _, c := range g.CronJobs {
		finished := jobs[c.Ref]
		if c.Suspended || !c.Deleting.IsZero() || len(finished) == 0 {
			continue
		}
		slices.SortStableFunc(finished, func(a, b *facts.JobNode) int { return b.Created.Compare(a.Created) })
		latest := finished[0]
		failed, ok := latest.TrueCondition("Failed")
		if !ok || c.LastSuccess.After(failed.Since) {
			continue
		}
		evidence, logs := jobEvidence(g, latest, failed)
		finding := check.Finding{
			Object: c.Ref, Logs: logs,
			Message:  fmt.Sprintf("The latest run of CronJob %s failed: %s.", c.Name, whyJobFailed(latest, failed)),
			Evidence: append(evidence, check.FromCondition("latest run: Job %s; %s", latest.Name, lastSuccess(c))),
			Remediation: remedy.Sprintf("Find out why: `kubectl -n %[1]s logs job/%[2]s`. Fix the cause, then start a run now: `kubectl "+
				"-n %[1]s create job %[3]s-try --from=cronjob/%[3]s`.", c.Namespace, latest.Name, c.Name),
		}
		if failedOnce(c, latest, finished) {
			finding.Severity = v1alpha1.SeverityMedium
		}
		findings = append(findings, finding)
	}
	return findings
}

func lastSuccess(c *facts.CronJobNode) string {
	if c.LastSuccess.IsZero() {
		return "no run has succeeded"
	}
	return "last success at " + c.LastSuccess.UTC().Format(time.RFC3339)
}

// failedOnce reports whether the run before the latest one is known to have succeeded. Old Jobs are deleted, so the
// schedule must tell how many runs there were since the last success.
func failedOnce(c *facts.CronJobNode, latest *facts.JobNode, finished []*facts.JobNode) bool {
	if c.LastSuccess.IsZero() {
		return false
	}
	if len(finished) > 1 {
		if _, failed := finished[1].TrueCondition("Failed"); failed && finished[1].Created.After(c.LastSuccess) {
			return false
		}
	}
	schedule, err := schedule.Parse(c)
	if err != nil {
		return false
	}
	// One run started after the success: the one that failed.
	second := schedule.Next(schedule.Next(c.LastSuccess))
	return second.IsZero() || latest.Created.Before(second)
}

func cronJobInvalid(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, c := range g.CronJobs {
		if c.Suspended || !c.Deleting.IsZero() {
			continue
		}
		schedule, err := schedule.Parse(c)
		var why string
		switch {
		case err != nil:
			why = err.Error()
		case schedule.Next(g.Now).IsZero():
			why = "its schedule has no date in the next five years"
		default:
			continue
		}
		evidence := []check.Evidence{check.FromSpec("schedule: %q", c.Schedule)}
		if c.TimeZone != "" {
			evidence = append(evidence, check.FromSpec("timeZone: %q", c.TimeZone))
		}
		findings = append(findings, check.Finding{
			Object: c.Ref, Evidence: evidence,
			Message: fmt.Sprintf("CronJob %s never starts: %s.", c.Name, why),
			Remediation: remedy.Sprintf("Correct spec.schedule (minute, hour, day of month, month, day of week) or spec.timeZone: "+
				"`kubectl -n %s edit cronjob %s`.", c.Namespace, c.Name),
		})
	}
	return findings
}

// missedPatience is how long ago a run must have been due, however often the CronJob runs, to count as missed.
const missedPatience = 10 * time.Minute

func cronJobMissed(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, c := range g.CronJobs {
		schedule, err := schedule.Parse(c)
		if c.Suspended || !c.Deleting.IsZero() || err != nil {
			continue
		}
		due, late := firstMissed(g, c, schedule)
		missed := missedEvent(g, c, params)
		if !late && missed == nil {
			continue
		}
		finding := check.Finding{
			Object:   c.Ref,
			Message:  fmt.Sprintf("CronJob %s missed scheduled runs.", c.Name),
			Evidence: []check.Evidence{check.FromSpec("schedule: %q", c.Schedule)},
			Remediation: remedy.Sprintf("%s shows what it waits for. See also whether kube-controller-manager runs (`kubectl -n "+
				"kube-system get lease kube-controller-manager -o yaml`). To run it now: `kubectl -n %[2]s create job %[3]s-now "+
				"--from=cronjob/%[3]s`.",
				kubectl.Describe(c.Ref), c.Namespace, c.Name),
		}
		if late {
			finding.Evidence = append(finding.Evidence,
				check.FromCondition("due at %s; %s", due.UTC().Format(time.RFC3339), lastStart(c)))
		}
		if missed != nil {
			finding.Evidence = append(finding.Evidence, check.FromEvent(missed))
		}
		if c.StartingDeadline > 0 {
			finding.Evidence = append(finding.Evidence,
				check.FromSpec("startingDeadlineSeconds: %d", int64(c.StartingDeadline/time.Second)))
		}
		if c.ConcurrencyPolicy == "Forbid" && c.Active > 0 {
			waitsForJob(g, c, &finding)
		}
		findings = append(findings, finding)
	}
	return findings
}

func lastStart(c *facts.CronJobNode) string {
	if c.LastScheduled.IsZero() {
		return "never started"
	}
	return "last started at " + c.LastScheduled.UTC().Format(time.RFC3339)
}

// firstMissed is the first run that the schedule asked for since the last start, and whether it is so long ago that the
// next two were due as well. A change of the CronJob, such as an end of its suspension, restarts the count.
func firstMissed(g *facts.Graph, c *facts.CronJobNode, schedule cron.Schedule) (due time.Time, late bool) {
	since := slices.MaxFunc([]time.Time{c.LastScheduled, c.Created, c.Changed}, time.Time.Compare)
	due = schedule.Next(since)
	if since.IsZero() || due.IsZero() {
		return due, false
	}
	third := schedule.Next(schedule.Next(due))
	return due, !third.IsZero() && g.OlderThan(due, max(third.Sub(due), missedPatience))
}

// missedEvent is a recent event that says so, if nothing has started since.
func missedEvent(g *facts.Graph, c *facts.CronJobNode, params check.Params) *facts.EventNode {
	e := check.NewestEvent(g, c.Ref, "MissSchedule", "TooManyMissedTimes", "FailedNeedsStart")
	if e == nil || g.OlderThan(e.Last, params.RecentWindow) || !e.Last.After(c.LastScheduled) {
		return nil
	}
	return e
}

// waitsForJob words the finding for a CronJob that may not start a second Job beside one that runs.
func waitsForJob(g *facts.Graph, c *facts.CronJobNode, finding *check.Finding) {
	finding.Severity = v1alpha1.SeverityMedium
	finding.Message = fmt.Sprintf("CronJob %s missed scheduled runs: an earlier Job is still running and concurrencyPolicy is "+
		"Forbid.", c.Name)
	finding.Evidence = append(finding.Evidence, check.FromSpec("concurrencyPolicy: Forbid"))
	for _, job := range g.Jobs {
		if job.Owner != c.Ref || job.IsFinished() {
			continue
		}
		finding.Evidence = append(finding.Evidence,
			check.FromCondition("Job %s running since %s", job.Name, job.Started.UTC().Format(time.RFC3339)))
		finding.Remediation = remedy.Sprintf("See what the Job does (`kubectl -n %[1]s logs job/%[2]s`); if it hangs, delete it: `kubectl "+
			"-n %[1]s delete job %[2]s`. Set activeDeadlineSeconds in the Job template so that it cannot hang "+
			"forever.", c.Namespace, job.Name)
		return
	}
}
