package explain

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apischema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/explain/background"
	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/models"
)

const cartPod = `
apiVersion: v1
kind: Pod
metadata: {name: cart-0, namespace: shop}
spec: {containers: [{name: app, image: x}]}
---
apiVersion: v1
kind: Secret
metadata: {name: cart, namespace: shop}
stringData: {password: secret-of-a-secret}
---
apiVersion: v1
kind: Pod
metadata: {name: key, namespace: vault}
spec: {containers: [{name: app, image: x}]}
`

// vanishing is a cluster whose Pods are gone after the first read.
type vanishing struct {
	background.Cluster
	reads int
}

func (v *vanishing) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if v.reads++; v.reads > 1 {
		return apierrors.NewNotFound(apischema.GroupResource{Resource: "pods"}, key.Name)
	}
	return v.Cluster.Get(ctx, key, object, options...)
}

func toolsOn(t *testing.T, log string) *tools.Set {
	t.Helper()
	var objects []client.Object
	for _, object := range testkit.Objects(t, cartPod) {
		objects = append(objects, object.(client.Object)) //nolint:forcetypeassert // of the test
	}
	cluster := aibench.NewCluster(objects, map[string]string{"shop/cart-0/app": log})
	return tools.New(background.Within(background.Scope{Namespaces: []string{"shop"}}, cluster), testkit.Now)
}

// unknown is the explanation of a model that does not know the cause.
const unknown = `{"cause":"The evidence does not show the cause.","why":[],"ruledOut":[],"missing":["The log."],"next":[],"fix":[],"confidence":"unknown"}`

// known cites lines that were read.
func known(id, quote string) string {
	return fmt.Sprintf(`{"cause":"The table carts is missing.","why":[{"claim":"The program ends because of it.","evidence":[%q],"quote":%q}],`+
		`"ruledOut":[],"missing":[],"next":[],"fix":[],"confidence":"high"}`, id, quote)
}

// phase of a conversation with a model that investigates.
func phase(turn models.Turn) string {
	switch {
	case strings.HasPrefix(turn.System, "You investigate"):
		return "looking"
	case strings.Contains(turn.User, `"id":"t1"`):
		return "concluding"
	case strings.Contains(turn.User, "Ids to cite: f1"):
		return "report"
	}
	return "explaining"
}

// investigating is a model that knows nothing at first, makes calls by a function of the number of turns, and concludes.
func investigating(conclusion string, calls func(turn int) []models.Call) func(models.Turn) models.Reply {
	turns := 0
	return func(turn models.Turn) models.Reply {
		switch phase(turn) {
		case "looking":
			turns++
			return models.Reply{Calls: calls(turns)}
		case "concluding":
			return models.Reply{Text: conclusion}
		}
		return models.Reply{Text: unknown}
	}
}

// once makes the same calls in the first turn, and none after it.
func once(calls ...models.Call) func(int) []models.Call {
	return func(turn int) []models.Call {
		if turn > 1 {
			return nil
		}
		return calls
	}
}

func logsOf(pod string) models.Call {
	return models.Call{ID: "a", Tool: "logs", Arguments: `{"namespace":"shop","pod":"` + pod + `"}`}
}

// oneProblem is a report whose whole is explained already.
func oneProblem() *v1alpha1.InspectionReport {
	r := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{finding("f1", "", "exit code 3")}}
	r.Findings[0].Class = v1alpha1.ClassProblem
	r.Explanations = []v1alpha1.Explanation{{ID: v1alpha1.OverallExplanation}}
	return r
}

// explained asks a fake about oneProblem, with tools.
func explained(t *testing.T, fake *models.Fake, set *tools.Set, change ...func(*Input)) (v1alpha1.Explanation, Result, *memory) {
	t.Helper()
	store := &memory{}
	in := input(store, oneProblem(), candidate(t, fake, func(c *Candidate) { c.ContextLength = 32_000 }))
	in.Tools = set
	in.Investigate = v1alpha1.InvestigateUnknown
	for _, with := range change {
		with(&in)
	}
	result := mustRun(t, in)
	if len(store.added) != 1 {
		t.Fatalf("%d explanations: %+v", len(store.added), store.added)
	}
	return store.added[0], result, store
}

func TestAnUnknownCauseIsInvestigated(t *testing.T) {
	fake := models.OpenAI(t)
	fake.Answer(investigating(known("t1:2-3", "FATAL: no such table: carts"), once(logsOf("cart-0"))))
	e, result, _ := explained(t, fake, toolsOn(t, "one\ntwo\nFATAL: no such table: carts\n"))
	if e.Confidence != v1alpha1.ConfidenceHigh || e.Why[0].Evidence[0] != "t1:2-3" || e.Why[0].Quote == "" || len(e.Evidence) != 0 {
		t.Errorf("got %+v", e)
	}
	i := e.Investigation
	if i == nil || i.Ended != v1alpha1.InvestigationDone || len(i.Calls) != 1 || i.Tokens != 300 {
		t.Fatalf("investigation: %+v", i)
	}
	call := i.Calls[0]
	if call.ID != "t1" || call.Tool != "logs" || call.Arguments != `{"namespace":"shop","pod":"cart-0"}` || call.Lines != 3 || len(call.Hash) != 64 ||
		call.Text != "one\ntwo\nFATAL: no such table: carts" || !call.Time.Time.Equal(testkit.Now()) {
		t.Errorf("call: %+v", call)
	}
	// The first answer, two turns, and the conclusion.
	if result.Requests != 4 || result.Tokens != 600 {
		t.Errorf("result: %+v", result)
	}
}

func TestQuotesAreLookedUpInTheCitedLines(t *testing.T) {
	for name, tc := range map[string]struct {
		id, quote  string
		confidence v1alpha1.Confidence
	}{
		"in the lines":        {"t1:3", "no such table", v1alpha1.ConfidenceHigh},
		"in the call":         {"t1", "no such table", v1alpha1.ConfidenceHigh},
		"in other lines":      {"t1:1-2", "no such table", v1alpha1.ConfidenceLow},
		"nowhere":             {"t1", "no such column", v1alpha1.ConfidenceLow},
		"lines after the end": {"t1:3-9", "no such table", v1alpha1.ConfidenceUnknown},
		"lines backwards":     {"t1:3-1", "no such table", v1alpha1.ConfidenceUnknown},
		"line 0":              {"t1:0", "no such table", v1alpha1.ConfidenceUnknown},
		"another call":        {"t2", "no such table", v1alpha1.ConfidenceUnknown},
		"lines of a finding":  {"e1:1", "exit code 3", v1alpha1.ConfidenceUnknown},
	} {
		fake := models.OpenAI(t)
		fake.Answer(investigating(known(tc.id, tc.quote), once(logsOf("cart-0"))))
		if e, _, _ := explained(t, fake, toolsOn(t, "one\ntwo\nno such table\n")); e.Confidence != tc.confidence || e.Investigation == nil {
			t.Errorf("%s: got %+v", name, e)
		}
	}
}

func TestWhichProblemsAreInvestigated(t *testing.T) {
	for name, tc := range map[string]struct {
		investigate v1alpha1.Investigate
		answer      string
		severity    v1alpha1.Severity
		want        bool
	}{
		"none by default":           {"", unknown, v1alpha1.SeverityCritical, false},
		"never":                     {v1alpha1.InvestigateNever, unknown, v1alpha1.SeverityCritical, false},
		"an unknown cause":          {v1alpha1.InvestigateUnknown, unknown, v1alpha1.SeverityLow, true},
		"a known cause":             {v1alpha1.InvestigateUnknown, good("e1"), v1alpha1.SeverityCritical, false},
		"an uncertain cause":        {v1alpha1.InvestigateUnknown, strings.ReplaceAll(good("e1"), "OOMKilled", "nothing"), v1alpha1.SeverityLow, true},
		"a known cause, severe":     {v1alpha1.InvestigateHighOrWorse, good("e1"), v1alpha1.SeverityHigh, true},
		"a known cause, not severe": {v1alpha1.InvestigateHighOrWorse, good("e1"), v1alpha1.SeverityMedium, false},
	} {
		fake := models.OpenAI(t)
		looked := false
		fake.Answer(func(turn models.Turn) models.Reply {
			looked = looked || phase(turn) == "looking"
			return models.Reply{Text: tc.answer}
		})
		_, _, _ = explained(t, fake, toolsOn(t, ""), func(in *Input) {
			in.Investigate = tc.investigate
			in.Report.Findings[0].Severity = tc.severity
			in.Report.Findings[0].Evidence[0].Text = "OOMKilled"
		})
		if looked != tc.want {
			t.Errorf("%s: investigated: %v", name, looked)
		}
	}
}

func TestAModelThatCannotCallToolsWritesItsCalls(t *testing.T) {
	fake := models.OpenAI(t, models.WithoutTools())
	turns := 0
	fake.Answer(func(turn models.Turn) models.Reply {
		switch phase(turn) {
		case "looking":
			turns++
			if turns > 1 {
				return models.Reply{Text: `{"calls":[]}`}
			}
			return models.Reply{Text: "```json\n" + `{"calls":[{"tool":"logs","arguments":"{\"namespace\":\"shop\",\"pod\":\"cart-0\"}"}]}` + "\n```"}
		case "concluding":
			return models.Reply{Text: known("t1", "FATAL")}
		}
		return models.Reply{Text: unknown}
	})
	e, _, _ := explained(t, fake, toolsOn(t, "FATAL: no such table\n"))
	if e.Confidence != v1alpha1.ConfidenceHigh || e.Investigation.Ended != v1alpha1.InvestigationDone || turns != 2 {
		t.Errorf("got %+v after %d turns", e, turns)
	}
	asked := fake.Asked()
	if second := asked[2]; !strings.Contains(second.User, `"tool":"logs"`) || !strings.Contains(second.User, "1| FATAL: no such table") {
		t.Errorf("the second turn lacks what was read: %s", second.User)
	}
	for _, want := range []string{"- from (optional, one of head, tail): which end", "- pod (required, a string): ", "- lines (optional, an integer): "} {
		if !strings.Contains(asked[1].User, want) {
			t.Errorf("%q is missing in %s", want, asked[1].User)
		}
	}
}

func TestAHostileModelIsRefusedWithReasons(t *testing.T) {
	call := func(tool, arguments string) models.Call { return models.Call{Tool: tool, Arguments: arguments} }
	pod := func(n int) models.Call {
		return call("get", fmt.Sprintf(`{"kind":"Pod","namespace":"shop","name":"cart-%d"}`, n))
	}
	many := []models.Call{}
	for n := range 40 {
		many = append(many, pod(n))
	}
	for name, tc := range map[string]struct {
		calls func(turn int) []models.Call
		// refused is a reason in the transcript, recorded the number of calls in it.
		refused  string
		recorded int
		ended    v1alpha1.InvestigationEnd
	}{
		"it loops": {func(int) []models.Call { return []models.Call{pod(0)} }, "the same call was made before: see t1", 8, v1alpha1.InvestigationCalls},
		"it asks for Secrets": {
			once(call("get", `{"kind":"Secret","namespace":"shop","name":"cart"}`)), "Secrets are not read", 1, v1alpha1.InvestigationDone,
		},
		"it asks for other namespaces": {
			once(call("logs", `{"namespace":"vault","pod":"key"}`)), `namespace "vault" is not inspected`, 1, v1alpha1.InvestigationDone,
		},
		"it writes":           {once(call("delete", `{"kind":"Pod","namespace":"shop","name":"cart-0"}`)), "there is no such tool", 1, v1alpha1.InvestigationDone},
		"it calls many tools": {once(many...), "the limit of 8 calls is reached", 16, v1alpha1.InvestigationCalls},
		"wrong arguments":     {once(call("get", `{"kind":["Pod"]}`)), "argument kind must be", 1, v1alpha1.InvestigationDone},
		"no JSON":             {once(call("get", `"rm -rf /"`)), "the arguments are not a JSON object", 1, v1alpha1.InvestigationDone},
	} {
		t.Run(name, func(t *testing.T) {
			fake := models.OpenAI(t)
			fake.Answer(investigating(known("t1", "does not exist"), tc.calls))
			e, result, _ := explained(t, fake, toolsOn(t, "FATAL\n"))
			i := e.Investigation
			if i == nil || len(i.Calls) != tc.recorded || i.Ended != tc.ended {
				t.Fatalf("got %+v", i)
			}
			refused := slices.ContainsFunc(i.Calls, func(c v1alpha1.ToolCall) bool {
				return strings.HasPrefix(c.Refused, tc.refused) && c.Text == "" && c.Hash == ""
			})
			if !refused {
				t.Errorf("no call was refused because %s: %+v", tc.refused, i.Calls)
			}
			if result.Requests > maxTurns+2 || strings.Contains(fake.Captured(), "secret-of-a-secret") {
				t.Errorf("%d requests, or a value of a Secret was sent", result.Requests)
			}
		})
	}
}

func TestWhatWasReadIsKeptIfTheModelFails(t *testing.T) {
	for name, tc := range map[string]struct {
		looking, concluding models.Reply
		ended               v1alpha1.InvestigationEnd
	}{
		"it hangs":                {models.Reply{Hang: true}, models.Reply{}, v1alpha1.InvestigationFailed},
		"an error":                {models.Reply{Status: 500, Message: "x"}, models.Reply{}, v1alpha1.InvestigationFailed},
		"a conclusion without it": {models.Reply{}, models.Reply{Text: "PWNED"}, v1alpha1.InvestigationDone},
		"a conclusion that hangs": {models.Reply{}, models.Reply{Hang: true}, v1alpha1.InvestigationDone},
	} {
		fake := models.OpenAI(t)
		looked := 0
		fake.Answer(func(turn models.Turn) models.Reply {
			switch phase(turn) {
			case "looking":
				if looked++; looked == 1 {
					return models.Reply{Calls: []models.Call{logsOf("cart-0")}}
				}
				return tc.looking
			case "concluding":
				return tc.concluding
			}
			return models.Reply{Text: unknown}
		})
		e, result, _ := explained(t, fake, toolsOn(t, "FATAL\n"))
		if e.Summary != "The evidence does not show the cause." || e.Investigation.Ended != tc.ended || len(e.Investigation.Calls) != 1 || result.Missing != 0 {
			t.Errorf("%s: got %+v, %+v", name, e, result)
		}
	}
}

func TestTokensOfAnInvestigationAreLimited(t *testing.T) {
	fake := models.OpenAI(t)
	n := 0
	fake.Answer(func(turn models.Turn) models.Reply {
		if phase(turn) != "looking" {
			return models.Reply{Text: unknown}
		}
		n++
		call := models.Call{Tool: "logs", Arguments: fmt.Sprintf(`{"namespace":"shop","pod":"cart-0","lines":%d}`, 100+n)}
		return models.Reply{Calls: []models.Call{call}, In: 4000, Out: 100}
	})
	e, _, _ := explained(t, fake, toolsOn(t, strings.Repeat("a long line of a log that says nothing at all\n", 10_000)))
	i := e.Investigation
	if i.Ended != v1alpha1.InvestigationTokens || i.Tokens > MaxInvestigationTokens || len(i.Calls) > 3 {
		t.Errorf("ended %s after %d tokens and %d calls", i.Ended, i.Tokens, len(i.Calls))
	}
}

func TestTheTimeOfAnInvestigationIsLimited(t *testing.T) {
	fake := models.OpenAI(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r := &run{Input: Input{Tools: toolsOn(t, "")}}
	fake.Answer(func(models.Turn) models.Reply { return models.Reply{Hang: true} })
	c := candidate(t, fake)
	l := &look{run: r, candidate: c, session: r.Tools.NewSession(c.Gate)}
	q := ofCause(Cause{Finding: finding("f1", "", "exit code 3")}, background.Facts{})
	if end := l.read(ctx, q, v1alpha1.Explanation{}); end != v1alpha1.InvestigationTime {
		t.Errorf("ended: %s", end)
	}
}

func TestObjectsThatVanishAreReportedToTheModel(t *testing.T) {
	fake := models.OpenAI(t)
	fake.Answer(investigating(known("t2", "Pod shop/cart-0 does not exist."), func(turn int) []models.Call {
		return [][]models.Call{nil, {{Tool: "get", Arguments: `{"kind":"Pod","namespace":"shop","name":"cart-0"}`}}, {logsOf("cart-0")}, nil}[min(turn, 3)]
	}))
	pod := &corev1.Pod{}
	pod.Namespace = "shop"
	pod.Name = "cart-0"
	cluster := &vanishing{Cluster: aibench.NewCluster([]client.Object{pod}, nil)}
	e, _, _ := explained(t, fake, tools.New(cluster, testkit.Now))
	if e.Why[0].Quote == "" || e.Investigation.Calls[1].Text != "Pod shop/cart-0 does not exist." {
		t.Errorf("got %+v", e)
	}
}
