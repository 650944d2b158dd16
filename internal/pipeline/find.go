package pipeline

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// find looks for the work of an attempt that may have been started.
func (p *pass) find(ctx context.Context, driver Driver, s *v1alpha1.StageStatus) error {
	lookup, err := driver.Find(ctx, p.attempt(s))
	if err != nil {
		_, lookup.Reason = describe(err)
		lookup.Presence = Unknown
	}
	if lookup.Presence == Absent && s.AbsentSince != nil && p.now.Sub(s.AbsentSince.Time) >= absenceDelay {
		lookup.Presence = Never
	}
	switch lookup.Presence {
	case Found:
		p.submitted(s, lookup.Handle)
	case Never:
		return p.startAgain(ctx, driver, s)
	case Absent:
		if s.AbsentSince == nil {
			at := metav1.NewTime(p.now)
			s.AbsentSince = &at
		}
		p.after(absenceDelay)
	default:
		s.AbsentSince = nil
		message := fmt.Sprintf("cannot determine whether the work was started: %s; its key is %s", lookup.Reason, s.Key)
		switch {
		case s.Stopping == v1alpha1.StageTimedOut:
			p.conclude(s, v1alpha1.StageFailed, v1alpha1.ReasonTriggerUnknown, message)
		case s.Stopping != "" && p.graceOver(s):
			p.conclude(s, s.Stopping, v1alpha1.ReasonTriggerUnknown, message)
		default:
			p.note(s, v1alpha1.ReasonTriggerUnknown, message)
			p.after(absenceDelay)
		}
	}
	return nil
}

// startAgain starts work that was surely not started, once that is stored.
func (p *pass) startAgain(ctx context.Context, driver Driver, s *v1alpha1.StageStatus) error {
	if s.Stopping != "" {
		p.endStopped(s, "before its work was started")
		return nil
	}
	if !p.evaluate(s) {
		return nil
	}
	s.Triggers++
	s.AbsentSince = nil
	s.RetryTime = nil
	if err := p.save(p.ctx); err != nil {
		return err
	}
	p.start(ctx, driver, s)
	return nil
}
