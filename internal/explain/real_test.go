package explain

import (
	"context"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/ai/ollama"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// looksForItself is a real model that is asked what to read and what follows from it. Its first answer is not its own, so that it is always
// asked to investigate.
type looksForItself struct {
	ai.Model
	turns int
}

func (l *looksForItself) Ask(ctx context.Context, request ai.Request) (ai.Answer, error) {
	looking := strings.HasPrefix(request.System, "You investigate")
	if !looking && !strings.Contains(request.User, `"id":"t1"`) {
		return ai.Answer{Text: unknown, InputTokens: 1, OutputTokens: 1}, nil
	}
	if looking {
		l.turns++
	}
	return l.Model.Ask(ctx, request)
}

// TestARealModelInvestigates has a small model choose what to read. What it chooses and concludes is not judged: limits hold, and the report is
// explained in time.
func TestARealModelInvestigates(t *testing.T) {
	server := servers.StartOllama(t)
	const timeout = 2 * time.Minute
	real, err := ollama.New(ai.Settings{
		Endpoint: provider.Endpoint{URL: server.URL}, Model: servers.OllamaModel, ContextLength: 2 * servers.OllamaContext,
		Egress: provider.Egress{AllowLoopback: true}, Timeout: timeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(real.Close)
	model := &looksForItself{Model: real}
	store := &memory{}
	report := oneProblem()
	gate, err := NewGate(nil, report, nil)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	result := mustRun(t, Input{
		Report: report, Language: v1alpha1.LanguageEnglish, MaxCauses: 1, Store: store,
		Tools: toolsOn(t, "starting\nFATAL: no such table: carts\n"), Investigate: v1alpha1.InvestigateUnknown,
		Candidates: []Candidate{{
			Model: model, Provider: "p", Name: servers.OllamaModel, ContextLength: 2 * servers.OllamaContext, AnswerTokens: 128, Gate: gate,
		}},
	})
	took := time.Since(began)
	if len(store.added) != 1 || result.Problem != nil || store.added[0].Investigation == nil {
		t.Fatalf("got %+v, %+v", result, store.added)
	}
	i := store.added[0].Investigation
	t.Logf("%d requests for reads in %s: ended by %s after %d tokens", model.turns, took.Round(time.Second), i.Ended, i.Tokens)
	for _, call := range i.Calls {
		t.Logf("%s %s %s: %d lines, refused: %s", call.ID, call.Tool, call.Arguments, call.Lines, call.Refused)
		if len(call.Text) > tools.MaxBytes || strings.Contains(call.Text, "secret-of-a-secret") {
			t.Errorf("call %s has %d bytes: %s", call.ID, len(call.Text), call.Text)
		}
	}
	if model.turns == 0 || model.turns > maxTurns || len(i.Calls) > tools.MaxRecorded || i.Tokens > MaxInvestigationTokens ||
		took > MaxInvestigationTime+timeout || !wellFormed(i) {
		t.Errorf("%d requests, %d calls, %d tokens, %s, ended: %s", model.turns, len(i.Calls), i.Tokens, took, i.Ended)
	}
}
