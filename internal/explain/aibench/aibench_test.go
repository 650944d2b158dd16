package aibench_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain"
	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/explain/aibench/measure"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/testkit"
)

// recorder is a model that keeps the questions and knows no answer.
type recorder struct {
	mutex sync.Mutex
	asked []ai.Request
}

func (r *recorder) Probe(context.Context) (ai.Health, error) { return ai.Health{}, nil }
func (r *recorder) Close()                                   {}

func (r *recorder) Ask(_ context.Context, request ai.Request) (ai.Answer, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.asked = append(r.asked, request)
	return ai.Answer{Text: `{"summary":"The evidence does not show the cause.","why":[],"fix":[],"confidence":"unknown"}`}, nil
}

// forgetful is a store that keeps nothing.
type forgetful struct{}

func (forgetful) Lookup(context.Context, []string) (map[string]v1alpha1.Explanation, error) {
	return nil, nil
}
func (forgetful) Add(context.Context, ...v1alpha1.Explanation) error { return nil }

// inspected is a scenario after its inspection.
type inspected struct {
	report  *v1alpha1.InspectionReport
	cluster *aibench.Cluster
}

func inspectScenario(t *testing.T, s aibench.Scenario) inspected {
	t.Helper()
	i, err := measure.Inspect(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return inspected{report: i.Report, cluster: i.Cluster}
}

// input explains a report by a model.
func input(t *testing.T, i inspected, model ai.Model, store explain.Store, withBackground bool) explain.Input {
	t.Helper()
	in := explain.Input{Report: i.report, Language: v1alpha1.LanguageEnglish, MaxCauses: 10, Store: store}
	if withBackground {
		in.Background = map[string]background.Facts{}
		for _, c := range explain.Causes(i.report, in.MaxCauses) {
			if c.ClassOrDefault() == v1alpha1.ClassProblem {
				in.Background[c.ID] = background.Gather(t.Context(), i.cluster, c.Finding, c.Effects, testkit.Now())
			}
		}
	}
	gate, err := explain.NewGate(nil, i.report, nil)
	if err != nil {
		t.Fatal(err)
	}
	in.Candidates = []explain.Candidate{{
		Model: model, Provider: "p", Name: "m", ContextLength: 32_000, AnswerTokens: 1024, Gate: gate,
	}}
	return in
}

// prompts asks about the problems of a report and returns the questions, without the others.
func prompts(t *testing.T, i inspected, withBackground bool) []ai.Request {
	t.Helper()
	model := &recorder{}
	in := input(t, i, model, forgetful{}, withBackground)
	if _, err := explain.Run(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	problems := 0
	for _, c := range explain.Causes(i.report, in.MaxCauses) {
		if c.ClassOrDefault() == v1alpha1.ClassProblem {
			problems++
		}
	}
	return model.asked[:problems]
}

// shown reports whether one prompt has everything that shows the cause.
func shown(s aibench.Scenario, asked []ai.Request) bool {
	return slices.ContainsFunc(asked, func(request ai.Request) bool { return measure.Shown(s, request) })
}

// TestTheCauseIsInThePrompt holds the figures that docs/ai.md names.
func TestTheCauseIsInThePrompt(t *testing.T) {
	const (
		minScenarios = 35
		minShown     = 35
		maxTokens    = 2500 // of one prompt on average
	)
	scenarios, err := aibench.Read("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var found, before, tokens, asked int
	for _, s := range scenarios {
		i := inspectScenario(t, s)
		requests := prompts(t, i, true)
		for _, request := range requests {
			tokens += int(ai.Estimate(request.System) + ai.Estimate(request.User))
			asked++
		}
		if shown(s, prompts(t, i, false)) {
			before++
		}
		if shown(s, requests) {
			found++
			continue
		}
		t.Logf("%s: the prompt does not show that %s", s.Name, s.Cause)
		if strings.HasPrefix(s.Name, "lab-") {
			t.Errorf("%s must be shown", s.Name)
		}
		for _, request := range requests {
			t.Log(request.User)
		}
	}
	mean := tokens / max(asked, 1)
	t.Logf("%d scenarios, %d with the cause in the prompt, %d without the background; %d tokens for each of %d root causes",
		len(scenarios), found, before, mean, asked)
	if len(scenarios) < minScenarios || found < minShown || mean > maxTokens {
		t.Errorf("want at least %d of %d scenarios and at most %d tokens for a root cause", minShown, minScenarios, maxTokens)
	}
}
