package ai

import (
	"context"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// maxAttempts of one question if the server limits the rate or returns a server error.
	maxAttempts     = 3
	defaultTimeout  = 2 * time.Minute
	defaultPatience = 30 * time.Second
)

// Limited is a model with its limits: each question waits for a free slot, is charged to the budget before it is sent, and is
// retried a few times if the server requests it.
type Limited struct {
	Model
	Meter *Meter
	// Name of the provider, for answers.
	Name string
	// Save stores the usage. It is called when a question has been charged, before it is sent, and again after the answer. If the
	// first call fails, the question is not sent: its tokens would be forgotten by a restart. Nil stores nothing.
	Save func(ctx context.Context) error
	// Patience is the longest Retry-After to wait for. Default 30s.
	Patience time.Duration
	// Timeout of one request, without the wait for a free slot. Default 2m.
	Timeout time.Duration
	// Unqueued skips the wait for a free slot. The probe sets it, which must not fail because the model is in use.
	Unqueued bool
	// Wait for a duration. Default: the real clock.
	Wait func(ctx context.Context, d time.Duration) error
}

// Ask sends a question when there is a free slot.
func (l *Limited) Ask(ctx context.Context, request Request) (Answer, error) {
	maxTokens := request.Estimate()
	reserved, err := l.Meter.reserve(maxTokens)
	if err != nil {
		return Answer{}, err
	}
	spent := int64(0)
	defer func() {
		l.Meter.settle(reserved, spent)
		if l.Save != nil {
			_ = l.Save(context.WithoutCancel(ctx)) // the next question reports a failure
		}
	}()
	if l.Save != nil {
		if err := l.Save(ctx); err != nil {
			return Answer{}, err
		}
	}
	if !l.Unqueued {
		leave, err := l.Meter.enter(ctx, maxTokens)
		if err != nil {
			return Answer{}, err
		}
		defer leave()
	}
	answer, err := l.askWithRetries(ctx, request)
	switch {
	case err == nil:
		spent = answer.Tokens()
		l.Meter.recordAnswer()
	case answer.Tokens() > 0:
		spent = answer.Tokens() // an unusable answer costs the same
	default:
		spent = costOf(err, request)
	}
	answer.Provider = l.Name
	return answer, err
}

// costOf a question without an answer: zero if the server rejected it, and the maximum if the model may have worked on it.
func costOf(err error, request Request) int64 {
	switch Reason(err) {
	case v1alpha1.ReasonTimeout, v1alpha1.ReasonResponseTooLarge, v1alpha1.ReasonAnswerCutOff, v1alpha1.ReasonInvalidResponse,
		v1alpha1.ReasonModelRefused, v1alpha1.ReasonInvalidAnswer:
		return request.Estimate()
	}
	return 0
}

func (l *Limited) askWithRetries(ctx context.Context, request Request) (answer Answer, err error) {
	backoff := time.Second
	for attempt := 1; ; attempt++ {
		answer, err = l.askOnce(ctx, request)
		if err == nil || attempt == maxAttempts || ctx.Err() != nil {
			return answer, err
		}
		p := problem.As(err)
		if p == nil || (p.Reason != v1alpha1.ReasonRateLimited && p.Reason != v1alpha1.ReasonServerError) {
			return answer, err
		}
		delay := p.After
		if delay <= 0 {
			delay = backoff
			backoff *= 4
		}
		if delay > withDefault(l.Patience, defaultPatience) {
			return answer, err
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < delay {
			return answer, err
		}
		if l.wait(ctx, delay) != nil {
			return answer, err
		}
	}
}

func (l *Limited) askOnce(ctx context.Context, request Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, withDefault(l.Timeout, defaultTimeout))
	defer cancel()
	return l.Model.Ask(ctx, request)
}

func withDefault(value, fallback time.Duration) time.Duration {
	if value > 0 {
		return value
	}
	return fallback
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
