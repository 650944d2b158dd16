package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// maxHandle is the length of a handle, in characters.
const maxHandle = 1024

// attemptOf is an attempt as its Driver needs it, without values.
func attemptOf(run *v1alpha1.PipelineRun, plan *Plan, stage *v1alpha1.PipelineStage, s *v1alpha1.StageStatus, now time.Time) Attempt {
	started := now
	if s.StartTime != nil {
		started = s.StartTime.Time
	}
	notBefore := started
	if s.AbsentSince != nil {
		notBefore = s.AbsentSince.Time
	}
	var runStarted time.Time
	if run.Status.StartTime != nil {
		runStarted = run.Status.StartTime.Time
	}
	deployed, firstDeployed := deployed(&run.Status, plan.before[stage.Name])
	return Attempt{
		NotBefore: notBefore, RunStarted: runStarted, Deployed: deployed, FirstDeployed: firstDeployed,
		Source: plan.source(stage, &run.Status),
		Key:    s.Key, Namespace: run.Namespace, Run: run.Name, UID: run.UID, Pipeline: run.Spec.PipelineRef.Name,
		RequestedBy: run.Spec.RequestedBy, ServiceAccount: plan.spec.Account(), Stage: stage, Number: s.Attempt, Digest: s.Digest,
		Previous: s.Previous, Started: started, Deadline: started.Add(stage.AttemptTimeout()), Now: now,
	}
}

func (p *pass) attempt(s *v1alpha1.StageStatus) Attempt {
	attempt := attemptOf(p.run, p.plan, p.plan.stages[s.Name], s, p.now)
	attempt.Undo = p.undo
	return attempt
}

// claimAll claims the stages that can start now.
func (p *pass) claimAll() {
	for i := range p.status.Stages {
		s := &p.status.Stages[i]
		if s.Phase != v1alpha1.StageWaiting || !p.ready(s) {
			continue
		}
		if s.RetryTime != nil && p.now.Before(s.RetryTime.Time) {
			p.after(s.RetryTime.Sub(p.now))
			continue
		}
		if s.NextOpening != nil && p.now.Before(s.NextOpening.Time) && !p.plan.spec.WindowOverride {
			p.after(s.NextOpening.Sub(p.now))
			continue
		}
		if p.evaluate(s) && p.sourced(s) && !p.held(s) {
			p.claim(s)
		}
	}
}

// ready reports whether the stages before a stage have ended, such that it can start.
func (p *pass) ready(s *v1alpha1.StageStatus) bool {
	if p.plan.final[s.Name] {
		return p.status.Phase == v1alpha1.RunFinishing && p.status.FinallyDeadline != nil
	}
	for _, name := range p.plan.stages[s.Name].After {
		if earlier := p.status.Stage(name); earlier == nil || !earlier.Phase.Ended() {
			return false
		}
	}
	return p.status.Phase == v1alpha1.RunRunning
}

// evaluate the expressions of a stage. It reports whether the stage runs; if not, it was skipped, failed, or waits.
func (p *pass) evaluate(s *v1alpha1.StageStatus) bool {
	if p.undo != nil { // a rollback has no values
		return true
	}
	stage := p.plan.stages[s.Name]
	values := map[string]string{}
	for _, value := range stage.Values() {
		if value.Value != nil {
			values[value.Name] = *value.Value
		}
	}
	p.values[s.Name] = values
	list := sources(stage)
	if len(list) == 0 {
		return true
	}
	results, err := p.Expressions.Evaluate(p.ctx, expression.Request{Variables: p.plan.variables(), Sources: list,
		Values: p.known(stage.Name)})
	var wrong *expression.InvalidError
	switch {
	case errors.As(err, &wrong):
		p.end(s, v1alpha1.StageFailed, v1alpha1.ReasonInvalidExpression, wrong.Text)
		return false
	case err != nil:
		p.note(s, v1alpha1.ReasonRetrying, "the expressions cannot be evaluated now")
		p.after(retryInterval)
		return false
	}
	texts := map[string]string{}
	for i, result := range results {
		switch field := list[i].Field; {
		case len(result.Missing) > 0:
			p.end(s, v1alpha1.StageSkipped, v1alpha1.ReasonOutputNotAvailable,
				fmt.Sprintf("%s: %s has no value, since its stage did not succeed", field, strings.Join(result.Missing, ", ")))
			return false
		case result.Failure != "":
			p.end(s, v1alpha1.StageFailed, v1alpha1.ReasonInvalidExpression, field+": "+result.Failure)
			return false
		case field == whenField(stage.Name) && result.Value != "true":
			p.end(s, v1alpha1.StageSkipped, v1alpha1.ReasonConditionFalse, "when is false")
			return false
		}
		texts[list[i].Field] = result.Value
	}
	for _, value := range stage.Values() {
		if value.Expression != "" {
			values[value.Name] = texts[valueField(stage.Name, value.Name)]
		}
	}
	return true
}

// known are the values of variables when a stage starts.
func (p *pass) known(stage string) map[string]string {
	values := map[string]string{}
	for _, parameter := range p.status.Parameters {
		values[variableParameter(parameter.Name)] = parameter.Value
	}
	if p.plan.final[stage] {
		values[variableFailed] = fmt.Sprint(p.status.Result != v1alpha1.RunSucceeded)
	}
	for _, name := range p.plan.before[stage] {
		earlier := p.status.Stage(name)
		if earlier == nil {
			continue
		}
		values[variablePhase(name)] = string(earlier.Phase)
		for key, value := range earlier.Outputs {
			values[variableOutput(name, key)] = value
		}
	}
	return values
}

// claim an attempt. Nothing is started before it is stored.
func (p *pass) claim(s *v1alpha1.StageStatus) {
	attempt := s.Attempt + 1
	at := metav1.NewTime(p.now)
	*s = v1alpha1.StageStatus{
		Name: s.Name, Type: s.Type, After: s.After, Finally: s.Finally, Phase: v1alpha1.StageClaimed, Attempt: attempt,
		Key: Key(p.run.UID, s.Name, attempt), Triggers: 1, StartTime: &at, Digest: p.digest(s.Name, attempt),
		FirstStartTime: cmp.Or(s.FirstStartTime, &at), Previous: s.Previous, PreviousAttempt: s.PreviousAttempt,
		Override: p.overrides[s.Name],
	}
	p.fresh[s.Name] = true
}

// act calls the Driver of a stage in progress.
func (p *pass) act(s *v1alpha1.StageStatus) error {
	if s.Phase == v1alpha1.StageWaiting || s.Phase.Ended() {
		return nil
	}
	driver := p.Drivers[s.Type]
	if driver == nil {
		p.end(s, v1alpha1.StageFailed, v1alpha1.ReasonInvalidPipeline, fmt.Sprintf("type %s is not available", s.Type))
		return nil
	}
	ctx, cancel := context.WithTimeout(p.ctx, callTimeout)
	defer cancel()
	switch s.Phase {
	case v1alpha1.StageClaimed:
		if reverter, reverts := driver.(Reverter); reverts && s.Previous == "" {
			return p.recordPrevious(ctx, driver, reverter, s)
		}
		if p.fresh[s.Name] {
			p.start(ctx, driver, s)
			return nil
		}
		if s.Triggers == 0 {
			return p.startWaiting(ctx, driver, s)
		}
		return p.find(ctx, driver, s)
	case v1alpha1.StageVerifying:
		p.verify(ctx, driver, s)
	default:
		p.observe(ctx, driver, s)
	}
	return nil
}

// start the work of an attempt whose claim was stored.
func (p *pass) start(ctx context.Context, driver Driver, s *v1alpha1.StageStatus) {
	attempt := p.attempt(s)
	attempt.Values = p.values[s.Name]
	handle, err := driver.Start(ctx, attempt)
	switch wrong := problem.As(err); {
	case err == nil:
		p.submitted(s, handle)
	case wrong != nil && wrong.Action == problem.UserMustAct:
		p.conclude(s, v1alpha1.StageFailed, wrong.Reason, wrong.Message)
	case wrong != nil && wrong.Action == problem.Wait:
		now := metav1.NewTime(p.now)
		next := metav1.NewTime(p.now.Add(p.retryCall(s, err)))
		s.AbsentSince = &now
		s.RetryTime = &next
		s.Triggers--
	default:
		p.retryCall(s, err)
	}
}

// startWaiting starts work that was surely not started, since it had to wait for something, once it is time to try again.
func (p *pass) startWaiting(ctx context.Context, driver Driver, s *v1alpha1.StageStatus) error {
	if s.Stopping == "" && s.RetryTime != nil && p.now.Before(s.RetryTime.Time) {
		p.after(s.RetryTime.Sub(p.now))
		return nil
	}
	return p.startAgain(ctx, driver, s)
}

func (p *pass) submitted(s *v1alpha1.StageStatus, handle string) {
	s.Phase = v1alpha1.StageSubmitted
	s.Handle = text.Clip(handle, maxHandle)
	s.AbsentSince = nil
	p.note(s, "", "")
	p.after(again)
}

// observe reads the state of the work, and stops it first if it must end.
func (p *pass) observe(ctx context.Context, driver Driver, s *v1alpha1.StageStatus) {
	attempt := p.attempt(s)
	if s.Stopping != "" {
		ended, err := stopWork(ctx, driver, attempt, s)
		if err != nil {
			p.retryCall(s, err)
			p.giveUpStopping(s)
			return
		}
		if ended {
			p.endStopped(s, "")
			return
		}
	}
	o, err := driver.Get(ctx, attempt, s.Handle)
	if err != nil {
		p.retryCall(s, err)
		p.giveUpStopping(s)
		return
	}
	if o.Handle != "" {
		s.Handle = text.Clip(o.Handle, maxHandle)
	}
	if o.URL != "" {
		s.ExternalURL = text.Clip(o.URL, maxMessage)
	}
	switch _, verifies := driver.(Verifier); {
	case o.State == Running:
		s.Phase = v1alpha1.StageObserving
		p.observed(s, o)
	case s.Stopping != "":
		p.endStopped(s, "")
	case o.State == Succeeded && verifies:
		s.Phase = v1alpha1.StageVerifying
		p.note(s, "", "")
		p.after(again)
	default:
		p.finish(s, o)
	}
}

// stopWork asks for the end of the work, and reports whether nothing is left to wait for.
func stopWork(ctx context.Context, driver Driver, attempt Attempt, s *v1alpha1.StageStatus) (bool, error) {
	stopper, ok := driver.(Stopper)
	if !ok {
		return driver.Cancel(ctx, attempt, s.Handle)
	}
	next, ended, err := stopper.Stop(ctx, attempt, s.Handle)
	if next != "" {
		s.Handle = text.Clip(next, maxHandle)
	}
	return ended, err
}

// observed records work in progress.
func (p *pass) observed(s *v1alpha1.StageStatus, o Observation) {
	wait := o.After
	if wait == 0 {
		wait = observeInterval
	}
	p.after(wait)
	if s.Stopping != "" {
		p.note(s, v1alpha1.ReasonStopping, "the work was asked to stop")
		p.giveUpStopping(s)
		return
	}
	p.note(s, o.Reason, o.Message)
}

func (p *pass) giveUpStopping(s *v1alpha1.StageStatus) {
	if s.Stopping != "" && p.graceOver(s) {
		p.endStopped(s, fmt.Sprintf("; its work did not stop within %s and may still be in progress", stopGrace))
	}
}

func (p *pass) graceOver(s *v1alpha1.StageStatus) bool {
	return s.StopTime != nil && p.now.Sub(s.StopTime.Time) >= stopGrace
}

// endStopped ends a stage that had to stop.
func (p *pass) endStopped(s *v1alpha1.StageStatus, how string) {
	if how != "" && !strings.HasPrefix(how, ";") {
		how = " " + how
	}
	if s.Stopping == v1alpha1.StageCanceled {
		p.end(s, v1alpha1.StageCanceled, v1alpha1.ReasonCanceled, "the run was canceled"+how)
		return
	}
	if expirer, ok := p.Drivers[s.Type].(Expirer); ok {
		reason, message := expirer.Expired(p.attempt(s))
		p.end(s, v1alpha1.StageFailed, reason, message)
		return
	}
	p.end(s, v1alpha1.StageTimedOut, v1alpha1.ReasonStageTimedOut,
		fmt.Sprintf("the stage did not end within %s%s%s", p.plan.stages[s.Name].AttemptTimeout(), how, seenLast(s)))
}

// seenLast is the state of a stage when its time was over: why it was still waiting.
func seenLast(s *v1alpha1.StageStatus) string {
	if s.Message == "" || s.Reason == v1alpha1.ReasonStopping {
		return ""
	}
	return "; its last state: " + s.Message
}

// verify reads the result of work that ended well.
func (p *pass) verify(ctx context.Context, driver Driver, s *v1alpha1.StageStatus) {
	if s.Stopping != "" {
		p.endStopped(s, "while its result was checked")
		return
	}
	verifier, ok := driver.(Verifier)
	if !ok {
		p.finish(s, Observation{State: Succeeded})
		return
	}
	o, err := verifier.Verify(ctx, p.attempt(s), s.Handle)
	switch {
	case err != nil:
		p.retryCall(s, err)
	case o.State == Running:
		p.observed(s, o)
	default:
		p.finish(s, o)
	}
}
