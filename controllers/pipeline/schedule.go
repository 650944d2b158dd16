package pipeline

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/schedule"
	"kubeops.io/kubeops/internal/text"
	"kubeops.io/kubeops/internal/trigger"
)

const (
	// maxSleep until a schedule is looked at again.
	maxSleep = time.Hour
	// busyDelay until a run is created for which others have to end.
	busyDelay = time.Minute
	// maxMessage of a schedule, in characters.
	maxMessage = 1024
)

// times of a trigger of type schedule. A date and time of day that comes twice counts once.
func times(p *v1alpha1.Pipeline, of *v1alpha1.PipelineTrigger) (schedule.Schedule, schedule.Spec, error) {
	field := "trigger " + of.Name + ": schedule."
	spec := schedule.Spec{
		Text: of.Schedule.Cron, Zone: of.Schedule.TimeZone, From: p.CreationTimestamp.Time, Field: field + "cron",
		ZoneField: field + "timeZone",
	}
	parsed, err := schedule.Parse(spec)
	if err != nil {
		return nil, spec, err
	}
	return schedule.Once(parsed), spec, nil
}

// checkSchedules refuses schedules that are invalid, never come due, or are too frequent.
func (l *logic) checkSchedules(p *v1alpha1.Pipeline, now time.Time) error {
	for i := range p.Spec.Triggers {
		of := &p.Spec.Triggers[i]
		if of.Schedule == nil {
			continue
		}
		sequence, spec, err := times(p, of)
		if err != nil {
			return err
		}
		if _, err := schedule.Next(sequence, spec, now); err != nil {
			return err
		}
		minimum := l.limits.MinScheduleInterval
		if minimum <= 0 {
			continue
		}
		field := "trigger " + of.Name + ": the interval of schedule.cron"
		exceeded := limits.MinDuration(field, schedule.Shortest(sequence, minimum), minimum, "limits.minScheduleInterval")
		if exceeded != nil {
			return exceeded
		}
	}
	return nil
}

// runSchedules creates the runs that are due, and returns when to look again; zero without a schedule. After the error of a trigger,
// the others follow nevertheless: what is in the status then is written, and a state that is missing forgets its times. The
// error is the first.
func (l *logic) runSchedules(ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline]) (time.Duration, error) {
	p := s.Object
	previous := p.Status.Schedules
	p.Status.Schedules = nil
	var wake time.Duration
	var failed error
	for i := range p.Spec.Triggers {
		of := &p.Spec.Triggers[i]
		if of.Schedule == nil {
			continue
		}
		state := v1alpha1.ScheduleStatus{Name: of.Name, Since: metav1.NewTime(s.Now)}
		if at := slices.IndexFunc(previous, func(known v1alpha1.ScheduleStatus) bool { return known.Name == of.Name }); at >= 0 {
			state = previous[at]
		}
		after, err := l.runSchedule(ctx, s, of, &state)
		p.Status.Schedules = append(p.Status.Schedules, state)
		switch {
		case err != nil && failed == nil:
			failed = err
		case err == nil && (wake == 0 || after < wake):
			wake = after
		}
	}
	return min(wake, maxSleep), failed
}

// runSchedule creates the run of the latest time that was not handled, unless the Pipeline is suspended.
func (l *logic) runSchedule(
	ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline], of *v1alpha1.PipelineTrigger, state *v1alpha1.ScheduleStatus,
) (time.Duration, error) {
	sequence, spec, err := times(s.Object, of)
	if err != nil {
		return 0, err
	}
	next, err := schedule.Next(sequence, spec, s.Now)
	if err != nil {
		return 0, err
	}
	upcoming := metav1.NewTime(next.UTC())
	state.NextTime = &upcoming
	if s.Object.Spec.Suspend {
		return maxSleep, nil
	}
	anchor := state.Since.Time
	if state.LastScheduledTime != nil {
		anchor = state.LastScheduledTime.Time
	}
	due := schedule.Latest(sequence, anchor, s.Now)
	if due.IsZero() {
		return next.Sub(s.Now), nil
	}
	err = l.createScheduled(ctx, s, of, state, due.UTC())
	switch found := problem.As(err); {
	case found != nil && found.Action == problem.Wait:
		state.Reason = found.Reason
		state.Message = text.Clip(found.Message, maxMessage)
		return min(next.Sub(s.Now), found.After), nil
	case found != nil && found.Action == problem.UserMustAct:
		state.Reason = found.Reason
		state.Message = text.Clip(found.Message, maxMessage)
	case err != nil:
		return 0, err
	default:
		state.Reason = ""
		state.Message = ""
	}
	handled := metav1.NewTime(due.UTC())
	state.LastScheduledTime = &handled
	return next.Sub(s.Now), nil
}

// createScheduled creates the run of a time. Its name is that of the time: after a crash, it is there already.
func (l *logic) createScheduled(
	ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline], of *v1alpha1.PipelineTrigger, state *v1alpha1.ScheduleStatus, due time.Time,
) error {
	p := s.Object
	at := due.Format(time.RFC3339)
	if seconds := of.Schedule.StartingDeadlineSeconds; seconds != nil && s.Now.Sub(due) > time.Duration(*seconds)*time.Second {
		return problem.UserError(v1alpha1.ReasonTimeMissed, nil, "the time %s was missed by more than %d s (startingDeadlineSeconds)", at,
			*seconds)
	}
	parameters, err := pipeline.TriggerParameters(ctx, l.expressions, &p.Spec, of, map[string]string{
		"type": string(v1alpha1.TriggerSchedule), "time": at,
	})
	if err != nil {
		return err
	}
	name := trigger.Name(p.Name, string(p.UID), of.Name, at)
	if err := l.createRun(ctx, s, of, name, parameters, time.Time{}); err != nil {
		return err
	}
	state.LastRun = name
	return nil
}

// createRun of a trigger, unless too many runs have not ended. One that exists was created before a crash.
func (l *logic) createRun(
	ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline], of *v1alpha1.PipelineTrigger, name string, parameters []v1alpha1.ParameterValue,
	committed time.Time,
) error {
	p := s.Object
	if p.Status.ActiveRuns+p.Status.QueuedRuns >= v1alpha1.MaxUnendedRuns {
		return problem.Waiting(v1alpha1.ReasonTooManyRuns, busyDelay,
			"%d runs of the Pipeline have not ended; cancel some, or set spec.concurrency: ReplaceQueued", v1alpha1.MaxUnendedRuns)
	}
	run := pipeline.NewRun(p, of.Name, name, s.Now)
	run.Spec.Parameters = parameters
	pipeline.SetCommitTime(run, committed)
	err := l.client.Create(ctx, run)
	switch {
	case err == nil, apierrors.IsAlreadyExists(err):
		return nil
	case apierrors.IsForbidden(err): // such as by a quota: the commit or the time is not over
		return problem.Waiting(v1alpha1.ReasonForbidden, busyDelay, "PipelineRun %s cannot be created (%s); check ResourceQuotas and "+
			"admission policies of namespace %s", run.Name, apierror.Describe(err), p.Namespace)
	case apierrors.IsInvalid(err):
		return problem.UserError(v1alpha1.ReasonInvalidParameter, err, "PipelineRun %s cannot be created (%s)", run.Name,
			apierror.Describe(err))
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, err, "PipelineRun %s cannot be created (%s)", run.Name, apierror.Describe(err))
}
