package explanation

import (
	"strings"
	"testing"

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
