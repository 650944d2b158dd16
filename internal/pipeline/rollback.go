package pipeline

import (
	"cmp"
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// recordPrevious stores the state that an attempt will replace, and then starts its work. Until it is stored, nothing was started.
func (p *pass) recordPrevious(ctx context.Context, driver Driver, reverter Reverter, s *v1alpha1.StageStatus) error {
	if s.Stopping != "" {
		p.endStopped(s, "before its work was started")
		return nil
	}
	if !p.fresh[s.Name] && !p.evaluate(s) {
		return nil
	}
	previous, err := reverter.Previous(ctx, p.attempt(s))
	switch wrong := problem.As(err); {
	case wrong != nil && wrong.Action == problem.UserMustAct:
		p.conclude(s, v1alpha1.StageFailed, wrong.Reason, wrong.Message)
		return nil
	case err != nil:
		p.retryCall(s, err)
		return nil
	}
	s.Previous = text.Clip(p.Redact(previous), maxHandle)
	s.PreviousAttempt = s.Attempt
	if err := p.save(p.ctx); err != nil {
		return err
	}
	p.start(ctx, driver, s)
	return nil
}

// planRollbacks decides what is undone: the work of all stages of a failed run that recorded what they replace, if a stage that failed
// says so.
func (p *pass) planRollbacks() {
	wanted := false
	for i := range p.status.Stages {
		s := &p.status.Stages[i]
		wanted = wanted || !p.plan.final[s.Name] && s.Phase.Failed() && p.plan.stages[s.Name].OnFailure == v1alpha1.FailureRollback
	}
	if !wanted || p.status.Result != v1alpha1.RunFailed {
		return
	}
	for i := range p.status.Stages {
		s := &p.status.Stages[i]
		if _, reverts := p.Drivers[s.Type].(Reverter); reverts && s.Previous != "" && !p.plan.final[s.Name] {
			s.Rollback = &v1alpha1.RollbackStatus{Phase: v1alpha1.StageWaiting}
		}
	}
}

// rolledBack reports whether nothing is left to undo.
func rolledBack(status *v1alpha1.PipelineRunStatus) bool {
	return !slices.ContainsFunc(status.Stages, func(s v1alpha1.StageStatus) bool {
		return s.Rollback != nil && !s.Rollback.Phase.Ended()
	})
}

// rollback works on the next stage that is not undone yet. What cannot be undone has a reason, and the stages before it are undone
// nevertheless.
func (p *pass) rollback() error {
	var next *v1alpha1.StageStatus
	for _, s := range p.rollbackOrder() {
		if !s.Rollback.Phase.Ended() {
			next = s
			break
		}
	}
	if next == nil {
		return nil
	}
	reverter, reverts := p.Drivers[next.Type].(Reverter)
	if !reverts {
		next.Rollback.Phase = v1alpha1.StageFailed
		next.Rollback.Reason = v1alpha1.ReasonInvalidPipeline
		p.after(again)
		return nil
	}
	return p.advanceRollback(next, reverter.Rollback())
}

// rollbackOrder are the stages that are undone: the last first, and at the end those that follow the others.
func (p *pass) rollbackOrder() []*v1alpha1.StageStatus {
	var left, ordered []*v1alpha1.StageStatus
	for i := range p.status.Stages {
		if s := &p.status.Stages[i]; s.Rollback != nil {
			left = append(left, s)
		}
	}
	for len(left) > 0 {
		next := 0
		for i := range left {
			switch follows := p.follows(left[i]); {
			case follows != p.follows(left[next]):
				if !follows {
					next = i
				}
			case i > next && p.later(left[i], left[next]) > 0:
				next = i
			}
		}
		ordered = append(ordered, left[next])
		left = slices.Delete(left, next, next+1)
	}
	return ordered
}

// follows reports whether the rollback of a stage starts after those of the others.
func (p *pass) follows(s *v1alpha1.StageStatus) bool {
	follower, is := p.Drivers[s.Type].(Follower)
	return is && follower.Follows(s.Previous)
}

// later compares when two stages started. One that waits for another is later, also within a second.
func (p *pass) later(a, b *v1alpha1.StageStatus) int {
	if a.StartTime != nil && b.StartTime != nil {
		if order := a.StartTime.Compare(b.StartTime.Time); order != 0 {
			return order
		}
	}
	return cmp.Or(cmp.Compare(len(p.plan.before[a.Name]), len(p.plan.before[b.Name])), 1) // of equals, the last in the status
}

// advanceRollback brings a rollback as far as it goes now. It is an attempt of its own, which a pass of its own handles.
func (p *pass) advanceRollback(stage *v1alpha1.StageStatus, driver Driver) error {
	view := viewOf(stage)
	undone := *p.plan.stages[stage.Name]
	undone.Retry = nil
	sub := &pass{
		Engine: &Engine{
			Drivers: map[v1alpha1.StageType]Driver{stage.Type: driver}, Expressions: p.Expressions, Redact: p.Redact,
		},
		ctx: p.ctx, run: p.run, status: p.status, now: p.now, fresh: map[string]bool{}, undo: p.undoOf(stage),
		plan: &Plan{spec: p.plan.spec, stages: map[string]*v1alpha1.PipelineStage{stage.Name: &undone}, before: p.plan.before},
		save: func(ctx context.Context) error {
			stage.Rollback = rollbackOf(view)
			return p.save(ctx)
		},
	}
	if view.Phase == v1alpha1.StageWaiting {
		at := metav1.NewTime(p.now)
		view.Phase = v1alpha1.StageClaimed
		view.Key = RollbackKey(p.run.UID, stage.Name, stage.Attempt)
		view.Triggers = 1
		view.StartTime = &at
		if err := sub.save(p.ctx); err != nil {
			return err
		}
		sub.fresh[view.Name] = true
	}
	if deadline := sub.deadline(view); !p.now.Before(deadline) {
		sub.stop(view, v1alpha1.StageTimedOut)
	} else {
		p.after(deadline.Sub(p.now))
	}
	err := sub.act(view)
	stage.Rollback = rollbackOf(view)
	if sub.next > 0 {
		p.after(sub.next)
	}
	return err
}

// undoOf is what the rollback of a stage undoes.
func (p *pass) undoOf(s *v1alpha1.StageStatus) *Undo {
	undo := &Undo{Handle: s.Handle}
	for attempt := s.Attempt; attempt >= max(s.PreviousAttempt, 1); attempt-- {
		undo.Keys = append(undo.Keys, Key(p.run.UID, s.Name, attempt))
	}
	for _, other := range p.rollbackOrder() {
		commit := p.plan.stages[other.Name].Commit
		if commit == nil || !other.Rollback.Phase.Ended() || !slices.Contains(p.plan.before[s.Name], other.Name) {
			continue
		}
		reverted := RevertedCommit{Target: commit.Repository + " " + commit.Branch, Revision: other.Outputs[v1alpha1.OutputRevision]}
		if other.Rollback.Phase == v1alpha1.StageSucceeded {
			reverted.Rollback = other.Rollback.Revision
		}
		undo.Commits = append(undo.Commits, reverted)
	}
	return undo
}

// viewOf shows the rollback of a stage as an attempt.
func viewOf(s *v1alpha1.StageStatus) *v1alpha1.StageStatus {
	r := s.Rollback
	return &v1alpha1.StageStatus{
		Name: s.Name, Type: s.Type, Phase: r.Phase, Reason: r.Reason, Message: r.Message, Attempt: s.Attempt, Key: r.Key,
		Triggers: r.Triggers, StartTime: r.StartTime, CompletionTime: r.CompletionTime, Handle: r.Handle, Previous: s.Previous,
		AbsentSince: r.AbsentSince, Stopping: r.Stopping, StopTime: r.StopTime,
	}
}

func rollbackOf(view *v1alpha1.StageStatus) *v1alpha1.RollbackStatus {
	return &v1alpha1.RollbackStatus{
		Phase: view.Phase, Reason: view.Reason, Message: view.Message, Revision: text.Clip(view.Outputs[v1alpha1.OutputRevision],
			maxHandle),
		Key: view.Key, Triggers: view.Triggers, StartTime: view.StartTime, CompletionTime: view.CompletionTime, Handle: view.Handle,
		AbsentSince: view.AbsentSince, Stopping: view.Stopping, StopTime: view.StopTime,
	}
}

// undone are the stages that a retry repeats: those that were rolled back, and those that follow them and have run.
func (p *Plan) undone(status *v1alpha1.PipelineRunStatus) map[string]bool {
	repeated := map[string]bool{}
	for i := range status.Stages {
		if status.Stages[i].Rollback != nil {
			repeated[status.Stages[i].Name] = true
		}
	}
	for name, before := range p.before {
		if s := status.Stage(name); s == nil || p.final[name] || s.Phase == v1alpha1.StageWaiting {
			continue
		}
		if slices.ContainsFunc(before, func(earlier string) bool {
			s := status.Stage(earlier)
			return s != nil && s.Rollback != nil
		}) {
			repeated[name] = true
		}
	}
	return repeated
}
