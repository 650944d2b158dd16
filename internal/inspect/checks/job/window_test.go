package job

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestRunsThatDoNotFitTheirWindowAreReported(t *testing.T) {
	// cron runs every five minutes; the last run began a minute ago.
	cron := func(spec, status string) string {
		return checktest.Document("batch/v1", "CronJob", `name: sync, namespace: shop, uid: c, creationTimestamp: "2026-01-15T09:00:00Z"`,
			"spec: {schedule: '*/5 * * * *'"+spec+", jobTemplate: {spec: {template: {spec: {containers: [{name: a, image: i}]}}}}}\n"+
				`status: {lastScheduleTime: "2026-01-15T11:55:00Z"`+status+"}")
	}
	run := func(name, created, conditions string) string {
		return checktest.Document("batch/v1", "Job", "name: "+name+`, namespace: shop, creationTimestamp: "2026-01-15T`+created+`:00Z", `+
			"ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: sync, uid: c, controller: true}]",
			"spec: {}\nstatus: {active: 1"+conditions+"}")
	}
	const (
		replace = ", concurrencyPolicy: Replace"
		active  = ", active: [{name: sync-1}]"
		message = "high CronJob/shop/sync [replaced]: CronJob sync never completes a run: each is replaced by the next one before it ends."
		window  = `  spec: schedule: "*/5 * * * *", concurrencyPolicy: Replace: a run has 5m0s`
		runs    = "  condition: Job sync-1 runs"
	)
	one := run("sync-1", "11:55", "")
	deadline := checktest.Lines("medium CronJob/shop/sync [deadline]: CronJob sync skips runs by chance: startingDeadlineSeconds is below "+
		"the ten seconds in which the controller looks once.", "  spec: startingDeadlineSeconds: 5")
	checktest.RunTextCases(t, Checks(), "cronjob-window-too-short", map[string]checktest.TextCase{
		"never a success": {cron(replace, active) + one, checktest.Lines(message, window,
			"  condition: no run has succeeded; last started at 2026-01-15T11:55:00Z", runs)},
		"none for an hour": {cron(replace, active+`, lastSuccessfulTime: "2026-01-15T11:00:00Z"`) + one, checktest.Lines(message, window,
			"  condition: last success at 2026-01-15T11:00:00Z; last started at 2026-01-15T11:55:00Z", runs)},
		"a success of late":    {cron(replace, active+`, lastSuccessfulTime: "2026-01-15T11:46:00Z"`) + one, ""},
		"runs end, and fail":   {cron(replace, active) + one + run("sync-0", "11:50", ", conditions: [{type: Failed, status: 'True'}]"), ""},
		"failures are deleted": {cron(replace+", failedJobsHistoryLimit: 0", active) + one, ""},
		"concurrency Allow":    {cron("", active) + one, ""},
		"nothing runs":         {cron(replace, ""), ""},
		"suspended":            {cron(replace+", suspend: true, startingDeadlineSeconds: 5", active) + one, ""},
		"an unreadable schedule": {checktest.Document("batch/v1", "CronJob", "name: sync, namespace: shop",
			"spec: {schedule: 'TZ=x', concurrencyPolicy: Replace}\nstatus: {active: [{name: a}]}"), ""},
		"a deadline of 5 seconds":  {cron(", startingDeadlineSeconds: 5", ""), deadline},
		"a deadline of 10 seconds": {cron(", startingDeadlineSeconds: 10", ""), ""},
	})
}
