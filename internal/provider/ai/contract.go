// Package ai is the contract of language models. A backend implements Model. What every backend needs (limits, budget, fallback)
// wraps a Model and is part of this package. The contract has plain values only, no callbacks and no types of a library, so that a
// model in another process could implement it as well.
package ai

import (
	"context"
	"encoding/json"
	"time"

	"kubeops.io/kubeops/internal/provider"
)

// Model is what every backend implements. All methods respect the context's deadline, limit what they read, and return
// *problem.Problem errors that name the cause. They are safe for concurrent use.
type Model interface {
	// Probe checks that the server responds and has the model. It asks no question.
	Probe(ctx context.Context) (Health, error)
	// Ask sends one question and returns the answer as the model wrote it, unchecked.
	Ask(ctx context.Context, request Request) (Answer, error)
	// Close closes idle connections.
	Close()
}

// Request is one question.
type Request struct {
	// System holds the instructions, User the content they apply to.
	System, User string
	// Schema of the answer, in the subset of JSON Schema that all servers support: objects without additional properties, all of
	// them required, arrays, strings and enums. Bounds of lengths are allowed, but some servers ignore them.
	Schema json.RawMessage
	// Name of the schema: letters, digits and underscores.
	Name string
	// MaxTokens of the answer. Required.
	MaxTokens int
	// Tools that the model may call. A request with tools has no Schema, since most servers permit one of both.
	Tools []Tool
	// Turns are the calls that the model has made since User, with their results.
	Turns []Turn
}

// Answer of a model.
type Answer struct {
	// Text that the model wrote.
	Text string
	// Calls of tools, at most MaxCalls. Empty unless the request has tools.
	Calls []Call
	// InputTokens and OutputTokens as counted by the server, or estimated if it does not report them.
	InputTokens, OutputTokens int64
	// Provider and Model that answered, which may be those of a fallback.
	Provider, Model string
}

// Tokens that were spent.
func (a Answer) Tokens() int64 { return a.InputTokens + a.OutputTokens }

// Health is the result of a probe. What a server does not report is nil or empty.
type Health struct {
	Version string
	// Model as the server names it.
	Model string
	// ContextLength is the limit of a prompt and its answer together, in tokens.
	ContextLength *int64
}

// Settings of a backend, with every reference resolved.
type Settings struct {
	// Endpoint of the API, including every header.
	Endpoint provider.Endpoint
	// Model to ask.
	Model string
	// ContextLength to load the model with, if the server supports it. Zero keeps the server's own.
	ContextLength int64
	// JSONObject requests JSON without sending the schema as a parameter. The prompt includes it instead.
	JSONObject bool
	// Timeout of one request. Default 2m.
	Timeout time.Duration
	// MaxBytes of one response. Default 1 MiB.
	MaxBytes int64
	// Egress, Metrics and Memory as the manager sets them.
	Egress  provider.Egress
	Metrics *provider.Metrics
	Memory  *provider.ResponseShare
}

// Defaulted replaces zero values with defaults.
func (s Settings) Defaulted() Settings {
	if s.Timeout <= 0 {
		s.Timeout = 2 * time.Minute
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = 1 << 20
	}
	return s
}

// Secrets are the values that a request carries to identify its sender.
func (s Settings) Secrets() []string {
	secrets := []string{s.Endpoint.Auth.BearerToken, s.Endpoint.Auth.Password, s.Endpoint.Auth.APIKey}
	for _, values := range s.Endpoint.Header {
		secrets = append(secrets, values...)
	}
	return secrets
}

// Estimate is a high estimate of the tokens of a text. A token is about four letters of English; a character of another script
// takes up to two tokens.
func Estimate(text string) int64 {
	var letters, others int64
	for _, r := range text {
		if r < 0x80 {
			letters++
		} else {
			others++
		}
	}
	return (letters+2)/3 + others*3/2
}

// Estimate is the maximum that a request costs, in tokens.
func (r Request) Estimate() int64 {
	const overhead = 32 // tokens that a chat adds around its messages
	return Estimate(r.System) + Estimate(r.User) + Estimate(string(r.Schema)) + int64(r.MaxTokens) + r.estimateTools() +
		overhead
}

// Counted estimates the tokens that the server did not report. Impossible numbers count as not reported: with negative ones, a budget
// would last forever.
func (a Answer) Counted(request Request) Answer {
	if a.InputTokens <= 0 || a.InputTokens > 1<<40 {
		a.InputTokens = Estimate(request.System) + Estimate(request.User) + request.estimateTools()
	}
	if a.OutputTokens <= 0 || a.OutputTokens > 1<<40 {
		a.OutputTokens = Estimate(a.Text)
		for _, call := range a.Calls {
			a.OutputTokens += Estimate(string(call.Arguments))
		}
	}
	return a
}
