package explanation

import (
	"context"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/models"
)

func TestTheBackgroundIsReadAsTheServiceAccount(t *testing.T) {
	w := newWorld(t)
	fake := keyless(t)
	w.Reader(true)
	w.LostService("a")
	w.model("p", fake.URL)
	fake.Answer(func(turn models.Turn) models.Reply {
		reply := citing(turn)
		if strings.Contains(turn.User, `"id":"object1"`) {
			reply.Text = strings.Replace(reply.Text, `"evidence":["`, `"evidence":["object1","`, 1)
		}
		return reply
	})
	w.Inspection(withAI())
	w.Settle(w.reconciler(w.explaining()))
	asked := fake.Asked()
	for _, want := range []string{`"id":"object1"`, `"about":"Service ` + w.Namespace + `/a"`, `"id":"version1"`} {
		if !strings.Contains(asked[0].User, want) {
			t.Errorf("the prompt lacks %s: %s", want, asked[0].User)
		}
	}
	// The explanation keeps what it cites beside the finding.
	e := w.Newest().Explanations[0]
	if len(e.Evidence) != 1 || e.Evidence[0].ID != "object1" || !strings.Contains(e.Evidence[0].Text, `"selector"`) {
		t.Errorf("got %+v", e)
	}
}

func TestAProblemIsInvestigatedAsTheServiceAccount(t *testing.T) {
	w := newWorld(t)
	fake := keyless(t)
	w.Reader(true)
	w.LostService("a")
	w.model("p", fake.URL)
	read := false
	fake.Answer(func(turn models.Turn) models.Reply {
		switch {
		case len(turn.Tools) > 0 && len(turn.Results) == 0:
			return models.Reply{Calls: []models.Call{
				{ID: "1", Tool: "get", Arguments: `{"kind":"Service","namespace":"` + w.Namespace + `","name":"a"}`},
				{ID: "2", Tool: "get", Arguments: `{"kind":"Secret","namespace":"` + w.Namespace + `","name":"a"}`},
			}}
		case len(turn.Tools) > 0:
			read = strings.Contains(turn.Results[0], "spec.selector") && strings.Contains(turn.Results[1], "Secrets are not read")
			return models.Reply{}
		case strings.Contains(turn.User, `"id":"t1"`):
			return models.Reply{Text: `{"cause":"No Pod has the labels of the selector.","why":[{"claim":"The Service selects by labels.","evidence":` +
				`["t1"],"quote":"spec.selector"}],"ruledOut":[],"missing":[],"next":[],"fix":[],"confidence":"high"}`}
		}
		return models.Reply{Text: `{"cause":"The cause is not known.","why":[],"ruledOut":[],"missing":[],"next":[],"fix":[],"confidence":"unknown"}`}
	})
	spec := withAI()
	spec.AI.Investigate = v1alpha1.InvestigateUnknown
	w.Inspection(spec)
	w.Settle(w.reconciler(w.explaining()))
	e := w.Newest().Explanations[0]
	if !read || e.Confidence != v1alpha1.ConfidenceHigh || e.Investigation == nil || len(e.Investigation.Calls) != 2 {
		t.Fatalf("read: %v, got %+v", read, e)
	}
	if first := e.Investigation.Calls[0]; !strings.Contains(first.Text, "spec.selector") || first.Hash == "" || e.Investigation.Calls[1].Refused == "" {
		t.Errorf("got %+v", e.Investigation.Calls)
	}
	// A second run over the unchanged cluster costs nothing.
	asked := len(fake.Asked())
	w.Request("again")
	w.Settle(w.reconciler(w.explaining()))
	if again := w.Newest().Explanations[0]; len(fake.Asked()) != asked || again.Investigation == nil {
		t.Errorf("asked %d times more: %+v", len(fake.Asked())-asked, again)
	}
}

func TestATimeoutNamesTheTimeOfTheAttempt(t *testing.T) {
	i := &v1alpha1.Inspection{Spec: v1alpha1.InspectionSpec{AI: &v1alpha1.AIUse{}}}
	for _, timeout := range []time.Duration{attemptTimeout, investigatingTimeout} {
		if p := toProblem(i, context.DeadlineExceeded, timeout); !strings.Contains(p.Message, "more than "+timeout.String()+" ") {
			t.Errorf("got %q", p.Message)
		}
	}
}
