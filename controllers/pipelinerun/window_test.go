package pipelinerun_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// evening is a window in the evening, of any stage or of some.
func evening(stages ...string) v1alpha1.PipelineWindow {
	return v1alpha1.PipelineWindow{
		Name: "evening", Type: v1alpha1.WindowAllow, Cron: "0 22 * * *", Duration: metav1.Duration{Duration: time.Hour}, Stages: stages,
	}
}

// nextTenPM is the next opening of the window after the time of the clock.
func (w *world) nextTenPM() time.Time {
	now := w.Clock.Now().UTC()
	at := time.Date(now.Year(), now.Month(), now.Day(), 22, 0, 0, 0, time.UTC)
	if !at.After(now) {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

// outsideOfWindow moves the clock to noon.
func (w *world) outsideOfWindow() {
	now := w.Clock.Now().UTC()
	w.Clock.SetTime(time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.UTC))
}

func TestARunWaitsForTheWindowOfItsFirstStage(t *testing.T) {
	w := newWorld(t)
	w.outsideOfWindow()
	w.pipeline(v1alpha1.PipelineSpec{Windows: []v1alpha1.PipelineWindow{evening()}, Stages: []v1alpha1.PipelineStage{
		waitStage("a", time.Second), waitStage("b", time.Second, "a"),
	}})
	w.run("r")
	run := w.settle("r")
	w.want(run, v1alpha1.RunWaiting)
	wantReason(t, run, v1alpha1.ReasonWindowClosed)
	opens := w.nextTenPM()
	if run.Status.NextOpening == nil || !run.Status.NextOpening.Time.Equal(opens) {
		t.Errorf("next opening %v, want %s", run.Status.NextOpening, opens)
	}
	w.Clock.SetTime(opens)
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "a=Observing")
	if run.Status.NextOpening != nil {
		t.Errorf("a run that started waits until %s", run.Status.NextOpening)
	}
	w.Clock.SetTime(opens.Add(time.Hour)) // a ends when the window has closed, and b waits for the next one
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "a=Succeeded", "b=Waiting/WindowClosed")
	w.Clock.SetTime(w.nextTenPM())
	w.settle("r")
	w.want(w.pass(time.Second, "r"), v1alpha1.RunSucceeded)
}

func TestAnApprovalWithAReasonStartsAStageOutsideOfItsWindow(t *testing.T) {
	w := newWorld(t)
	w.outsideOfWindow()
	w.pipeline(v1alpha1.PipelineSpec{
		WindowOverride: true, Windows: []v1alpha1.PipelineWindow{evening()},
		Stages: []v1alpha1.PipelineStage{waitStage("a", time.Second)},
	})
	w.run("r")
	run := w.settle("r")
	w.want(run, v1alpha1.RunRunning, "a=Waiting/WindowClosed")
	approve := func(who, comment string, decision v1alpha1.ApprovalDecision) {
		t.Helper()
		err := w.approve(run, "a", who, func(s *v1alpha1.ApprovalSpec) {
			s.Attempt = 1
			s.Comment = comment
			s.Decision = decision
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	approve("alice", "", v1alpha1.DecisionApprove) // without a reason
	approve("alice", "not now", v1alpha1.DecisionReject)
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "a=Waiting/WindowClosed")
	approve("bob", "the shop is down", v1alpha1.DecisionApprove)
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "a=Observing")
	if got := run.Status.Stage("a").Override; got != "bob: the shop is down" {
		t.Errorf("override %q", got)
	}
	w.want(w.pass(time.Second, "r"), v1alpha1.RunSucceeded)
}
