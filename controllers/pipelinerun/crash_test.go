package pipelinerun_test

import (
	"fmt"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// TestACrashAtAnyWriteLeavesOneJobForEachAttempt lets the manager crash at each of its writes, before the API server saw it or before its
// answer arrived. A manager that starts again finds what it did.
func TestACrashAtAnyWriteLeavesOneJobForEachAttempt(t *testing.T) {
	w := newWorld(t)
	first := jobStage("first")
	first.Retry = &v1alpha1.StageRetry{Attempts: 2}
	w.pipeline(v1alpha1.PipelineSpec{
		Concurrency: v1alpha1.ConcurrencyAllow, Stages: []v1alpha1.PipelineStage{first, jobStage("second", "first")},
	})
	const maxWrites = 15
	crashes := 0
	names := map[types.UID]string{}
	for _, lost := range []bool{false, true} {
		for fails := 1; fails <= maxWrites; fails++ {
			name := fmt.Sprintf("r-%d-%v", fails, lost)
			w.run(name)
			w.requests.arm(fails, lost)
			w.untilEnd(name, map[string][]int32{"first": {1, 0}, "second": {0}})
			run := w.get(name)
			w.want(run, v1alpha1.RunSucceeded, "first=Succeeded", "second=Succeeded")
			if _, writes := w.requests.counts(); writes >= fails {
				crashes++
			}
			names[run.UID] = name
		}
	}
	jobs := map[string]int{}
	for _, list := range w.jobs() {
		for _, job := range list {
			jobs[names[job.OwnerReferences[0].UID]]++
		}
	}
	for _, name := range names {
		if jobs[name] != 3 { // two attempts of the first stage, one of the second
			t.Errorf("%s: %d Jobs, want 3", name, jobs[name])
		}
	}
	if crashes < maxWrites {
		t.Errorf("%d crashes", crashes)
	}
}

// untilEnd reconciles a run to its end. Jobs end with the exit codes of their stage, one for each attempt. After an error another manager
// takes over.
func (w *world) untilEnd(name string, exitCodes map[string][]int32) {
	w.t.Helper()
	finished := map[string]bool{}
	w.throughCrashes(name, func(run *v1alpha1.PipelineRun) {
		for _, stage := range run.Status.Stages {
			if stage.Phase == v1alpha1.StageObserving && !finished[stage.Key] {
				w.finish(stage.Key, exitCodes[stage.Name][stage.Attempt-1], "")
				finished[stage.Key] = true
			}
		}
	})
}

func TestCancelStopsJobsApprovalsAndWaits(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{
		Stages: []v1alpha1.PipelineStage{jobStage("job"), approvalStage("people"), waitStage("time", time.Hour), jobStage("later", "job")},
	})
	w.run("r")
	run := w.settle("r")
	w.want(run, v1alpha1.RunRunning, "job=Observing", "people=Observing", "time=Observing")
	run.Spec.Cancel = true
	w.Update(run)
	run = w.settle("r")
	w.want(run, v1alpha1.RunCanceled, "job=Canceled/Canceled", "people=Canceled", "time=Canceled", "later=Canceled")
	if job := w.jobs()["job"][0]; !*job.Spec.Suspend {
		t.Error("the Job is not suspended")
	}
	if len(w.jobs()["later"]) != 0 {
		t.Error("a stage was started")
	}
	run.Spec.Cancel = false
	if err := w.Client.Update(t.Context(), run); err == nil {
		t.Error("cancel can be undone")
	}
}

func TestARunThatIsCanceledBeforeItStartsNeverDoes(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{Suspend: true, Stages: []v1alpha1.PipelineStage{jobStage("job")}})
	w.run("r")
	run := w.settle("r")
	w.want(run, v1alpha1.RunWaiting)
	run.Spec.Cancel = true
	w.Update(run)
	w.want(w.settle("r"), v1alpha1.RunCanceled)
	if len(w.jobs()) != 0 {
		t.Error("a Job was created")
	}
}

func TestARunWaitsWhileAQuotaLeavesItsPipelineOut(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{jobStage("job")}})
	ready := func(status metav1.ConditionStatus, reason string) {
		p := &v1alpha1.Pipeline{}
		if err := w.Client.Get(t.Context(), w.Key("p"), p); err != nil {
			t.Fatal(err)
		}
		p.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: "m", LastTransitionTime: metav1.Now(),
		}}
		if err := w.Client.Status().Update(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	ready(metav1.ConditionFalse, v1alpha1.ReasonQuotaExceeded)
	w.run("r")
	run := w.settle("r")
	w.want(run, v1alpha1.RunWaiting)
	wantReason(t, run, v1alpha1.ReasonQuotaExceeded)
	if len(w.jobs()) != 0 {
		t.Error("a Job was created")
	}
	ready(metav1.ConditionTrue, v1alpha1.ReasonSucceeded)
	w.want(w.settle("r"), v1alpha1.RunRunning, "job=Observing")
}

func TestAStageOfAFailedRunIsRetried(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{jobStage("a"), jobStage("b", "a")}})
	w.run("r")
	run := w.settle("r")
	failed := key(run, "a")
	w.finish(failed, 1, "")
	run = w.settle("r")
	w.want(run, v1alpha1.RunFailed, "a=Failed", "b=Skipped")
	run.Spec.Retries = []v1alpha1.StageAttempt{{Stage: "a", Attempt: 2}}
	w.Update(run)
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "a=Observing", "b=Waiting")
	if key(run, "a") == failed {
		t.Error("the attempts have the same key")
	}
	w.finish(key(run, "a"), 0, "")
	w.finish(key(w.settle("r"), "b"), 0, "")
	w.want(w.settle("r"), v1alpha1.RunSucceeded)
	if n := len(w.jobs()["a"]); n != 2 {
		t.Errorf("%d Jobs of a, want 2", n)
	}
}

func TestAnEditOfThePipelineChangesNothingInARun(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{jobStage("a"), jobStage("b", "a")}})
	w.run("r")
	run := w.settle("r")
	definition := &v1alpha1.Pipeline{}
	if err := w.Client.Get(t.Context(), w.Key("p"), definition); err != nil {
		t.Fatal(err)
	}
	definition.Spec.Stages = []v1alpha1.PipelineStage{jobStage("other")}
	definition.Spec.Concurrency = v1alpha1.ConcurrencyCancelPrevious
	w.Update(definition)
	w.restart()
	w.finish(key(run, "a"), 0, "")
	run = w.settle("r")
	w.want(run, v1alpha1.RunRunning, "a=Succeeded", "b=Observing")
	w.Delete(definition)
	w.finish(key(run, "b"), 0, "")
	w.want(w.settle("r"), v1alpha1.RunSucceeded)
}

func TestARunThatWasRestoredOrIsOldNeverStarts(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{jobStage("a")}})
	restored := &v1alpha1.PipelineRun{ObjectMeta: w.Meta("restored"), Spec: v1alpha1.PipelineRunSpec{
		PipelineRef: v1alpha1.LocalReference{Name: "p"},
	}}
	restored.Annotations = map[string]string{v1alpha1.AnnotationRunUID: "00000000-0000-0000-0000-000000000000"}
	w.Create(restored)
	run := w.settle("restored")
	w.want(run, v1alpha1.RunFailed)
	wantReason(t, run, v1alpha1.ReasonExpired)

	w.Clock.SetTime(w.Clock.Now().Add(v1alpha1.DefaultStartingDeadline))
	w.run("old")
	run = w.settle("old")
	w.want(run, v1alpha1.RunFailed)
	wantReason(t, run, v1alpha1.ReasonExpired)
	if len(w.jobs()) != 0 {
		t.Error("a Job was created")
	}
	if wait, err := w.step("old"); wait != 0 || err != nil {
		t.Errorf("%s, %v", wait, err)
	}
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	for name, tc := range map[string]struct {
		change     func(*v1alpha1.PipelineSpec)
		parameters []v1alpha1.ParameterValue
		reason     string
	}{
		"a cycle": {change: func(s *v1alpha1.PipelineSpec) { s.Stages[0].After = []string{"a"} }, reason: v1alpha1.ReasonInvalidPipeline},
		"an expression": {
			change: func(s *v1alpha1.PipelineSpec) { s.Stages[0].When = "params.x == ''" }, reason: v1alpha1.ReasonInvalidExpression,
		},
		"a parameter": {parameters: []v1alpha1.ParameterValue{{Name: "x", Value: "y"}}, reason: v1alpha1.ReasonInvalidParameter},
		"a field of the Job": {
			change: func(s *v1alpha1.PipelineSpec) { s.Stages[0].Job.Template.Raw = []byte(`{"spec":{"tmplate":{}}}`) },
			reason: v1alpha1.ReasonInvalidJob,
		},
		"an image that is none": {
			change: func(s *v1alpha1.PipelineSpec) {
				s.Stages[0].Job.Template.Raw = []byte(`{"spec":{"template":{"spec":{"containers":[{"name":"A_B","image":"x"}]}}}}`)
			},
			reason: v1alpha1.ReasonInvalidJob,
		},
		"another ServiceAccount": {
			change: func(s *v1alpha1.PipelineSpec) {
				s.Stages[0].Job.Template.Raw = []byte(
					`{"spec":{"template":{"spec":{"serviceAccountName":"admin","containers":[{"name":"a","image":"x"}]}}}}`)
			},
			reason: v1alpha1.ReasonInvalidJob,
		},
		"an account without permission": {
			change: func(s *v1alpha1.PipelineSpec) { s.ServiceAccountName = "default" }, reason: v1alpha1.ReasonJobForbidden,
		},
		"a missing account": {
			change: func(s *v1alpha1.PipelineSpec) { s.ServiceAccountName = "missing" }, reason: v1alpha1.ReasonServiceAccountNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			spec := v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{jobStage("a")}}
			if tc.change != nil {
				tc.change(&spec)
			}
			if spec.ServiceAccountName == "default" {
				w.account("default")
			}
			w.pipeline(spec)
			w.run("r", tc.parameters...)
			run := w.settle("r")
			wantReason(t, run, tc.reason)
			if len(w.jobs()) != 0 || run.Status.StartTime != nil {
				t.Error("the run was started")
			}
		})
	}
}

func TestRunsOfAPipelineTakeTurns(t *testing.T) {
	for policy, want := range map[v1alpha1.ConcurrencyPolicy][3]v1alpha1.RunPhase{
		v1alpha1.ConcurrencyAllow:          {v1alpha1.RunRunning, v1alpha1.RunRunning, v1alpha1.RunRunning},
		v1alpha1.ConcurrencyQueue:          {v1alpha1.RunRunning, v1alpha1.RunWaiting, v1alpha1.RunWaiting},
		v1alpha1.ConcurrencyCancelPrevious: {v1alpha1.RunCanceled, v1alpha1.RunCanceled, v1alpha1.RunRunning},
		v1alpha1.ConcurrencyReplaceQueued:  {v1alpha1.RunRunning, v1alpha1.RunCanceled, v1alpha1.RunWaiting},
	} {
		t.Run(string(policy), func(t *testing.T) {
			w := newWorld(t)
			w.pipeline(v1alpha1.PipelineSpec{Concurrency: policy, Stages: []v1alpha1.PipelineStage{waitStage("a", time.Hour)}})
			w.run("r1")
			w.settle("r1")
			w.run("r2")
			w.run("r3")
			for _, name := range []string{"r3", "r2", "r1", "r3", "r2"} { // any order gives the same
				w.settle(name)
			}
			for i, phase := range want {
				w.want(w.get(fmt.Sprintf("r%d", i+1)), phase)
			}
			if policy != v1alpha1.ConcurrencyQueue {
				return
			}
			w.pass(time.Hour, "r1")
			w.settle("r3")
			w.settle("r2")
			w.want(w.get("r2"), v1alpha1.RunRunning)
			w.want(w.get("r3"), v1alpha1.RunWaiting)
		})
	}
}

func TestJobsThatDisappearAreLost(t *testing.T) {
	w := newWorld(t)
	w.pipeline(v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{jobStage("a")}})
	w.run("r")
	w.settle("r")
	job := w.jobs()["a"][0]
	if err := w.Client.Delete(t.Context(), &job, client.PropagationPolicy(metav1.DeletePropagationBackground)); err != nil {
		t.Fatal(err)
	}
	job = batchv1.Job{}
	if err := client.IgnoreNotFound(w.Client.Get(t.Context(), w.Key(key(w.get("r"), "a")), &job)); err != nil {
		t.Fatal(err)
	}
	if len(job.Finalizers) > 0 { // no Job controller runs here
		job.Finalizers = nil
		w.Update(&job)
	}
	w.want(w.pass(time.Minute, "r"), v1alpha1.RunFailed, "a=Lost/Lost")
}
