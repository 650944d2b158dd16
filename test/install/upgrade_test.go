package install

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// maxTakeover is the longest time without a run that an upgrade may cause.
const maxTakeover = 20 * time.Second

// work is an Inspection that runs every 2 seconds, and a run of a Pipeline whose Job takes longer than the upgrade of a Deployment.
const work = `
apiVersion: v1
kind: Namespace
metadata: {name: upgrade}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: kubeops, namespace: upgrade}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: upgrade-kubeops-inspector}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeops-inspector}
subjects: [{kind: ServiceAccount, name: kubeops, namespace: upgrade}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kubeops-pipeline-jobs, namespace: upgrade}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubeops-pipeline-jobs}
subjects: [{kind: ServiceAccount, name: kubeops, namespace: upgrade}]
---
apiVersion: kubeops.io/v1alpha1
kind: Inspection
metadata: {name: steady, namespace: upgrade}
spec:
  schedule: "@every 2s"
  keepReports: 100
---
apiVersion: kubeops.io/v1alpha1
kind: Pipeline
metadata: {name: slow, namespace: upgrade}
spec:
  stages:
  - name: job
    type: job
    job:
      template:
        spec:
          template:
            spec:
              containers:
              - name: sleep
                image: kubeops.local/busybox:1
                command: [sleep, "45"]
  - {name: after, type: wait, after: [job], wait: {duration: 1s}}
---
apiVersion: kubeops.io/v1alpha1
kind: PipelineRun
metadata: {name: slow-1, namespace: upgrade}
spec:
  pipelineRef: {name: slow}
`

// upgrade the release while an Inspection and a PipelineRun run.
func (c *cluster) upgrade(t *testing.T) {
	c.apply(t, work)
	eventually(t, time.Minute, func(ctx context.Context) string {
		jobs := &batchv1.JobList{}
		if err := c.client.List(ctx, jobs, client.InNamespace("upgrade")); err != nil {
			return err.Error()
		}
		if len(jobs.Items) != 1 || jobs.Items[0].Status.Active != 1 {
			return fmt.Sprintf("%d Jobs", len(jobs.Items))
		}
		return ""
	})
	active := c.activeRun(t)
	began := time.Now()
	c.release(t, append([]string{"upgrade", "kubeops", "charts/kubeops", "--wait", "--timeout=3m"}, values(next)...)...)
	t.Logf("upgraded after %s", time.Since(began).Round(time.Second))
	c.checkPods(t, next)

	run := &v1alpha1.PipelineRun{}
	eventually(t, 2*time.Minute, func(ctx context.Context) string {
		if err := c.client.Get(ctx, client.ObjectKey{Namespace: "upgrade", Name: "slow-1"}, run); err != nil {
			return err.Error()
		}
		if !run.Status.Phase.Ended() {
			return fmt.Sprintf("the run is %s: %+v", run.Status.Phase, run.Status.Stages)
		}
		return ""
	})
	if run.Status.Phase != v1alpha1.RunSucceeded || run.Status.CompletionTime.Time.Before(began) {
		t.Errorf("the run is %s since %s: %+v", run.Status.Phase, run.Status.CompletionTime, run.Status.Stages)
	}
	jobs := &batchv1.JobList{}
	if err := c.client.List(t.Context(), jobs, client.InNamespace("upgrade")); err != nil || len(jobs.Items) != 1 {
		t.Errorf("%d Jobs, %v", len(jobs.Items), err)
	}
	c.checkReports(t, active)
}

// activeRun waits until a run of the Inspection is in progress.
func (c *cluster) activeRun(t *testing.T) (active *v1alpha1.InspectionRun) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for time.Now().Before(deadline) {
		inspection := &v1alpha1.Inspection{}
		if err := c.client.Get(t.Context(), client.ObjectKey{Namespace: "upgrade", Name: "steady"}, inspection); err != nil {
			t.Fatal(err)
		}
		if inspection.Status.ActiveRun != nil && inspection.Status.ActiveRun.ScheduledTime != nil {
			return inspection.Status.ActiveRun
		}
	}
	t.Fatal("no run is in progress within a minute")
	return nil
}

// checkReports checks that each scheduled time has one report, that the run which was in progress has one, and that no time without runs
// is longer than a takeover.
func (c *cluster) checkReports(t *testing.T, active *v1alpha1.InspectionRun) {
	t.Helper()
	reports := &v1alpha1.InspectionReportList{}
	if err := c.client.List(t.Context(), reports, client.InNamespace("upgrade")); err != nil {
		t.Fatal(err)
	}
	var times []metav1.Time
	for _, report := range reports.Items {
		if at := report.Summary.ScheduledTime; at != nil { // the first run is for the new Inspection itself
			times = append(times, *at)
		}
	}
	slices.SortFunc(times, func(a, b metav1.Time) int { return a.Compare(b.Time) })
	longest := time.Duration(0)
	for i := 1; i < len(times); i++ {
		gap := times[i].Sub(times[i-1].Time)
		longest = max(longest, gap)
		if gap == 0 {
			t.Errorf("two reports for %s", times[i])
		}
	}
	of := func(at metav1.Time) bool { return at.Equal(active.ScheduledTime) }
	if !slices.ContainsFunc(times, of) {
		t.Errorf("the run for %s, which was in progress at the upgrade, has no report", active.ScheduledTime)
	}
	if longest > maxTakeover {
		t.Errorf("for %s there was no run", longest)
	}
	t.Logf("%d reports; the longest time between two runs was %s", len(times), longest)
}
