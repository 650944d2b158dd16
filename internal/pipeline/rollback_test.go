package pipeline

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// reverting is a server whose work can be undone. It records the order in which work and rollbacks start.
type reverting struct {
	*server
	undo  *server
	order []string
	asked int
	// unreadable fails the reading of the previous state.
	unreadable error
}

func (r *reverting) Previous(context.Context, Attempt) (string, error) {
	r.asked++
	return "before", r.unreadable
}

func (r *reverting) Start(ctx context.Context, a Attempt) (string, error) {
	if a.Previous != "before" {
		return "", problem.UserError("NoPrevious", nil, "the previous state is not stored")
	}
	return r.server.Start(ctx, a)
}

func (r *reverting) Rollback() Driver { return &undoing{r.undo, r} }

type undoing struct {
	*server
	of *reverting
}

func (u *undoing) Start(ctx context.Context, a Attempt) (string, error) {
	if a.Undo == nil || a.Previous != "before" || a.Undo.Handle == "" || len(a.Undo.Keys) != 1 {
		return "", problem.UserError("NotTold", nil, "%+v", a.Undo)
	}
	u.of.order = append(u.of.order, a.Stage.Name)
	return u.server.Start(ctx, a)
}

func newReverting(t *testing.T, spec v1alpha1.PipelineSpec) (*machine, *reverting) {
	t.Helper()
	m := newMachine(t, spec)
	r := &reverting{server: m.server, undo: newServer()}
	r.undo.ends = Succeeded
	r.undo.outputs = map[string]string{v1alpha1.OutputRevision: "old"}
	m.engine.Drivers[v1alpha1.StageJob] = r
	return m, r
}

func rolling(stage v1alpha1.PipelineStage) v1alpha1.PipelineStage {
	stage.OnFailure = v1alpha1.FailureRollback
	return stage
}

func TestAFailureUndoesTheStagesInReverseOrderBeforeFinally(t *testing.T) {
	m, r := newReverting(t, v1alpha1.PipelineSpec{
		Stages:  []v1alpha1.PipelineStage{rolling(stage("c", "b")), stage("b", "a"), stage("a")},
		Finally: []v1alpha1.PipelineStage{stage("f")},
	})
	m.settle()
	m.finish("a", Succeeded)
	m.finish("b", Succeeded)
	m.finish("c", Failed)
	m.want(v1alpha1.RunFinishing, "f=Waiting")
	for range 10 {
		m.pass(observeInterval)
	}
	m.want(v1alpha1.RunFinishing, "f=Observing")
	if !slices.Equal(r.order, []string{"c", "b", "a"}) || r.asked != 4 { // f, too
		t.Errorf("order %v, asked %d times", r.order, r.asked)
	}
	for _, name := range r.order {
		if s := m.stored.Status.Stage(name); s.Rollback.Phase != v1alpha1.StageSucceeded || s.Rollback.Revision != "old" || s.Rollback.Key == s.Key {
			t.Errorf("%s: %+v", name, s.Rollback)
		}
	}
	if m.stored.Status.Stage("f").Rollback != nil {
		t.Error("a stage of finally is rolled back")
	}
	m.finish("f", Succeeded)
	m.want(v1alpha1.RunFailed)
}

func TestNoCrashStartsARollbackTwice(t *testing.T) {
	for _, lose := range []bool{false, true} {
		for fails := 1; fails <= 24; fails++ {
			t.Run(fmt.Sprintf("store %d fails, lost answer %v", fails, lose), func(t *testing.T) {
				m, r := newReverting(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a"), rolling(stage("b", "a"))}})
				m.fails, r.undo.loseAnswer = fails, lose
				for range 40 {
					m.pass(absenceDelay)
					for name, state := range map[string]State{"a": Succeeded, "b": Failed} {
						if s := m.stored.Status.Stage(name); s.Phase == v1alpha1.StageObserving {
							m.server.states[s.Key] = state
						}
					}
				}
				m.want(v1alpha1.RunFailed, "a=Succeeded", "b=Failed")
				m.wantStarts(2)
				if len(r.undo.starts) != 2 {
					t.Errorf("rollbacks: %v", r.undo.starts)
				}
				for key, n := range r.undo.starts {
					if n != 1 {
						t.Errorf("rollback %s was started %d times", key, n)
					}
				}
			})
		}
	}
}

func TestARollbackThatCannotBeDoneIsAReasonAndTheOthersFollow(t *testing.T) {
	m, r := newReverting(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a"), rolling(stage("b", "a"))}})
	m.settle()
	m.finish("a", Succeeded)
	r.undo.refuse = problem.UserError("HistoryGone", nil, "the history is gone, password hunter2")
	m.finish("b", Failed)
	m.want(v1alpha1.RunFailed)
	for _, name := range []string{"a", "b"} {
		if got := m.stored.Status.Stage(name).Rollback; got.Phase != v1alpha1.StageFailed || got.Message != "the history is gone, password [redacted]" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestNothingIsRolledBackWithoutAReason(t *testing.T) {
	for name, prepare := range map[string]func(*machine){
		"success":  func(m *machine) { m.finish("a", Succeeded); m.finish("b", Succeeded) },
		"stop":     func(m *machine) { m.finish("a", Failed) },
		"canceled": func(m *machine) { m.finish("a", Succeeded); m.cancel = true; m.settle() },
	} {
		t.Run(name, func(t *testing.T) {
			m, r := newReverting(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a"), rolling(stage("b", "a"))}})
			m.settle()
			prepare(m)
			m.settle()
			if !m.stored.Status.Phase.Ended() || len(r.undo.starts) != 0 {
				t.Errorf("the run is %s, rollbacks %v", m.stored.Status.Phase, r.undo.starts)
			}
		})
	}
}

func TestAStageWhosePreviousStateIsUnknownStartsNothing(t *testing.T) {
	m, r := newReverting(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}})
	r.unreadable = problem.Retrying("ServerDown", nil, "down")
	m.settle()
	m.want(v1alpha1.RunRunning, "a=Claimed/ServerDown")
	m.wantStarts(0)
	r.unreadable = nil
	m.pass(retryInterval)
	m.want(v1alpha1.RunRunning, "a=Observing")
	m.wantStarts(1)
	if m.server.finds != 0 {
		t.Errorf("%d lookups", m.server.finds)
	}

	m, r = newReverting(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}})
	r.unreadable = problem.UserError("BranchNotFound", nil, "no branch")
	m.settle()
	m.want(v1alpha1.RunFailed, "a=Failed/BranchNotFound")
}

func TestARetryAfterARollbackRepeatsWhatWasUndone(t *testing.T) {
	m, _ := newReverting(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a"), rolling(stage("b", "a"))}})
	m.settle()
	m.finish("a", Succeeded)
	m.finish("b", Failed)
	for range 5 {
		m.pass(observeInterval)
	}
	m.want(v1alpha1.RunFailed)
	m.stored.Spec.Retries = []v1alpha1.StageAttempt{{Stage: "b", Attempt: 2}}
	if !Retry(m.stored, m.plan) {
		t.Fatal("nothing to retry")
	}
	m.want(v1alpha1.RunWaiting, "a=Waiting", "b=Waiting")
	if s := m.stored.Status.Stage("a"); s.Rollback != nil || s.Previous != "" || s.Attempt != 1 {
		t.Errorf("a: %+v", s)
	}
}
