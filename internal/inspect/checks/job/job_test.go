package job

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// migrate is a Job; owner is more of its metadata.
func migrate(owner, spec, status string) string {
	return checktest.Document("batch/v1", "Job", `name: migrate, namespace: shop, uid: j1, creationTimestamp: `+
		`"2026-01-15T11:30:00Z"`+owner, `
spec: {`+spec+`template: {spec: {containers: [{name: migrate, image: migrate:1}]}}}
status: {`+status+`}`)
}

// failedAt is the condition of a Job that failed.
func failedAt(at, reason, message string) string {
	return `conditions: [{type: FailureTarget, status: "True", reason: ` + reason + `, lastTransitionTime: "` + at + `"},
  {type: Failed, status: "True", reason: ` + reason + `, message: ` + message + `, lastTransitionTime: "` + at + `"}]`
}

// jobPod is a Pod of a Job with the status of its container.
func jobPod(name, job, created, phase, state string) string {
	return checktest.Document("v1", "Pod", `name: `+name+`, namespace: shop, creationTimestamp: "`+created+`",
  ownerReferences: [{apiVersion: batch/v1, kind: Job, name: `+job+`, uid: j1, controller: true}]`, `
spec: {containers: [{name: migrate, image: migrate:1}]}
status: {phase: `+phase+`, containerStatuses: [{name: migrate, image: migrate:1, imageID: "", ready: false, restartCount: 0, `+state+`}]}`)
}

const backoffFailure = "Job has reached the specified backoff limit"

func TestAFailedJobIsReported(t *testing.T) {
	const conditionText = "  condition: Failed=True (BackoffLimitExceeded): Job has reached the specified backoff limit"
	exit := func(code, at string) string {
		return `state: {terminated: {exitCode: ` + code + `, reason: Error, startedAt: "2026-01-15T11:30:10Z", finishedAt: "` + at + `"}}`
	}
	cases := map[string]struct {
		documents string
		want      string
	}{
		"with the exit of its newest failed Pod": {
			documents: migrate("", "backoffLimit: 2, ",
				"failed: 3, "+failedAt("2026-01-15T11:40:00Z", "BackoffLimitExceeded", backoffFailure)) +
				jobPod("migrate-a", "migrate", "2026-01-15T11:30:00Z", "Failed", exit("1", "2026-01-15T11:30:15Z")) +
				jobPod("migrate-b", "migrate", "2026-01-15T11:38:00Z", "Failed", exit("3", "2026-01-15T11:31:40Z")) +
				jobPod("migrate-c", "migrate", "2026-01-15T11:39:00Z", "Succeeded", exit("9", "2026-01-15T11:31:40Z")),
			want: checktest.Lines(
				"high Job/shop/migrate: Job migrate failed: its Pods failed more often than backoffLimit (2) allows.",
				conditionText,
				"  condition: container migrate of Pod migrate-b terminated with exit code 3 (Error) after 1m30s"),
		},
		"with Pods that are gone": {
			documents: migrate("", "backoffLimit: 0, ",
				"failed: 1, "+failedAt("2026-01-15T11:40:00Z", "BackoffLimitExceeded", backoffFailure)),
			want: checktest.Lines(
				"high Job/shop/migrate: Job migrate failed: its Pod failed and backoffLimit is 0.",
				conditionText,
				"  condition: failed Pods: 1; none still exists"),
		},
		"past its deadline": {
			documents: migrate("", "activeDeadlineSeconds: 600, ",
				failedAt("2026-01-15T11:40:00Z", "DeadlineExceeded", "Job was active longer than specified deadline")),
			want: checktest.Lines(
				"high Job/shop/migrate: Job migrate failed: it exceeded activeDeadlineSeconds (10m).",
				"  condition: Failed=True (DeadlineExceeded): Job was active longer than specified deadline"),
		},
		"by its failure policy": {
			documents: migrate("", "", failedAt("2026-01-15T11:40:00Z", "PodFailurePolicy", "Container migrate for pod shop/migrate-a "+
				"failed with exit code 42 matching FailJob rule at index 0")),
			want: checktest.Lines(
				"high Job/shop/migrate: Job migrate failed: a Pod failure matched a FailJob rule of its podFailurePolicy.",
				"  condition: Failed=True (PodFailurePolicy): Container migrate for pod shop/migrate-a failed with exit code 42 "+
					"matching FailJob rule at index 0"),
		},
		"in too many of its indexes": {
			documents: migrate("", "", failedAt("2026-01-15T11:40:00Z", "FailedIndexes", "Job has failed indexes")),
			want: checktest.Lines(
				"high Job/shop/migrate: Job migrate failed: too many of its indexes failed.",
				"  condition: Failed=True (FailedIndexes): Job has failed indexes"),
		},
		"for a reason of a newer Kubernetes": {
			documents: migrate("", "", failedAt("2026-01-15T11:40:00Z", "ManagedElsewhere", "see there")),
			want: checktest.Lines(
				"high Job/shop/migrate: Job migrate failed: the reason is ManagedElsewhere.",
				"  condition: Failed=True (ManagedElsewhere): see there"),
		},
		"failed long ago": {documents: migrate("", "", failedAt("2026-01-15T09:00:00Z", "BackoffLimitExceeded", backoffFailure))},
		"failed and is gone": {documents: migrate(`, deletionTimestamp: "2026-01-15T11:50:00Z", `+
			`finalizers: [x]`, "", failedAt("2026-01-15T11:40:00Z", "BackoffLimitExceeded", backoffFailure))},
		"complete": {documents: migrate("", "", `conditions: [{type: Complete, status: "True", lastTransitionTime: `+
			`"2026-01-15T11:40:00Z"}]`)},
		"still trying": {documents: migrate("", "", "active: 1, failed: 2")},
		"suspended":    {documents: migrate("", "suspend: true, ", `conditions: [{type: Suspended, status: "True"}]`)},
		"of a CronJob, which is judged as a whole": {
			documents: nightly("", "", "") + migrate(ofNightly, "", failedAt("2026-01-15T11:40:00Z", "BackoffLimitExceeded", backoffFailure)),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "job-failed", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestFailedJobsNameTheLogToRead(t *testing.T) {
	failedJob := migrate("", "", failedAt("2026-01-15T11:40:00Z", "BackoffLimitExceeded", backoffFailure))
	cases := map[string]struct {
		documents string
		want      *check.LogRef
	}{
		"of a container that has ended": {
			documents: failedJob + jobPod("migrate-a", "migrate", "2026-01-15T11:30:00Z", "Failed", "state: {terminated: {exitCode: 1}}"),
			want:      &check.LogRef{Namespace: "shop", Pod: "migrate-a", Container: "migrate"},
		},
		"of a container that is about to be started again": {
			documents: failedJob + jobPod("migrate-a", "migrate", "2026-01-15T11:30:00Z", "Running",
				"state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1}}"),
			want: &check.LogRef{Namespace: "shop", Pod: "migrate-a", Container: "migrate", Previous: true},
		},
		"of its Pods, by the beginning of their names, when none is left": {
			documents: failedJob,
			want:      &check.LogRef{Namespace: "shop", PodPrefix: "migrate-", Ended: testkit.Now().Add(-20 * time.Minute)},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			findings := jobFailed(testkit.Graph(t, c.documents), check.DefaultParams())
			if len(findings) != 1 {
				t.Fatalf("%d findings, want 1", len(findings))
			}
			if diff := cmp.Diff(c.want, findings[0].Logs); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
