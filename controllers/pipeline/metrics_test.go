package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/pipeline"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// TestTheFiguresOfAPipelineSurviveARestart reconciles a Pipeline with runs that ended, by a process that saw none of them.
func TestTheFiguresOfAPipelineSurviveARestart(t *testing.T) {
	n := tenant.New(t, realAPI)
	p := &v1alpha1.Pipeline{ObjectMeta: n.Meta("p"), Spec: v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{wait("a")}}}
	n.Create(p)
	now := n.Clock.Now()
	at := func(ago time.Duration) *metav1.Time {
		t := metav1.NewTime(now.Add(-ago))
		return &t
	}
	for name, d := range map[string]*v1alpha1.DeliveryStatus{
		"good": {CommitTime: at(3 * time.Hour), DeployedTime: at(2 * time.Hour)},
		"bad":  {CommitTime: at(2 * time.Hour), DeployedTime: at(time.Hour), FailedTime: at(time.Hour), RestoredTime: at(50 * time.Minute)},
		"none": nil,
	} {
		run := &v1alpha1.PipelineRun{ObjectMeta: n.Meta(name), Spec: v1alpha1.PipelineRunSpec{PipelineRef: v1alpha1.LocalReference{Name: "p"}}}
		n.Create(run)
		run.Status.Phase = v1alpha1.RunSucceeded
		run.Status.CompletionTime = at(30 * time.Minute)
		run.Status.Delivery = d
		if err := n.Client.Status().Update(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}
	n.Create(&v1alpha1.PipelineRun{
		ObjectMeta: n.Meta("waits"), Spec: v1alpha1.PipelineRunSpec{PipelineRef: v1alpha1.LocalReference{Name: "p"}},
	})
	registry := prometheus.NewRegistry()
	metrics, err := pipeline.NewMetrics(registry, n.Clock)
	if err != nil {
		t.Fatal(err)
	}
	r := pipeline.New(testsuite.NewEnvironment(t, n, prometheus.NewRegistry()), expression.Local{}, metrics)
	if _, err := testsuite.Reconcile(t, r, client.ObjectKeyFromObject(p)); err != nil {
		t.Fatal(err)
	}
	want := strings.ReplaceAll(`
# HELP kubeops_pipeline_change_failure_ratio Share of the deployments of the last 30 days whose run failed, 0 to 1.
# TYPE kubeops_pipeline_change_failure_ratio gauge
kubeops_pipeline_change_failure_ratio{namespace="NAMESPACE",pipeline="p"} 0.5
# HELP kubeops_pipeline_deployments_per_day Successful deployments per day within the last 30 days, of the runs that are kept.
# TYPE kubeops_pipeline_deployments_per_day gauge
kubeops_pipeline_deployments_per_day{namespace="NAMESPACE",pipeline="p"} 1
# HELP kubeops_pipeline_lead_time_seconds Median time from the commit, or from the request of the run, until it was deployed, within the last 30 days.
# TYPE kubeops_pipeline_lead_time_seconds gauge
kubeops_pipeline_lead_time_seconds{namespace="NAMESPACE",pipeline="p"} 3600
# HELP kubeops_pipeline_runs_active PipelineRuns in progress.
# TYPE kubeops_pipeline_runs_active gauge
kubeops_pipeline_runs_active{namespace="NAMESPACE",pipeline="p"} 0
# HELP kubeops_pipeline_runs_queued PipelineRuns that wait to start.
# TYPE kubeops_pipeline_runs_queued gauge
kubeops_pipeline_runs_queued{namespace="NAMESPACE",pipeline="p"} 1
# HELP kubeops_pipeline_time_to_restore_seconds Median time from a failed deployment until its rollback or the next successful deployment, within the last 30 days.
# TYPE kubeops_pipeline_time_to_restore_seconds gauge
kubeops_pipeline_time_to_restore_seconds{namespace="NAMESPACE",pipeline="p"} 600
`, "NAMESPACE", n.Namespace)
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	n.Delete(p)
	if _, err := testsuite.Reconcile(t, r, client.ObjectKeyFromObject(p)); err != nil {
		t.Fatal(err)
	}
	if count, err := testutil.GatherAndCount(registry); err != nil || count != 0 {
		t.Errorf("%d series of a Pipeline that was deleted, %v", count, err)
	}
}
