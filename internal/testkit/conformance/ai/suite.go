// Package conformance is the suite of every AI backend. It runs against the backend's strict fake and against its real server, and
// depends on the contract only.
package conformance

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Target is a server with a model.
type Target struct {
	// New creates a backend for the server. The function change may alter its settings.
	New func(t *testing.T, change func(*ai.Settings)) ai.Model
	// ContextLength that Probe must report, or zero if it reports none.
	ContextLength int64
	// Patience with one answer. Default 10s.
	Patience time.Duration
	// Truncates is set if the server truncates a prompt that is too long without an error.
	Truncates bool
	// Scripted is set for fakes. Tests that need a model are skipped.
	Scripted bool
}

// schema of all answers in the suite.
const schema = `{"type":"object","properties":{"answer":{"type":"string","enum":["yes","no"]}},"required":["answer"],` +
	`"additionalProperties":false}`

// Run the suite.
func Run(t *testing.T, target Target) {
	if target.Patience == 0 {
		target.Patience = 10 * time.Second
	}
	for _, test := range []struct {
		name string
		run  func(*testing.T, context.Context, Target)
	}{
		{"finds its model", findsModel},
		{"says when the model is not there", missesModel},
		{"answers within a schema and counts tokens", answers},
		{"says when a prompt is too long", tooLong},
		{"says when an answer was cut off", cutOff},
		{"ends when its context ends", canceled},
		{"serves several at once", concurrent},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 4*target.Patience)
			defer cancel()
			test.run(t, ctx, target)
		})
	}
}

func same(*ai.Settings) {}

func open(t *testing.T, target Target, change func(*ai.Settings)) ai.Model {
	t.Helper()
	m := target.New(t, change)
	t.Cleanup(m.Close)
	return m
}

func question() ai.Request {
	return ai.Request{
		System: `You answer with one JSON object and nothing else: {"answer": "yes"} or {"answer": "no"}.`, User: "Is water wet?",
		Schema: json.RawMessage(schema), Name: "answer", MaxTokens: 64,
	}
}

func findsModel(t *testing.T, ctx context.Context, target Target) { //nolint:revive // all tests take the test first
	health, err := open(t, target, same).Probe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if health.Model == "" {
		t.Error("the model has no name")
	}
	switch {
	case target.ContextLength == 0 && health.ContextLength != nil:
		t.Errorf("got a context length of %d, want none", *health.ContextLength)
	case target.ContextLength != 0 && (health.ContextLength == nil || *health.ContextLength != target.ContextLength):
		t.Errorf("got a context length of %v, want %d", health.ContextLength, target.ContextLength)
	}
}

func missesModel(t *testing.T, ctx context.Context, target Target) { //nolint:revive // all tests take the test first
	m := open(t, target, func(s *ai.Settings) { s.Model = "no-such-model" })
	_, err := m.Probe(ctx)
	want(t, err, v1alpha1.ReasonModelNotFound)
	_, err = m.Ask(ctx, question())
	want(t, err, v1alpha1.ReasonModelNotFound)
}

func answers(t *testing.T, ctx context.Context, target Target) { //nolint:revive // all tests take the test first
	answer, err := open(t, target, same).Ask(ctx, question())
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Answer string }
	if err := json.Unmarshal([]byte(answer.Text), &told); err != nil || (told.Answer != "yes" && told.Answer != "no") {
		t.Errorf("the answer does not fit the schema: %q (%v)", answer.Text, err)
	}
	if answer.InputTokens <= 0 || answer.OutputTokens <= 0 || answer.Model == "" {
		t.Errorf("not counted, or without a model: %+v", answer)
	}
}

func tooLong(t *testing.T, ctx context.Context, target Target) { //nolint:revive // all tests take the test first
	if target.Truncates || target.Scripted {
		return
	}
	q := question()
	q.User = strings.Repeat("The quick brown fox jumps over the lazy dog. ", 2000)
	_, err := open(t, target, same).Ask(ctx, q)
	want(t, err, v1alpha1.ReasonContextTooLong)
}

func cutOff(t *testing.T, ctx context.Context, target Target) { //nolint:revive // all tests take the test first
	if target.Scripted {
		return
	}
	q := question()
	q.MaxTokens = 2
	_, err := open(t, target, same).Ask(ctx, q)
	want(t, err, v1alpha1.ReasonAnswerCutOff)
}

func canceled(t *testing.T, ctx context.Context, target Target) { //nolint:revive // all tests take the test first
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := open(t, target, same).Ask(ctx, question()); err == nil {
		t.Error("a question was answered after its context had ended")
	}
}

func concurrent(t *testing.T, ctx context.Context, target Target) { //nolint:revive // all tests take the test first
	m := open(t, target, same)
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			if _, err := m.Ask(ctx, question()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func want(t *testing.T, err error, reason string) {
	t.Helper()
	if p := problem.As(err); p == nil || p.Reason != reason {
		t.Errorf("got %v, want a problem with reason %s", err, reason)
	}
}
