package job

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

const ofNightly = `, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: nightly, uid: c1, controller: true}]`

// nightly is a CronJob that runs at two in the morning, unless spec says otherwise.
func nightly(metadata, spec, status string) string {
	schedule := `schedule: "0 2 * * *", `
	if strings.Contains(spec, "schedule:") {
		schedule = ""
	}
	return checktest.Document("batch/v1", "CronJob", `name: nightly, namespace: shop, uid: c1, creationTimestamp: `+
		`"2026-01-01T00:00:00Z"`+metadata, `
spec: {`+schedule+spec+`jobTemplate: {spec: {template: {spec: {containers: [{name: migrate, image: migrate:1}]}}}}}
status: {`+status+`}`)
}

// nightlyRun is a Job of nightly.
func nightlyRun(name, created, status string) string {
	job := strings.ReplaceAll(migrate(ofNightly, "", status), "name: migrate, namespace", "name: "+name+", namespace")
	return strings.ReplaceAll(job, "2026-01-15T11:30:00Z", created)
}

func completeAt(at string) string {
	return `conditions: [{type: Complete, status: "True", lastTransitionTime: "` + at + `"}]`
}

func TestAFailingCronJobIsReported(t *testing.T) {
	failed := func(at string) string { return failedAt(at, "BackoffLimitExceeded", backoffFailure) }
	const (
		message = "CronJob/shop/nightly: The latest run of CronJob nightly failed: its Pods failed more often than backoffLimit (6) " +
			"allows."
		condition = "  condition: Failed=True (BackoffLimitExceeded): Job has reached the specified backoff limit"
	)
	lastNight := nightlyRun("nightly-2", "2026-01-15T02:00:00Z", failed("2026-01-15T02:10:00Z"))
	cases := map[string]struct {
		documents string
		want      string
	}{
		"one bad run after a good one": {
			documents: nightly("", "", `lastScheduleTime: "2026-01-15T02:00:00Z", lastSuccessfulTime: "2026-01-14T02:05:00Z"`) +
				nightlyRun("nightly-1", "2026-01-14T02:00:00Z", completeAt("2026-01-14T02:05:00Z")) + lastNight,
			want: checktest.Lines("medium "+message, condition, "  condition: latest run: Job nightly-2; last success at "+
				"2026-01-14T02:05:00Z"),
		},
		"a run that failed again": {
			documents: nightly("", "", `lastScheduleTime: "2026-01-15T02:00:00Z", lastSuccessfulTime: "2026-01-13T02:05:00Z"`) +
				nightlyRun("nightly-1", "2026-01-14T02:00:00Z", failed("2026-01-14T02:10:00Z")) + lastNight,
			want: checktest.Lines("high "+message, condition, "  condition: latest run: Job nightly-2; last success at "+
				"2026-01-13T02:05:00Z"),
		},
		"runs between the last success and now, whose Jobs are gone": {
			documents: nightly("", "",
				`lastScheduleTime: "2026-01-15T02:00:00Z", lastSuccessfulTime: "2026-01-12T02:05:00Z"`) + lastNight,
			want: checktest.Lines("high "+message, condition, "  condition: latest run: Job nightly-2; last success at "+
				"2026-01-12T02:05:00Z"),
		},
		"never a success, with how its Pod ended": {
			documents: nightly("", "", `lastScheduleTime: "2026-01-15T02:00:00Z"`) + lastNight +
				jobPod("nightly-2-a", "nightly-2", "2026-01-15T02:00:00Z", "Failed", "state: {terminated: {exitCode: 2, reason: Error, "+
					"message: no such table}}"),
			want: checktest.Lines("high "+message, condition,
				"  condition: container migrate of Pod nightly-2-a terminated with exit code 2 (Error): no such table",
				"  condition: latest run: Job nightly-2; no run has succeeded"),
		},
		"a success since then": {
			documents: nightly("", "",
				`lastScheduleTime: "2026-01-15T03:00:00Z", lastSuccessfulTime: "2026-01-15T03:05:00Z"`) + lastNight,
		},
		"a later run that is good": {
			documents: nightly("", "", `lastScheduleTime: `+
				`"2026-01-15T03:00:00Z"`) + lastNight + nightlyRun("nightly-3", "2026-01-15T03:00:00Z", completeAt("2026-01-15T03:05:00Z")),
		},
		"a run that goes on":             {documents: nightly("", "", "") + nightlyRun("nightly-3", "2026-01-15T03:00:00Z", "active: 1")},
		"suspended":                      {documents: nightly("", "suspend: true, ", "") + lastNight},
		"a CronJob without a run":        {documents: nightly("", "", "")},
		"a failed Job without a CronJob": {documents: nightly("", "", "") + migrate("", "", failed("2026-01-15T11:40:00Z"))},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "cronjob-failing", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCronJobMissedSchedule(t *testing.T) {
	missed := func(last string) string {
		return checktest.Document("v1", "Event", "name: nightly.1, namespace: shop", `
involvedObject: {kind: CronJob, namespace: shop, name: nightly, uid: c1}
type: Warning
reason: MissSchedule
message: "Missed scheduled time to start a job: Thu, 15 Jan 2026 11:30:00 UTC"
firstTimestamp: "`+last+`"
lastTimestamp: "`+last+`"`)
	}
	cases := map[string]struct {
		documents string
		want      string
	}{
		"three nights without a start": {
			documents: nightly("", "", `lastScheduleTime: "2026-01-11T02:00:00Z"`),
			want: checktest.Lines(
				"high CronJob/shop/nightly: CronJob nightly missed scheduled runs.",
				`  spec: schedule: "0 2 * * *"`,
				"  condition: due at 2026-01-12T02:00:00Z; last started at 2026-01-11T02:00:00Z"),
		},
		"never started": {
			documents: nightly("", `schedule: "*/5 * * * *", `, ""),
			want: checktest.Lines(
				"high CronJob/shop/nightly: CronJob nightly missed scheduled runs.",
				`  spec: schedule: "*/5 * * * *"`,
				"  condition: due at 2026-01-01T00:05:00Z; never started"),
		},
		"the controller says that it was too late": {
			documents: nightly("", `schedule: "30 * * * *", startingDeadlineSeconds: 5, `, `lastScheduleTime: `+
				`"2026-01-15T10:30:00Z"`) + missed("2026-01-15T11:31:00Z"),
			want: checktest.Lines(
				"high CronJob/shop/nightly: CronJob nightly missed scheduled runs.",
				`  spec: schedule: "30 * * * *"`,
				"  event: MissSchedule: Missed scheduled time to start a job: Thu, 15 Jan 2026 11:30:00 UTC",
				"  spec: startingDeadlineSeconds: 5"),
		},
		"a Job that hangs": {
			documents: nightly("", `concurrencyPolicy: Forbid, `, `lastScheduleTime: "2026-01-11T02:00:00Z", active: [{kind: Job, `+
				`name: nightly-1}]`) +
				nightlyRun("nightly-1", "2026-01-11T02:00:00Z", `active: 1, startTime: "2026-01-11T02:00:00Z"`),
			want: checktest.Lines(
				"medium CronJob/shop/nightly: CronJob nightly missed scheduled runs: an earlier Job is still running and "+
					"concurrencyPolicy is Forbid.",
				`  spec: schedule: "0 2 * * *"`,
				"  condition: due at 2026-01-12T02:00:00Z; last started at 2026-01-11T02:00:00Z",
				"  spec: concurrencyPolicy: Forbid",
				"  condition: Job nightly-1 running since 2026-01-11T02:00:00Z"),
		},
		"one missed run may still come": {documents: nightly("", "", `lastScheduleTime: "2026-01-13T02:00:00Z"`)},
		"within ten minutes":            {documents: nightly("", `schedule: "* * * * *", `, `lastScheduleTime: "2026-01-15T11:52:00Z"`)},
		"an event of before it started": {documents: nightly("", `schedule: "30 * * * *", `, `lastScheduleTime: `+
			`"2026-01-15T11:31:00Z"`) + missed("2026-01-15T11:30:30Z")},
		"suspended": {documents: nightly("", "suspend: true, ", `lastScheduleTime: "2026-01-01T02:00:00Z"`)},
		"resumed just now after a long rest": {
			documents: nightly(`, managedFields: [{manager: kubectl, operation: Update, apiVersion: batch/v1, time: `+
				`"2026-01-15T11:59:00Z"}]`, "", `lastScheduleTime: "2026-01-01T02:00:00Z"`),
		},
		"weekdays only, on a weekend that has just begun": {
			documents: nightly("", `schedule: "0 2 * * 1", `, `lastScheduleTime: "2026-01-05T02:00:00Z"`),
		},
		"in the zone of its own": {
			documents: nightly("", `schedule: "0 2 * * *", timeZone: Asia/Tokyo, `, `lastScheduleTime: "2026-01-14T17:00:00Z"`),
		},
		"a schedule that has a check of its own": {documents: nightly("", `schedule: "never", `, "")},
		"on time":                                {documents: nightly("", "", `lastScheduleTime: "2026-01-15T02:00:00Z"`)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "cronjob-missed-schedule", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCronJobInvalidSchedule(t *testing.T) {
	cases := map[string]struct {
		documents string
		want      string
	}{
		"too few fields": {
			documents: nightly("", `schedule: "0 2 * *", `, ""),
			want: checktest.Lines(
				`high CronJob/shop/nightly: CronJob nightly never starts: the schedule "0 2 * *" cannot be read: expected exactly 5 `+
					`fields, found 4: [0 2 * *].`,
				`  spec: schedule: "0 2 * *"`),
		},
		"a date that does not exist": {
			documents: nightly("", `schedule: "0 0 31 2 *", `, ""),
			want: checktest.Lines(
				"high CronJob/shop/nightly: CronJob nightly never starts: its schedule has no date in the next five years.",
				`  spec: schedule: "0 0 31 2 *"`),
		},
		"an unknown zone": {
			documents: nightly("", `timeZone: Europe/Atlantis, `, ""),
			want: checktest.Lines(
				`high CronJob/shop/nightly: CronJob nightly never starts: the time zone "Europe/Atlantis" is not known.`,
				`  spec: schedule: "0 2 * * *"`,
				`  spec: timeZone: "Europe/Atlantis"`),
		},
		"a prefix that the parser trips over": {
			documents: nightly("", `schedule: "TZ=0", `, ""),
			want: checktest.Lines(
				`high CronJob/shop/nightly: CronJob nightly never starts: the schedule "TZ=0" cannot be read.`,
				`  spec: schedule: "TZ=0"`),
		},
		"suspended":                    {documents: nightly("", `suspend: true, schedule: "no", `, "")},
		"a name for a schedule":        {documents: nightly("", `schedule: "@hourly", `, "")},
		"a leap day":                   {documents: nightly("", `schedule: "0 0 29 2 *", `, "")},
		"a zone":                       {documents: nightly("", `timeZone: Europe/Berlin, `, "")},
		"a zone within the schedule":   {documents: nightly("", `schedule: "CRON_TZ=Asia/Tokyo 0 2 * * *", `, "")},
		"an interval, in another zone": {documents: nightly("", `schedule: "@every 90m", timeZone: Asia/Tokyo, `, "")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "cronjob-invalid-schedule", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
