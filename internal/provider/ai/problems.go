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

// Refusal is an error response, reduced to what identifies its cause. Its message is searched for known phrases, and a piece of it is
// quoted if there are none.
type Refusal struct {
	// Status of the response. It is 200 for an error in a response that is none by its status.
	Status int
	// Code, Param and Message of the error, if the server sends them.
	Code, Param, Message string
	// RetryAfter that the server requests, or zero.
	RetryAfter time.Duration
	// Secrets of the request, which are never quoted.
	Secrets []string
}

// maxRetryAfter caps what a server can request.
const maxRetryAfter = 24 * time.Hour

// Problem describes a refusal. It refers to the fields of an AIProvider.
func (f Refusal) Problem(client *provider.Client, model string) *problem.Problem {
	host := client.Host()
	switch {
	case f.contextTooLong():
		return problem.Retrying(v1alpha1.ReasonContextTooLong, nil,
			"the prompt exceeds the context length of model %s at %s; set spec.contextLength to what the server allows", model, host)
	case f.unpaid():
		return problem.Retrying(v1alpha1.ReasonPaymentRequired, nil,
			"%s requires payment (%d): the credit or quota of the account is used up; check its billing page", host, f.Status)
	case f.Status == http.StatusUnauthorized:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
			"%s rejected the API key (401); check the Secret with the key, and that the key belongs to this URL", host)
	case f.Status == http.StatusForbidden:
		return problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"%s denied access (403); allow the API key to use model %s", host, model)
	case f.modelMissing():
		return ModelNotFound(host, model)
	case f.Status == http.StatusTooManyRequests:
		p := problem.Retrying(v1alpha1.ReasonRateLimited, nil,
			"%s limits the rate (429); lower spec.requestsPerMinute or spec.tokensPerMinute, or raise the limits there", host)
		p.After = f.RetryAfter
		return p
	case f.Code == "content_filter", f.Code == "content_policy_violation":
		return ModelRefused(host)
	}
	p := f.quoted(client)
	p.After = f.RetryAfter
	return p
}

// quoted is the problem of a refusal of an unknown cause, with the server's words.
func (f Refusal) quoted(client *provider.Client) *problem.Problem {
	host := client.Host()
	words := f.Words()
	switch {
	case words == "" && f.Status < 300:
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s returned an error instead of an answer; see its log", host)
	case words == "":
		return client.RefusedStatus(f.Status)
	case f.Status < 300:
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s returned an error instead of an answer: %s", host, words)
	case f.Status == http.StatusBadRequest, f.Status == http.StatusUnprocessableEntity:
		return problem.Retrying(v1alpha1.ReasonInvalidQuery, nil, "%s rejected the request (%d): %s", host, f.Status, words)
	case f.Status >= http.StatusInternalServerError:
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s returned a server error (%d): %s", host, f.Status, words)
	}
	return client.RefusedStatus(f.Status)
}

// ModelNotFound is the problem of a server without the model.
func ModelNotFound(host, model string) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonModelNotFound, nil,
		"%s does not have model %s; check spec.model, or add the model to the server", host, model)
}

// ModelRefused is the problem of a model that refuses to answer.
func ModelRefused(host string) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonModelRefused, nil, "the model at %s, or its content filter, refused to answer", host)
}

// AnswerCutOff is the problem of an answer that reached its limit of tokens.
func AnswerCutOff(host string) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonAnswerCutOff, nil,
		"the answer of the model at %s was cut off at spec.maxAnswerTokens; raise it, especially for a reasoning model", host)
}

func (f Refusal) contextTooLong() bool {
	switch {
	case f.Status == http.StatusOK, f.Status == http.StatusBadRequest, f.Status == http.StatusRequestEntityTooLarge,
		f.Status == http.StatusUnprocessableEntity, f.Status >= http.StatusInternalServerError:
	default:
		return false
	}
	if f.Code == "context_length_exceeded" || f.Status == http.StatusRequestEntityTooLarge {
		return true
	}
	message := strings.ToLower(f.Message)
	for _, phrase := range []string{
		"context length", "context window", "context_length", "exceeds the available context size", "too many tokens",
		"prompt is too long", "context overflow",
	} {
		if strings.Contains(message, phrase) {
			return true
		}
	}
	return false
}

func (f Refusal) unpaid() bool {
	return f.Status == http.StatusPaymentRequired ||
		f.Code == "insufficient_quota" || f.Code == "billing_hard_limit_reached" || f.Code == "billing_not_active"
}

func (f Refusal) modelMissing() bool {
	if f.Code == "model_not_found" || f.Code == "DeploymentNotFound" {
		return true
	}
	message := strings.ToLower(f.Message)
	missing := strings.Contains(message, "not found") || strings.Contains(message, "does not exist")
	return (f.Status == http.StatusNotFound || f.Status == http.StatusOK) && strings.Contains(message, "model") && missing
}

// RetryAfter reads the header Retry-After, in seconds or as a date, and OpenAI's Retry-After-Ms. It is zero without them.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	var after time.Duration
	ms, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64)
	if err == nil && ms > 0 && ms < float64(maxRetryAfter.Milliseconds()) {
		after = time.Duration(ms * float64(time.Millisecond))
	} else if seconds, err := strconv.ParseFloat(header.Get("Retry-After"), 64); err == nil {
		if !(seconds > 0) { // NaN, too
			return 0
		}
		after = time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	} else if date, err := http.ParseTime(header.Get("Retry-After")); err == nil {
		after = date.Sub(now)
	}
	return min(max(after, 0), maxRetryAfter)
}

// Reason of an error.
func Reason(err error) string {
	if p := problem.As(err); p != nil {
		return p.Reason
	}
	return v1alpha1.ReasonRetrying
}

// shouldFallBack reports whether another model may answer: this one is unavailable, or has no credit or budget left. A question that is
// too long, or that a model refused, would fail again.
func shouldFallBack(err error) bool {
	p := problem.As(err)
	if p == nil {
		return false
	}
	switch p.Reason {
	case v1alpha1.ReasonContextTooLong, v1alpha1.ReasonModelRefused, v1alpha1.ReasonAnswerCutOff, v1alpha1.ReasonToolsNotSupported:
		return false
	}
	return true
}

// joinProblems returns the first problem with the messages of the others appended.
func joinProblems(errs []error) error {
	first := problem.As(errs[0])
	if len(errs) == 1 || first == nil {
		return errs[0]
	}
	shown := *first
	shown.Cause = errors.Join(errs...)
	for _, err := range errs[1:] {
		if p := problem.As(err); p != nil {
			shown.Message += "; fallback: " + p.Message
		}
	}
	return &shown
}
