package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

const (
	maxMessage   = 1024
	maxDiagnosis = 20
	maxLine      = 512
)

// finish a stage by what its work ended with.
func (p *pass) finish(s *v1alpha1.StageStatus, o Observation) {
	for _, line := range o.Diagnosis[:min(len(o.Diagnosis), maxDiagnosis)] {
		s.Diagnosis = append(s.Diagnosis, text.Clip(p.Redact(line), maxLine))
	}
	switch o.State {
	case Succeeded:
		if p.undo != nil {
			s.Outputs = o.Outputs
			p.end(s, v1alpha1.StageSucceeded, o.Reason, o.Message)
			return
		}
		if wrong := p.outputs(s, o.Outputs); wrong != "" {
			p.end(s, v1alpha1.StageFailed, v1alpha1.ReasonOutputInvalid, wrong)
			return
		}
		p.end(s, v1alpha1.StageSucceeded, o.Reason, o.Message)
	case Lost:
		p.end(s, v1alpha1.StageLost, v1alpha1.ReasonLost, o.Message)
	default:
		p.end(s, v1alpha1.StageFailed, o.Reason, o.Message)
	}
}

// outputs keeps those that the stage declares. The text says what is wrong with them.
func (p *pass) outputs(s *v1alpha1.StageStatus, got map[string]string) string {
	size := 0
	kept := map[string]string{}
	for _, key := range p.plan.stages[s.Name].Outputs() {
		value, ok := got[key]
		switch size += len(key) + len(value); {
		case !ok:
			names := slices.Sorted(maps.Keys(got))
			return fmt.Sprintf("output %s is missing%s", key, suggestion(names, key))
		case size > v1alpha1.MaxOutputs:
			return fmt.Sprintf("the outputs have more than %d bytes", v1alpha1.MaxOutputs)
		case p.Redact(value) != value:
			return fmt.Sprintf("output %s looks like a secret; write it to a Secret, and set the output to its name", key)
		}
		kept[key] = value
	}
	if len(kept) > 0 {
		s.Outputs = kept
	}
	return ""
}

// retryCall notes a call that failed, and repeats it after the returned time.
func (p *pass) retryCall(s *v1alpha1.StageStatus, err error) time.Duration {
	reason, message := describe(err)
	p.note(s, reason, message)
	wait := retryInterval
	if wrong := problem.As(err); wrong != nil && wrong.Action == problem.Wait && wrong.After > 0 {
		wait = wrong.After
	}
	p.after(wait)
	return wait
}

func (p *pass) note(s *v1alpha1.StageStatus, reason, message string) {
	s.Reason = reason
	s.Message = text.Clip(p.Redact(message), maxMessage)
}

// end an attempt. A failed one is repeated if the stage says so.
func (p *pass) end(s *v1alpha1.StageStatus, phase v1alpha1.StagePhase, reason, message string) {
	p.conclude(s, phase, reason, message)
	retry := p.plan.stages[s.Name].Retry
	repeated := []v1alpha1.StagePhase{v1alpha1.StageFailed}
	if retry != nil && len(retry.On) > 0 {
		repeated = retry.On
	}
	if retry == nil || s.Attempt >= retry.Attempts || !slices.Contains(repeated, phase) || p.overdue(s) || !repeatable(reason) {
		return
	}
	delay := defaultRetryDelay
	if retry.Delay != nil {
		delay = retry.Delay.Duration
	}
	for range s.Attempt - 1 {
		delay = min(2*delay, maxRetryDelay)
	}
	at := metav1.NewTime(p.now.Add(delay))
	s.Phase = v1alpha1.StageWaiting
	s.RetryTime = &at
	s.CompletionTime = nil
	p.note(s, v1alpha1.ReasonRetryScheduled, fmt.Sprintf("attempt %d of %d failed (%s): %s", s.Attempt, retry.Attempts, reason, message))
	p.after(delay)
}

const (
	defaultRetryDelay = 10 * time.Second
	maxRetryDelay     = 10 * time.Minute
)

// repeatable reports whether another attempt may end in another way.
func repeatable(reason string) bool {
	switch reason {
	case v1alpha1.ReasonInvalidExpression, v1alpha1.ReasonApprovalRejected, v1alpha1.ReasonApprovalExpired:
		return false
	}
	return true
}

// overdue reports whether the run has no time for another attempt, or must stop.
func (p *pass) overdue(s *v1alpha1.StageStatus) bool {
	deadline := p.status.Deadline
	if p.plan.final[s.Name] {
		deadline = p.status.FinallyDeadline
	}
	return deadline != nil && !p.now.Before(deadline.Time) || !p.plan.final[s.Name] && p.stopped(s.Name) != ""
}

// conclude ends an attempt for good.
func (p *pass) conclude(s *v1alpha1.StageStatus, phase v1alpha1.StagePhase, reason, message string) {
	at := metav1.NewTime(p.now)
	s.Phase = phase
	s.CompletionTime = &at
	s.Stopping = ""
	s.StopTime = nil
	s.AbsentSince = nil
	s.RetryTime = nil
	s.NextOpening = nil
	p.note(s, reason, message)
	p.after(again)
}
