package aibench_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain"
	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/provider/ai"
)

// scripted is a model that answers the question that shows the cause of a scenario, and knows no other.
type scripted struct {
	recorder
	of aibench.Scenario
}

func (s *scripted) Ask(ctx context.Context, request ai.Request) (ai.Answer, error) {
	answer, err := s.recorder.Ask(ctx, request)
	if shown(s.of, []ai.Request{request}) {
		answer.Text = s.of.Answer
	}
	return answer, err
}

func TestAnswersOfACapableModelAreKeptWhole(t *testing.T) {
	scenarios, err := aibench.Read("testdata")
	if err != nil {
		t.Fatal(err)
	}
	answered := 0
	for _, s := range scenarios {
		if s.Answer == "" {
			continue
		}
		answered++
		store := &remembering{kept: map[string]v1alpha1.Explanation{}}
		model := &scripted{of: s}
		if _, err := explain.Run(t.Context(), input(t, inspectScenario(t, s), model, store, true)); err != nil {
			t.Fatal(err)
		}
		certain := slices.IndexFunc(store.added, func(e v1alpha1.Explanation) bool { return len(e.Fix) > 0 })
		if certain < 0 {
			t.Errorf("%s: the answer is not kept: %+v", s.Name, store.added)
			continue
		}
		e := store.added[certain]
		if e.Dropped != "" || e.Confidence != v1alpha1.ConfidenceHigh || e.DroppedClaims != 0 || len(e.Fix) != 1 || e.Fix[0].Removed {
			t.Errorf("%s: got %+v", s.Name, e)
			continue
		}
		for _, w := range e.Why {
			if w.Quote == "" {
				t.Errorf("%s: the quote of %q is not in its evidence", s.Name, w.Claim)
			}
		}
		if len(e.Evidence) == 0 || strings.Count(s.Answer, "ruledOut\":[{") != len(e.RuledOut) {
			t.Errorf("%s: got evidence %+v, ruled out %+v", s.Name, e.Evidence, e.RuledOut)
		}
	}
	if answered < 4 {
		t.Errorf("%d scenarios have an answer", answered)
	}
}
