package metrics

import (
	"context"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// MaxPoints of one series in the answer to a range query. Prometheus itself refuses more than 11,000 steps.
const MaxPoints = 11_000

// Fit makes a range query keep to the budget, before anything is sent. A range that is too long is a BudgetExceeded problem; a
// step that is too fine, or none, is made coarser: to MinStep, and so that a series has no more than MaxPoints points. A range
// that cannot be asked is an InvalidQuery problem.
func (b Budget) Fit(span Range) (Range, error) {
	b = b.Defaulted()
	if err := b.allows(span); err != nil {
		return Range{}, err
	}
	span.Step = max(span.Step, b.MinStep)
	if length := span.End.Sub(span.Start); length/span.Step >= MaxPoints {
		span.Step = ceil(length/(MaxPoints-1), time.Second)
	}
	span.Step = ceil(span.Step, time.Millisecond)
	return span, nil
}

// allows judges the length of a range.
func (b Budget) allows(span Range) error {
	switch {
	case span.Start.IsZero() || span.End.IsZero():
		return problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "a range needs a start and an end")
	case span.End.Before(span.Start):
		return problem.UserError(v1alpha1.ReasonInvalidQuery, nil, "the end of a range must not be before its start")
	case span.End.Sub(span.Start) > b.Defaulted().MaxRange:
		return Exceeded("maxRange", "the query covers more than %s; use a shorter range", b.Defaulted().MaxRange)
	}
	return nil
}

// FitSpan judges the range of a query that has no step, such as one for series or labels. The zero range is the server's own
// default.
func (b Budget) FitSpan(span Range) error {
	if span.Start.IsZero() && span.End.IsZero() {
		return nil
	}
	return b.allows(span)
}

func ceil(d, unit time.Duration) time.Duration {
	return d + (unit-d%unit)%unit
}

// Exceeded is the problem of a query that asks for more than the budget allows, by the field of spec.queryBudget that says so.
func Exceeded(field, format string, args ...any) *problem.Problem {
	p := problem.UserError(v1alpha1.ReasonBudgetExceeded, nil, format, args...)
	p.Message += ", or raise spec.queryBudget." + field
	return p
}

// Slots bound how many queries run at once.
type Slots interface {
	// Take waits for a slot, no longer than the context lasts. Call release when the answer has been read.
	Take(ctx context.Context) (release func(), err error)
}

// slots of this process.
type slots chan struct{}

// NewSlots has room for as many as the budget says.
func NewSlots(b Budget) Slots { return make(slots, b.Defaulted().MaxConcurrent) }

func (s slots) Take(ctx context.Context) (release func(), err error) {
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	default:
	}
	select {
	case s <- struct{}{}:
		return func() { <-s }, nil
	case <-ctx.Done():
		return nil, NoSlot(ctx.Err())
	}
}

// NoSlot is the problem of a query that waited for a slot for too long.
func NoSlot(cause error) *problem.Problem {
	p := Exceeded("maxConcurrent", "a query timed out waiting for a slot; run fewer queries at once")
	p.Action = problem.Retry
	p.Cause = cause
	return p
}
