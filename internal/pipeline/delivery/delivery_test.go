package delivery

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func start() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// at is a time in minutes after the start.
func at(minutes int) *metav1.Time {
	t := metav1.NewTime(start().Add(time.Duration(minutes) * time.Minute))
	return &t
}

// done is a stage that ended after some minutes.
func done(of v1alpha1.StageType, phase v1alpha1.StagePhase, minutes int) v1alpha1.StageStatus {
	return v1alpha1.StageStatus{Name: string(of), Type: of, Phase: phase, StartTime: at(minutes - 1), CompletionTime: at(minutes)}
}

func rolledBack(s v1alpha1.StageStatus, phase v1alpha1.StagePhase, minutes int) v1alpha1.StageStatus {
	s.Rollback = &v1alpha1.RollbackStatus{Phase: phase, CompletionTime: at(minutes)}
	return s
}

func final(s v1alpha1.StageStatus) v1alpha1.StageStatus {
	s.Finally = true
	return s
}

func TestWhatARunDelivered(t *testing.T) {
	const ok, failed = v1alpha1.StageSucceeded, v1alpha1.StageFailed
	skipped := v1alpha1.StageStatus{Name: "deploy", Type: v1alpha1.StageDeploy, Phase: v1alpha1.StageSkipped, CompletionTime: at(3)}
	for name, tc := range map[string]struct {
		phase  v1alpha1.RunPhase
		stages []v1alpha1.StageStatus
		want   *v1alpha1.DeliveryStatus
	}{
		"no deployment":  {v1alpha1.RunSucceeded, []v1alpha1.StageStatus{done(v1alpha1.StageJob, ok, 1)}, nil},
		"a deployment":   {v1alpha1.RunSucceeded, []v1alpha1.StageStatus{done(v1alpha1.StageDeploy, ok, 2)}, &v1alpha1.DeliveryStatus{DeployedTime: at(2)}},
		"a bundle":       {v1alpha1.RunSucceeded, []v1alpha1.StageStatus{done(v1alpha1.StageBundle, ok, 2)}, &v1alpha1.DeliveryStatus{DeployedTime: at(2)}},
		"a commit alone": {v1alpha1.RunSucceeded, []v1alpha1.StageStatus{done(v1alpha1.StageCommit, ok, 2)}, &v1alpha1.DeliveryStatus{DeployedTime: at(2)}},
		"a commit that is deployed": {
			v1alpha1.RunSucceeded, []v1alpha1.StageStatus{done(v1alpha1.StageCommit, ok, 2), done(v1alpha1.StageDeploy, ok, 5)},
			&v1alpha1.DeliveryStatus{DeployedTime: at(5)},
		},
		"the last of two": {
			v1alpha1.RunSucceeded, []v1alpha1.StageStatus{done(v1alpha1.StageDeploy, ok, 7), done(v1alpha1.StageBundle, ok, 5)},
			&v1alpha1.DeliveryStatus{DeployedTime: at(7)},
		},
		"a deployment that was skipped": {v1alpha1.RunSucceeded, []v1alpha1.StageStatus{done(v1alpha1.StageCommit, ok, 2), skipped}, nil},
		"a failure before it":           {v1alpha1.RunFailed, []v1alpha1.StageStatus{done(v1alpha1.StageBuild, failed, 2), skipped}, nil},
		"a cancellation":                {v1alpha1.RunCanceled, []v1alpha1.StageStatus{done(v1alpha1.StageDeploy, ok, 2)}, nil},
		"a deployment that failed":      {v1alpha1.RunFailed, []v1alpha1.StageStatus{done(v1alpha1.StageDeploy, failed, 2)}, &v1alpha1.DeliveryStatus{FailedTime: at(2)}},
		"a gate that failed afterwards": {
			v1alpha1.RunFailed, []v1alpha1.StageStatus{done(v1alpha1.StageDeploy, ok, 2), done(v1alpha1.StageLogs, failed, 9)},
			&v1alpha1.DeliveryStatus{DeployedTime: at(2), FailedTime: at(9)},
		},
		"a rollback": {
			v1alpha1.RunFailed, []v1alpha1.StageStatus{rolledBack(done(v1alpha1.StageDeploy, ok, 2), ok, 12), done(v1alpha1.StageLogs, failed, 9)},
			&v1alpha1.DeliveryStatus{DeployedTime: at(2), FailedTime: at(9), RestoredTime: at(12)},
		},
		"a rollback that failed": {
			v1alpha1.RunFailed,
			[]v1alpha1.StageStatus{rolledBack(done(v1alpha1.StageDeploy, ok, 2), failed, 12), done(v1alpha1.StageLogs, failed, 9)},
			&v1alpha1.DeliveryStatus{DeployedTime: at(2), FailedTime: at(9)},
		},
		"a notice that failed": {
			v1alpha1.RunFailed, []v1alpha1.StageStatus{done(v1alpha1.StageDeploy, ok, 2), final(done(v1alpha1.StageNotify, failed, 9))},
			&v1alpha1.DeliveryStatus{DeployedTime: at(2)},
		},
		"in progress": {v1alpha1.RunRunning, []v1alpha1.StageStatus{done(v1alpha1.StageDeploy, ok, 2)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			run := &v1alpha1.PipelineRun{Status: v1alpha1.PipelineRunStatus{Phase: tc.phase, CompletionTime: at(20), Stages: tc.stages}}
			if diff := cmp.Diff(tc.want, Summarize(run)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// run that ended after some minutes with what it delivered.
func run(minutes int, change func(*v1alpha1.DeliveryStatus)) v1alpha1.PipelineRun {
	d := &v1alpha1.DeliveryStatus{DeployedTime: at(minutes), CommitTime: at(minutes - 60)}
	if change != nil {
		change(d)
	}
	return v1alpha1.PipelineRun{
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: *at(minutes - 10)},
		Status:     v1alpha1.PipelineRunStatus{CompletionTime: at(minutes), Delivery: d},
	}
}

func TestTheFourFigures(t *testing.T) {
	const day = 24 * 60
	fails := func(minutes int) func(*v1alpha1.DeliveryStatus) {
		return func(d *v1alpha1.DeliveryStatus) { d.FailedTime = at(minutes) }
	}
	restored := func(failed, restored int) func(*v1alpha1.DeliveryStatus) {
		return func(d *v1alpha1.DeliveryStatus) { d.FailedTime, d.RestoredTime = at(failed), at(restored) }
	}
	none := Figures{PerDay: -1, Lead: -1, FailureRate: -1, Restore: -1}
	for name, tc := range map[string]struct {
		runs []v1alpha1.PipelineRun
		now  int
		want Figures
	}{
		"no run":            {nil, day, none},
		"runs without":      {[]v1alpha1.PipelineRun{{}}, day, none},
		"one, a minute ago": {[]v1alpha1.PipelineRun{run(0, nil)}, 1, Figures{1, time.Hour, 0, -1}},
		"four in two days":  {[]v1alpha1.PipelineRun{run(0, nil), run(100, nil), run(200, nil), run(300, nil)}, 2 * day, Figures{2, time.Hour, 0, -1}},
		"without the commit": {
			[]v1alpha1.PipelineRun{run(0, func(d *v1alpha1.DeliveryStatus) { d.CommitTime = nil })}, day, Figures{1, 10 * time.Minute, 0, -1},
		},
		"a commit from the future": {
			[]v1alpha1.PipelineRun{run(0, func(d *v1alpha1.DeliveryStatus) { d.CommitTime = at(500) })}, day, Figures{1, 10 * time.Minute, 0, -1},
		},
		"restored by the next": {
			[]v1alpha1.PipelineRun{run(0, nil), run(100, fails(90)), run(130, fails(120)), run(150, nil)}, day,
			Figures{2, time.Hour, 0.5, time.Hour},
		},
		"restored by a rollback": {
			[]v1alpha1.PipelineRun{run(0, nil), run(100, restored(90, 95))}, day, Figures{1, time.Hour, 0.5, 5 * time.Minute},
		},
		"not restored": {[]v1alpha1.PipelineRun{run(0, nil), run(100, fails(90))}, day, Figures{1, time.Hour, 0.5, -1}},
		"a failure before the window, restored within": {
			[]v1alpha1.PipelineRun{run(0, fails(-10)), run(day, nil)}, 30*day + 1, Figures{1.0 / 30, time.Hour, 0, (day + 10) * time.Minute},
		},
		"nothing for 30 days": {[]v1alpha1.PipelineRun{run(0, nil)}, 40 * day, Figures{0, -1, -1, -1}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Compute(Of(tc.runs), at(tc.now).Time)
			if math.Abs(got.PerDay-tc.want.PerDay) > 1e-9 || got.Lead != tc.want.Lead || got.FailureRate != tc.want.FailureRate ||
				got.Restore != tc.want.Restore {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}
