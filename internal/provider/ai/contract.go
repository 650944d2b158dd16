// Package ai is the contract of language models. A back end implements Model; what stands around it (limits, budget, fallback) is
// the same for all and stands here as decorators. A model in a process of its own would be one more type: the contract has
// values only, no callbacks and no types of any library.
package ai

import (
	"context"
	"encoding/json"
	"time"

	"kubeops.io/kubeops/internal/provider"
)

// Model is what every back end can do. All methods keep to the context's deadline, bound what they read, and return
// *problem.Problem errors that name the cause. They may be called from many goroutines.
type Model interface {
	// Probe looks whether the server answers and has the model, without a question.
	Probe(ctx context.Context) (Health, error)
	// Ask sends one question and returns the answer as the model wrote it: nothing of it is checked yet.
	Ask(ctx context.Context, request Request) (Answer, error)
	// Close lets go of connections.
	Close()
}

// Request is one question.
type Request struct {
	// System says what the model is to do, and User what it is about.
	System, User string
	// Schema of the answer, JSON Schema in the subset that all servers know: objects without further properties, all required,
	// arrays, strings, enums; bounds of lengths, which not every server keeps. Name of it, in letters, digits and underscores.
	Schema json.RawMessage
	Name   string
	// MaxTokens of the answer. Required.
	MaxTokens int
}

// Answer of a model.
type Answer struct {
	// Text that the model wrote.
	Text string
	// InputTokens and OutputTokens as the server counted them, estimated where it does not tell.
	InputTokens, OutputTokens int64
	// Provider and Model that answered, which may be those of a fallback.
	Provider, Model string
}

// Tokens that were spent.
func (a Answer) Tokens() int64 { return a.InputTokens + a.OutputTokens }

// Health is what a look found. What a server does not tell is nil or empty.
type Health struct {
	Version string
	// Model as the server names it.
	Model string
	// ContextLength that a prompt and its answer may have together, in tokens.
	ContextLength *int64
}

// Settings of a back end, with every reference resolved.
type Settings struct {
	// Endpoint of the API, with every header.
	Endpoint provider.Endpoint
	// Model to ask.
	Model string
	// ContextLength to load the model with, where a server can; zero leaves it.
	ContextLength int64
	// JSONObject asks for JSON without giving the server the schema; the model is told of it.
	JSONObject bool
	// Timeout of one request. Default 2m.
	Timeout time.Duration
	// MaxBytes of one answer. Default 1 MiB.
	MaxBytes int64
	// Egress and Metrics as the manager sets them.
	Egress  provider.Egress
	Metrics *provider.Metrics
}

// Registry of types of models.
type Registry = provider.Registry[Settings, Model]

// Defaulted fills in what is zero.
func (s Settings) Defaulted() Settings {
	if s.Timeout <= 0 {
		s.Timeout = 2 * time.Minute
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = 1 << 20
	}
	return s
}

// Estimate of the tokens of a text, on the high side: tokenizers make about one of four letters of English, and up to two of a
// character of other scripts.
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

// Estimate of what a request costs at most.
func (r Request) Estimate() int64 {
	const overhead = 32 // tokens that a chat puts around its messages
	return Estimate(r.System) + Estimate(r.User) + Estimate(string(r.Schema)) + int64(r.MaxTokens) + overhead
}

// Counted fills in what the server did not count, and disbelieves what cannot be: negative numbers would make a budget last for
// ever.
func (a Answer) Counted(request Request) Answer {
	if a.InputTokens <= 0 || a.InputTokens > 1<<40 {
		a.InputTokens = Estimate(request.System) + Estimate(request.User)
	}
	if a.OutputTokens <= 0 || a.OutputTokens > 1<<40 {
		a.OutputTokens = Estimate(a.Text)
	}
	return a
}
