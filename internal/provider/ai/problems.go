package ai

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// Refusal is an error that a server answered, reduced to what tells one cause from another. Its message is looked at and never
// quoted.
type Refusal struct {
	Status int
	// Code, Param and Message of the error, where the server tells.
	Code, Param, Message string
	// RetryAfter that the server asks for; zero where it does not.
	RetryAfter time.Duration
}

// longestRetryAfter is the most that a server is believed to want.
const longestRetryAfter = 24 * time.Hour

// Problem words a refusal. The fields that it names are those of an AIProvider.
func (f Refusal) Problem(c *provider.Client, model string) *problem.Problem {
	host := c.Host()
	switch {
	case f.contextTooLong():
		return problem.Retrying(v1alpha1.ReasonContextTooLong, nil,
			"the prompt is longer than model %s at %s can take; set spec.contextLength to what the server allows", model, host)
	case f.unpaid():
		return problem.Retrying(v1alpha1.ReasonPaymentRequired, nil,
			"%s does not answer before it is paid (%d): the credit or quota of the account is used up; look at its billing page", host, f.Status)
	case f.Status == http.StatusUnauthorized:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
			"%s does not accept the API key (401); check the Secret that the spec names, and which URL the key is for", host)
	case f.Status == http.StatusForbidden:
		return problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"%s knows the API key and forbids this (403); give it the right to use model %s", host, model)
	case f.modelMissing():
		return NoModel(host, model)
	case f.Status == http.StatusTooManyRequests:
		p := problem.Retrying(v1alpha1.ReasonRateLimited, nil,
			"%s asks for fewer requests (429); lower spec.requestsPerMinute or spec.tokensPerMinute, or raise its limits", host)
		p.After = f.RetryAfter
		return p
	case f.Code == "content_filter", f.Code == "content_policy_violation":
		return Refused(host)
	}
	p := c.RefusedStatus(f.Status)
	p.After = f.RetryAfter
	return p
}

// NoModel is the problem of a server without the model.
func NoModel(host, model string) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonModelNotFound, nil,
		"%s does not have model %s; check spec.model, or load the model there", host, model)
}

// Refused is the problem of a model that does not want to answer.
func Refused(host string) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonModelRefused, nil, "the model at %s, or a filter before it, refused to answer", host)
}

// CutOff is the problem of an answer that ended at its limit.
func CutOff(host string) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonAnswerCutOff, nil,
		"the model at %s used up spec.maxAnswerTokens before its answer was complete; raise it, above all for a model that thinks first", host)
}

func (f Refusal) contextTooLong() bool {
	if f.Status != http.StatusBadRequest && f.Status != http.StatusRequestEntityTooLarge && f.Status != http.StatusUnprocessableEntity && f.Status < 500 {
		return false
	}
	if f.Code == "context_length_exceeded" || f.Status == http.StatusRequestEntityTooLarge {
		return true
	}
	message := strings.ToLower(f.Message)
	for _, sign := range []string{
		"maximum context length", "context length", "context window", "context_length", "exceeds the available context size", "too many tokens", "prompt is too long", "context overflow",
	} {
		if strings.Contains(message, sign) {
			return true
		}
	}
	return false
}

func (f Refusal) unpaid() bool {
	return f.Status == http.StatusPaymentRequired || f.Code == "insufficient_quota" || f.Code == "billing_hard_limit_reached" || f.Code == "billing_not_active"
}

func (f Refusal) modelMissing() bool {
	if f.Code == "model_not_found" || f.Code == "DeploymentNotFound" {
		return true
	}
	message := strings.ToLower(f.Message)
	return f.Status == http.StatusNotFound && strings.Contains(message, "model") && (strings.Contains(message, "not found") || strings.Contains(message, "does not exist"))
}

// RetryAfter reads the header of that name, in seconds or as a date, and OpenAI's in milliseconds.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	var after time.Duration
	if ms, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64); err == nil && ms > 0 && ms < float64(longestRetryAfter.Milliseconds()) {
		after = time.Duration(ms * float64(time.Millisecond))
	} else if seconds, err := strconv.ParseFloat(header.Get("Retry-After"), 64); err == nil {
		if !(seconds > 0) { // NaN, too
			return 0
		}
		after = time.Duration(min(seconds, longestRetryAfter.Seconds()) * float64(time.Second))
	} else if date, err := http.ParseTime(header.Get("Retry-After")); err == nil {
		after = date.Sub(now)
	}
	return min(max(after, 0), longestRetryAfter)
}

// Reason of an error.
func Reason(err error) string {
	if p := problem.As(err); p != nil {
		return p.Reason
	}
	return v1alpha1.ReasonRetrying
}

// elsewhere says whether another model may answer what this one did not: it is down, or out of reach, credit or budget. A question
// that is too long for one, or that one refuses, is another matter.
func elsewhere(err error) bool {
	p := problem.As(err)
	if p == nil {
		return false
	}
	switch p.Reason {
	case v1alpha1.ReasonContextTooLong, v1alpha1.ReasonModelRefused, v1alpha1.ReasonAnswerCutOff:
		return false
	}
	return true
}

// joined keeps the first problem's reason and words, with the others as its cause.
func joined(errs []error) error {
	first := problem.As(errs[0])
	if len(errs) == 1 || first == nil {
		return errs[0]
	}
	shown := *first
	shown.Cause = errors.Join(errs...)
	for _, err := range errs[1:] {
		if p := problem.As(err); p != nil {
			shown.Message += "; its fallback: " + p.Message
		}
	}
	return &shown
}
