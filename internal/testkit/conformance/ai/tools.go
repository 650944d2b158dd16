package conformance

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/testkit/models"
)

// Tools runs a backend against its fake with a model that calls tools.
func Tools(
	t *testing.T, start func(t testing.TB, options ...models.Option) *models.Fake,
	open func(t *testing.T, fake *models.Fake, change func(*ai.Settings)) ai.Model,
) {
	asking := func() ai.Request {
		q := question()
		q.Schema = nil
		q.Tools = []ai.Tool{{
			Name: "get", Description: "An object.", Parameters: json.RawMessage(`{"type":"object","properties":{"kind":{"type":"string"},` +
				`"lines":{"type":"integer"}},"required":["kind"],"additionalProperties":false}`),
		}}
		return q
	}
	t.Run("calls tools and gets their results", func(t *testing.T) {
		fake := start(t)
		fake.Answer(func(turn models.Turn) models.Reply {
			if len(turn.Results) == 2 {
				return models.Reply{Text: "done"}
			}
			return models.Reply{Calls: []models.Call{
				{ID: "a", Tool: "get", Arguments: `{"kind":"Pod"}`},
				{ID: "b", Tool: "get", Arguments: `{"kind":"Node","lines":3,"x":{"y":[1]}}`},
			}}
		})
		m := open(t, fake, same)
		t.Cleanup(m.Close)
		q := asking()
		answer, err := m.Ask(t.Context(), q)
		if err != nil || len(answer.Calls) != 2 {
			t.Fatalf("got %+v, %v", answer, err)
		}
		var arguments map[string]any
		second := answer.Calls[1]
		err = json.Unmarshal(second.Arguments, &arguments)
		if err != nil || second.Tool != "get" || second.ID != "b" || arguments["kind"] != "Node" {
			t.Errorf("got %s(%s) as %s: %v", second.Tool, second.Arguments, second.ID, err)
		}
		q.Turns = []ai.Turn{{Calls: answer.Calls, Results: []string{"one", "two"}}}
		answer, err = m.Ask(t.Context(), q)
		if err != nil || len(answer.Calls) != 0 || answer.Text != "done" {
			t.Errorf("got %+v, %v", answer, err)
		}
		if asked := fake.Asked()[1]; !slices.Equal(asked.Results, []string{"one", "two"}) || !slices.Equal(asked.Tools, []string{"get"}) {
			t.Errorf("asked %+v", asked)
		}
	})
	t.Run("reports a model that cannot call tools", func(t *testing.T) {
		m := open(t, start(t, models.WithoutTools()), same)
		t.Cleanup(m.Close)
		_, err := m.Ask(t.Context(), asking())
		want(t, err, v1alpha1.ReasonToolsNotSupported)
		if _, err := m.Ask(t.Context(), question()); err != nil {
			t.Errorf("a question without tools fails: %v", err)
		}
	})
	t.Run("bounds what a model calls", func(t *testing.T) {
		fake := start(t)
		fake.Answer(func(models.Turn) models.Reply {
			call := models.Call{Tool: strings.Repeat("n", 1000), Arguments: `{"kind":"` + strings.Repeat("a", 10_000) + `"}`}
			return models.Reply{Calls: slices.Repeat([]models.Call{call}, 500)}
		})
		m := open(t, fake, func(s *ai.Settings) { s.MaxBytes = 16 << 20 })
		t.Cleanup(m.Close)
		answer, err := m.Ask(t.Context(), asking())
		if err != nil || len(answer.Calls) != ai.MaxCalls {
			t.Fatalf("%d calls, %v", len(answer.Calls), err)
		}
		c := answer.Calls[0]
		if c.ID == "" || c.ID == answer.Calls[1].ID || len(c.Tool) > ai.MaxCallName || len(c.Arguments) > ai.MaxArguments+100 {
			t.Errorf("id %q, name of %d bytes, arguments of %d bytes", c.ID, len(c.Tool), len(c.Arguments))
		}
	})
}
