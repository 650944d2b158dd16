package aibench_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain"
	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/testkit"
)

// looking is a model that makes the calls of a scenario, all at once, and knows no answer.
type looking struct {
	recorder
	calls []aibench.Call
}

func (l *looking) Ask(ctx context.Context, request ai.Request) (ai.Answer, error) {
	answer, err := l.recorder.Ask(ctx, request)
	if len(request.Tools) == 0 || len(request.Turns) > 0 {
		return answer, err
	}
	answer.Text = ""
	for i, call := range l.calls {
		arguments, err := json.Marshal(call.Arguments)
		if err != nil {
			return answer, err
		}
		answer.Calls = append(answer.Calls, ai.Call{ID: fmt.Sprint("c", i), Tool: call.Tool, Arguments: arguments})
	}
	return answer, err
}

// TestToolsFindTheCauseThatTheFindingLacks explains failures from their findings alone.
func TestToolsFindTheCauseThatTheFindingLacks(t *testing.T) {
	const maxCalls = 3
	scenarios, err := aibench.Read("testdata")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, s := range scenarios {
		if len(s.Calls) == 0 {
			continue
		}
		tried++
		i := inspectScenario(t, s)
		model := &looking{calls: s.Calls}
		in := input(t, i, model, forgetful{}, false)
		in.MaxCauses = 1
		in.Tools = tools.New(i.cluster, testkit.Now)
		in.Investigate = v1alpha1.InvestigateUnknown
		if _, err := explain.Run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		var concluding []ai.Request
		for _, request := range model.asked {
			if strings.Contains(request.User, `"id":"t1"`) {
				concluding = append(concluding, request)
			}
		}
		if len(s.Calls) > maxCalls || len(concluding) != 1 || !shown(s, concluding) {
			t.Errorf("%s: %d calls do not show that %s: %v", s.Name, len(s.Calls), s.Cause, concluding)
		}
	}
	if tried < 4 {
		t.Errorf("%d scenarios have calls", tried)
	}
}
