package pipeline

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// again is a wait that means at once.
	again = time.Millisecond
	// observeInterval is when to look again at work in progress.
	observeInterval = 2 * time.Second
	// retryInterval is when to repeat a call that failed.
	retryInterval = 5 * time.Second
	// absenceDelay between two lookups that find nothing, before the work counts as not started.
	absenceDelay = 10 * time.Second
	// stopGrace is how long work that was asked to stop may take.
	stopGrace = 2 * time.Minute
	// callTimeout of one call of a Driver.
	callTimeout = 20 * time.Second
)

// Engine executes runs. All fields are required, except Override and CheckOverride.
type Engine struct {
	Drivers     map[v1alpha1.StageType]Driver
	Expressions expression.Evaluator
	// Override reports who lets a stage start outside of its windows and why; empty for no one. The attempt is the one that would start.
	// Nil lets no one.
	Override func(ctx context.Context, attempt Attempt) (string, error)
	// CheckOverride finds out whether Override can be relied on, before the first stage starts. Nil relies on it.
	CheckOverride func(ctx context.Context, attempt Attempt) error
	// Redact replaces secrets in texts that go to the status.
	Redact func(string) string
}

// Check finds out whether the stages of a plan can be run, by asking their Drivers, before the first one starts.
func (e *Engine) Check(ctx context.Context, run *v1alpha1.PipelineRun, plan *Plan, now time.Time) error {
	if err := plan.CheckExpressions(ctx, e.Expressions); err != nil {
		return err
	}
	for _, stage := range All(plan.spec) {
		driver := e.Drivers[stage.Type]
		if driver == nil {
			return invalid("stage %s: type %s is not available", stage.Name, stage.Type)
		}
		attempt := attemptOf(run, plan, stage, &v1alpha1.StageStatus{Name: stage.Name, Attempt: 1, Key: Key(run.UID, stage.Name, 1)}, now)
		limited, cancel := context.WithTimeout(ctx, callTimeout)
		err := driver.Check(limited, attempt)
		if err == nil && e.CheckOverride != nil && plan.spec.WindowOverride && plan.windowed(stage.Name) {
			err = e.CheckOverride(limited, attempt)
		}
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// Begin sets the status of a run whose first stages can start.
func Begin(run *v1alpha1.PipelineRun, plan *Plan, now time.Time) {
	status := &run.Status
	at := metav1.NewTime(now)
	status.StartTime = &at
	status.Phase = v1alpha1.RunRunning
	setDeadline(run, plan, now)
	status.Stages = nil
	for _, stage := range All(plan.spec) {
		status.Stages = append(status.Stages, v1alpha1.StageStatus{
			Name: stage.Name, Type: stage.Type, After: stage.After, Finally: plan.final[stage.Name], Phase: v1alpha1.StageWaiting,
		})
	}
	progress(status)
}

func setDeadline(run *v1alpha1.PipelineRun, plan *Plan, now time.Time) {
	deadline := metav1.NewTime(now.Add(plan.spec.RunTimeout()))
	run.Status.Deadline = &deadline
}

// Advance brings a run that was begun as far as it goes now. It changes the status only. save stores the status, and fails if another
// process stored another one since it was read: no work is started before. The caller stores the status again when Advance returns without
// an error, and calls it again after the returned time; zero waits for a change.
func (e *Engine) Advance(
	ctx context.Context, run *v1alpha1.PipelineRun, plan *Plan, canceled bool, now time.Time, save func(context.Context) error,
) (time.Duration, error) {
	p := &pass{
		Engine: e, ctx: ctx, run: run, status: &run.Status, plan: plan, now: now, save: save, fresh: map[string]bool{},
		values: map[string]map[string]string{}, overrides: map[string]string{},
	}
	if canceled && p.status.Phase == v1alpha1.RunRunning {
		p.cancel()
	}
	p.deadlines()
	p.skipAfterFailure()
	p.claimAll()
	if len(p.fresh) > 0 {
		progress(p.status)
		if err := save(ctx); err != nil {
			return 0, err
		}
	}
	for i := range p.status.Stages {
		if err := p.act(&p.status.Stages[i]); err != nil {
			return 0, err
		}
	}
	if err := p.rollback(); err != nil {
		return 0, err
	}
	p.settle()
	progress(p.status)
	if p.status.Phase.Ended() {
		return 0, nil
	}
	return p.next, nil
}

// pass is one Advance.
type pass struct {
	*Engine
	ctx    context.Context
	run    *v1alpha1.PipelineRun
	status *v1alpha1.PipelineRunStatus
	plan   *Plan
	now    time.Time
	save   func(context.Context) error
	// fresh are the stages that this pass claimed: their work was surely not started.
	fresh map[string]bool
	// values of the stages whose expressions this pass evaluated.
	values map[string]map[string]string
	// overrides are the stages that start outside of their windows, and who lets them.
	overrides map[string]string
	// undo is what is undone, for a pass over a rollback.
	undo *Undo
	// next is the shortest wait that was asked for.
	next time.Duration
}

// after asks for the next pass.
func (p *pass) after(wait time.Duration) {
	wait = max(wait, again)
	if p.next == 0 || wait < p.next {
		p.next = wait
	}
}

// cancel ends what has not started, and asks what has to stop.
func (p *pass) cancel() {
	for i := range p.status.Stages {
		switch s := &p.status.Stages[i]; {
		case p.plan.final[s.Name] || s.Phase.Ended():
		case s.Phase == v1alpha1.StageWaiting:
			p.end(s, v1alpha1.StageCanceled, v1alpha1.ReasonCanceled, "the run was canceled before the stage started")
		default:
			p.stop(s, v1alpha1.StageCanceled)
		}
	}
}

// stop asks for the end of a stage in progress. The first request counts, except that a person's comes before a deadline.
func (p *pass) stop(s *v1alpha1.StageStatus, phase v1alpha1.StagePhase) {
	if s.Stopping == phase || s.Stopping == v1alpha1.StageCanceled {
		return
	}
	at := metav1.NewTime(p.now)
	s.Stopping = phase
	if s.StopTime == nil {
		s.StopTime = &at
	}
}

// deadlines of the run, of finally, and of each stage.
func (p *pass) deadlines() {
	over := func(deadline *metav1.Time) bool { return deadline != nil && !p.now.Before(deadline.Time) }
	for i := range p.status.Stages {
		s := &p.status.Stages[i]
		shared := p.status.Deadline
		if p.plan.final[s.Name] {
			shared = p.status.FinallyDeadline
		}
		switch {
		case s.Phase.Ended():
		case s.Phase == v1alpha1.StageWaiting && over(shared):
			p.end(s, v1alpha1.StageSkipped, v1alpha1.ReasonRunTimedOut, "the run reached its timeout before the stage started")
		case s.Phase == v1alpha1.StageWaiting:
		case over(shared), !p.now.Before(p.deadline(s)):
			p.stop(s, v1alpha1.StageTimedOut)
		default:
			p.after(p.deadline(s).Sub(p.now))
			if shared != nil {
				p.after(shared.Sub(p.now))
			}
		}
	}
}

// deadline of an attempt.
func (p *pass) deadline(s *v1alpha1.StageStatus) time.Time {
	if s.StartTime == nil {
		return p.now
	}
	return s.StartTime.Add(p.plan.stages[s.Name].AttemptTimeout())
}

// skipAfterFailure skips what has not started once a stage failed whose onFailure is stop.
func (p *pass) skipAfterFailure() {
	failed := p.stopped("")
	if failed == "" {
		return
	}
	for i := range p.status.Stages {
		if s := &p.status.Stages[i]; s.Phase == v1alpha1.StageWaiting && !p.plan.final[s.Name] {
			p.end(s, v1alpha1.StageSkipped, v1alpha1.ReasonEarlierStageFailed, fmt.Sprintf("stage %s did not succeed", failed))
		}
	}
}

// stopped is the first stage, other than one, that failed with onFailure stop; empty if there is none.
func (p *pass) stopped(other string) string {
	for i := range p.status.Stages {
		s := &p.status.Stages[i]
		if s.Name != other && s.Phase.Failed() && !p.plan.final[s.Name] && p.plan.stages[s.Name].OnFailure != v1alpha1.FailureContinue {
			return s.Name
		}
	}
	return ""
}

// settle moves the run on once its stages have ended.
func (p *pass) settle() {
	status := p.status
	if !p.allEnded(false) {
		return
	}
	if status.Phase == v1alpha1.RunRunning {
		status.Result = p.result()
		status.Phase = v1alpha1.RunFinishing
		p.planRollbacks()
		p.after(again)
	}
	if status.Phase != v1alpha1.RunFinishing || !rolledBack(status) {
		return
	}
	if status.FinallyDeadline == nil {
		deadline := metav1.NewTime(p.now.Add(p.plan.spec.FinallyPeriod()))
		status.FinallyDeadline = &deadline
		p.after(again)
	}
	if !p.allEnded(true) {
		return
	}
	status.Phase = status.Result
	for i := range status.Stages {
		if s := &status.Stages[i]; status.Phase == v1alpha1.RunSucceeded && s.Phase.Failed() {
			status.Phase = v1alpha1.RunFailed // only those of finally are left
		}
	}
	at := metav1.NewTime(p.now)
	status.CompletionTime = &at
}

// allEnded reports whether all stages of finally, or all others, have ended.
func (p *pass) allEnded(final bool) bool {
	for i := range p.status.Stages {
		if s := &p.status.Stages[i]; p.plan.final[s.Name] == final && !s.Phase.Ended() {
			return false
		}
	}
	return true
}

// result of the stages without finally.
func (p *pass) result() v1alpha1.RunPhase {
	result := v1alpha1.RunSucceeded
	for i := range p.status.Stages {
		switch s := &p.status.Stages[i]; {
		case p.plan.final[s.Name]:
		case s.Phase == v1alpha1.StageCanceled:
			return v1alpha1.RunCanceled
		case s.Phase.Failed(), s.Reason == v1alpha1.ReasonRunTimedOut:
			result = v1alpha1.RunFailed
		}
	}
	return result
}

func progress(status *v1alpha1.PipelineRunStatus) {
	ended := 0
	for _, s := range status.Stages {
		if s.Phase.Ended() {
			ended++
		}
	}
	status.Progress = fmt.Sprintf("%d/%d", ended, len(status.Stages))
}

// Retry resets the stages that spec.retries names of a run that is Failed, with those that were skipped because of the failure, those of
// finally, and those that were rolled back with all that follow them. It reports whether there is one to retry; the caller then starts the
// run again.
func Retry(run *v1alpha1.PipelineRun, plan *Plan) bool {
	status := &run.Status
	if status.Phase != v1alpha1.RunFailed || len(status.Stages) == 0 {
		return false
	}
	repeated := plan.undone(status)
	found := false
	for _, retry := range run.Spec.Retries {
		s := status.Stage(retry.Stage)
		if s != nil && !plan.final[s.Name] && s.Phase.Failed() && retry.Attempt == s.Attempt+1 {
			reset(s)
			found = true
		}
	}
	if !found {
		return false
	}
	for i := range status.Stages {
		s := &status.Stages[i]
		if repeated[s.Name] {
			s.Previous = ""
			reset(s)
		}
		skipped := s.Reason == v1alpha1.ReasonEarlierStageFailed || s.Reason == v1alpha1.ReasonRunTimedOut
		if plan.final[s.Name] || s.Phase == v1alpha1.StageSkipped && skipped {
			reset(s)
		}
	}
	status.Result = ""
	status.CompletionTime = nil
	status.FinallyDeadline = nil
	status.Phase = v1alpha1.RunWaiting
	progress(status)
	return true
}

// Resume starts a run again that Retry reset.
func Resume(run *v1alpha1.PipelineRun, plan *Plan, now time.Time) {
	run.Status.Phase = v1alpha1.RunRunning
	setDeadline(run, plan, now)
}

// reset lets a stage start again, with its next attempt.
func reset(s *v1alpha1.StageStatus) {
	*s = v1alpha1.StageStatus{
		Name: s.Name, Type: s.Type, After: s.After, Finally: s.Finally, Phase: v1alpha1.StageWaiting, Attempt: s.Attempt,
		Previous: s.Previous, PreviousAttempt: s.PreviousAttempt, FirstStartTime: s.FirstStartTime,
	}
}

// describe the error of a call.
func describe(err error) (reason, message string) {
	if p := problem.As(err); p != nil {
		return p.Reason, p.Message
	}
	return v1alpha1.ReasonRetrying, "unexpected error; see the manager's log"
}
