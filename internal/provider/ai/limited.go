package ai

import (
	"context"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Limited is a model within its limits: each question waits for its turn, is paid from the budget before it is sent, and is asked
// again a few times where the server wants that.
type Limited struct {
	Model
	Meter *Meter
	// Name of the provider, for answers.
	Name string
	// Save stores the usage; it is called when a question has been paid, before it is sent, and when its answer is there. An
	// error before keeps it from being sent, so that nothing is spent that a restart forgets. Nil stores nothing.
	Save func(ctx context.Context) error
	// Patience is the longest that a server may make a question wait by Retry-After. Default 30s.
	Patience time.Duration
	// Timeout of one request, in which waiting for a turn is not counted. Default 2m.
	Timeout time.Duration
	// Unqueued does not wait for a turn: for the question that proves a model, which must not fail because it is in use.
	Unqueued bool
	// Wait until a time is over; nil waits by the clock.
	Wait func(ctx context.Context, d time.Duration) error
}

// tries of one question where the server asks for patience, or fails by itself.
const tries = 3

// Ask sends a question when its turn comes.
func (l *Limited) Ask(ctx context.Context, request Request) (Answer, error) {
	most := request.Estimate()
	paid, err := l.Meter.reserve(most)
	if err != nil {
		return Answer{}, err
	}
	spent := int64(0)
	defer func() {
		l.Meter.settle(paid, spent)
		if l.Save != nil {
			_ = l.Save(context.WithoutCancel(ctx)) // told by the next one that is paid
		}
	}()
	if l.Save != nil {
		if err := l.Save(ctx); err != nil {
			return Answer{}, err
		}
	}
	if !l.Unqueued {
		leave, err := l.Meter.enter(ctx, most)
		if err != nil {
			return Answer{}, err
		}
		defer leave()
	}
	answer, err := l.patiently(ctx, request)
	switch {
	case err == nil:
		spent = answer.Tokens()
		l.Meter.answer()
	case answer.Tokens() > 0:
		spent = answer.Tokens() // an answer that is of no use was worked on all the same
	default:
		spent = costOf(err, request) // what may have been worked on is counted as if it had been
	}
	answer.Provider = l.Name
	return answer, err
}

// costOf a question without an answer: a server that refused did no work, one that broke off may have done all of it.
func costOf(err error, request Request) int64 {
	switch Reason(err) {
	case v1alpha1.ReasonTimeout, v1alpha1.ReasonResponseTooLarge, v1alpha1.ReasonAnswerCutOff, v1alpha1.ReasonInvalidResponse, v1alpha1.ReasonModelRefused, v1alpha1.ReasonInvalidAnswer:
		return request.Estimate()
	}
	return 0
}

// patiently asks, and again after the time that a server wants.
func (l *Limited) patiently(ctx context.Context, request Request) (answer Answer, err error) {
	pause := time.Second
	for try := 1; ; try++ {
		answer, err = l.once(ctx, request)
		if err == nil || try == tries || ctx.Err() != nil {
			return answer, err
		}
		p := problem.As(err)
		if p == nil || (p.Reason != v1alpha1.ReasonRateLimited && p.Reason != v1alpha1.ReasonServerError) {
			return answer, err
		}
		wait := p.After
		if wait <= 0 {
			wait = pause
			pause *= 4
		}
		if wait > l.patience() {
			return answer, err
		}
		if deadline, has := ctx.Deadline(); has && time.Until(deadline) < wait {
			return answer, err
		}
		if l.wait(ctx, wait) != nil {
			return answer, err
		}
	}
}

func (l *Limited) once(ctx context.Context, request Request) (Answer, error) {
	timeout := l.Timeout
	if timeout <= 0 {
		timeout = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return l.Model.Ask(ctx, request)
}

func (l *Limited) patience() time.Duration {
	if l.Patience > 0 {
		return l.Patience
	}
	return 30 * time.Second
}

func (l *Limited) wait(ctx context.Context, d time.Duration) error {
	if l.Wait != nil {
		return l.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
