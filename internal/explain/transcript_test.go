package explain

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/models"
)

func TestWhatIsReadIsRedactedAndMasked(t *testing.T) {
	fake := models.OpenAI(t)
	settings := &v1alpha1.AIRedaction{Names: true}
	var masked string
	fake.Answer(func(turn models.Turn) models.Reply {
		switch phase(turn) {
		case "looking":
			if len(turn.Results) > 0 {
				return models.Reply{}
			}
			return models.Reply{Calls: []models.Call{{Tool: "list", Arguments: `{"kind":"Pod","namespace":"name-1"}`}, {
				Tool: "logs", Arguments: `{"namespace":"name-1","pod":"cart-0"}`,
			}}}
		case "concluding":
			masked = turn.User
			return models.Reply{Text: known("t2", "cannot log in to name-3 with password=")}
		}
		return models.Reply{Text: unknown}
	})
	e, _, _ := explained(t, fake, toolsOn(t, "cannot log in to cart-0 with password=hunter2hunter2\n"), func(in *Input) {
		in.Candidates[0].Gate = gate(t, settings, in.Report, nil)
	})
	if strings.Contains(fake.Captured(), "hunter2") || strings.Contains(masked, "shop") || !strings.Contains(masked, "[redacted:") {
		t.Errorf("a secret or name was sent: %s", masked)
	}
	if e.Confidence != v1alpha1.ConfidenceHigh || !strings.Contains(e.Why[0].Quote, "cannot log in to cart-0") {
		t.Errorf("the quote is not found: %+v", e)
	}
	kept := e.Investigation.Calls[1]
	if !strings.Contains(kept.Text, "cannot log in to cart-0") || strings.Contains(kept.Text, "hunter2") || kept.Arguments != `{"namespace":"shop","pod":"cart-0"}` {
		t.Errorf("kept %+v", kept)
	}
}

func TestAnInvestigatedAnswerIsReused(t *testing.T) {
	fake := models.OpenAI(t)
	fake.Answer(investigating(known("t1:1", "FATAL: no such table"), once(logsOf("cart-0"))))
	_, _, store := explained(t, fake, toolsOn(t, "FATAL: no such table\n"))
	asked := len(fake.Asked())
	again := func(change func(*Input)) v1alpha1.Explanation {
		in := input(store, oneProblem(), candidate(t, fake, func(c *Candidate) { c.ContextLength = 32_000 }))
		in.Tools = toolsOn(t, "")
		in.Investigate = v1alpha1.InvestigateUnknown
		change(&in)
		mustRun(t, in)
		return store.added[len(store.added)-1]
	}
	e := again(func(*Input) {})
	if len(fake.Asked()) != asked || e.Why[0].Quote == "" || e.Investigation == nil || e.Investigation.Calls[0].Text == "" {
		t.Errorf("asked %d times more: %+v", len(fake.Asked())-asked, e)
	}
	// Without an investigation, it is another question.
	if e := again(func(in *Input) { in.Tools = nil }); len(fake.Asked()) != asked+1 || e.Investigation != nil {
		t.Errorf("asked %d times more: %+v", len(fake.Asked())-asked, e)
	}
	// A transcript in the cache may be forged: the quote must be in it, and what it says is redacted.
	for _, e := range store.by {
		if e.Investigation == nil {
			continue
		}
		e.Investigation = e.Investigation.DeepCopy()
		e.Investigation.Calls[0].Text = "something else, token=hunter2hunter2hunter2"
		store.by[e.Key] = e
	}
	e = again(func(*Input) {})
	if content, err := json.Marshal(e); err != nil || e.Confidence != v1alpha1.ConfidenceLow || strings.Contains(string(content), "hunter2") {
		t.Errorf("got %s, %v", content, err)
	}
}

// next is the store of the next report.
func (m *memory) next() *memory { return &memory{by: maps.Clone(m.by)} }

func TestAnAnswerIsReusedOnlyWithTheToolsItWasGivenWith(t *testing.T) {
	all := []string{"none", "cluster", "cluster and metrics", "cluster and logs"}
	toolsFor := func(name string) *tools.Set {
		set := toolsOn(t, "FATAL: no such table\n")
		switch name {
		case "none":
			return nil
		case "cluster and metrics":
			return set.With(tools.Sources{Metrics: struct{ metrics.Provider }{}})
		case "cluster and logs":
			return set.With(tools.Sources{Logs: struct{ logs.Provider }{}, Redact: strings.Clone})
		}
		return set
	}
	for _, first := range all {
		fake := models.OpenAI(t)
		fake.Answer(func(turn models.Turn) models.Reply {
			if phase(turn) == "looking" {
				return models.Reply{}
			}
			return models.Reply{Text: unknown}
		})
		_, _, store := explained(t, fake, toolsFor(first))
		for _, second := range all {
			in := input(store.next(), oneProblem(), candidate(t, fake, func(c *Candidate) { c.ContextLength = 32_000 }))
			in.Tools = toolsFor(second)
			in.Investigate = v1alpha1.InvestigateUnknown
			if result := mustRun(t, in); (result.Cached == 1) != (first == second) {
				t.Errorf("an answer with tools of %s for a question with tools of %s: %+v", first, second, result)
			}
		}
	}
}

func TestAnInterruptedInvestigationHasNoTranscriptWhereNoneIsAllowed(t *testing.T) {
	fake := models.OpenAI(t)
	fake.Answer(func(turn models.Turn) models.Reply {
		if phase(turn) == "looking" {
			return models.Reply{Status: 500, Message: "x"}
		}
		return models.Reply{Text: unknown}
	})
	_, _, store := explained(t, fake, toolsOn(t, ""))
	in := input(store.next(), oneProblem(), candidate(t, fake, func(c *Candidate) { c.ContextLength = 32_000 }))
	result := mustRun(t, in)
	if result.Cached != 1 || in.Store.(*memory).added[0].Investigation != nil { //nolint:forcetypeassert // set above
		t.Errorf("got %+v, %+v", result, in.Store)
	}
}

func TestAnInvestigationThatWasInterruptedIsNotReused(t *testing.T) {
	for name, tc := range map[string]struct {
		failure models.Reply
		reused  bool
	}{
		"a server that fails":      {models.Reply{Status: 500, Message: "x"}, false},
		"a server that is limited": {models.Reply{Status: 429, Message: "slow down"}, false},
		"a refused request":        {models.Reply{Status: 400, Message: "x"}, true},
	} {
		fake := models.OpenAI(t)
		fake.Answer(func(turn models.Turn) models.Reply {
			if phase(turn) == "looking" {
				return tc.failure
			}
			return models.Reply{Text: unknown}
		})
		first, _, store := explained(t, fake, toolsOn(t, ""))
		if first.Investigation == nil || first.Investigation.Ended != v1alpha1.InvestigationFailed {
			t.Fatalf("%s: got %+v", name, first)
		}
		fake.Answer(investigating(known("t1:1", "FATAL: no such table"), once(logsOf("cart-0"))))
		in := input(store, oneProblem(), candidate(t, fake, func(c *Candidate) { c.ContextLength = 32_000 }))
		in.Tools = toolsOn(t, "FATAL: no such table\n")
		in.Investigate = v1alpha1.InvestigateUnknown
		result := mustRun(t, in)
		again := store.added[len(store.added)-1]
		if (result.Cached == 1) != tc.reused || (again.Confidence == v1alpha1.ConfidenceHigh) == tc.reused {
			t.Errorf("%s: got %+v, %+v", name, result, again)
		}
	}
}

func TestAStoredInvestigationThatTheAPIServerRejectsIsNotReused(t *testing.T) {
	g := gate(t, nil, oneProblem(), nil)
	good := func() *v1alpha1.Investigation {
		call := v1alpha1.ToolCall{ID: "t1", Tool: "get", Time: metav1.NewTime(testkit.Now()), Hash: strings.Repeat("a", 64)}
		other := call
		other.ID = "t2"
		return &v1alpha1.Investigation{Ended: v1alpha1.InvestigationDone, Calls: []v1alpha1.ToolCall{call, other}}
	}
	if checked(good(), g) == nil {
		t.Error("a good one is rejected")
	}
	for name, change := range map[string]func(*v1alpha1.Investigation){
		"no end":      func(i *v1alpha1.Investigation) { i.Ended = "" },
		"unknown end": func(i *v1alpha1.Investigation) { i.Ended = "Later" },
		"no calls":    func(i *v1alpha1.Investigation) { i.Calls = nil },
		"same id":     func(i *v1alpha1.Investigation) { i.Calls[1].ID = "t1" },
		"other id":    func(i *v1alpha1.Investigation) { i.Calls[1].ID = "e1" },
		"no time":     func(i *v1alpha1.Investigation) { i.Calls[1].Time = metav1.Time{} },
		"long hash":   func(i *v1alpha1.Investigation) { i.Calls[1].Hash += "a" },
	} {
		i := good()
		change(i)
		if got := checked(i, g); got != nil {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}
