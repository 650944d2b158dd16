package explain

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/ai/openai"
	"kubeops.io/kubeops/internal/testkit/models"
)

// memory is a store in memory.
type memory struct {
	mutex sync.Mutex
	by    map[string]v1alpha1.Explanation
	added []v1alpha1.Explanation
	// writes is the number of calls of Add.
	writes int
}

func (m *memory) Lookup(_ context.Context, keys []string) (map[string]v1alpha1.Explanation, error) {
	found := map[string]v1alpha1.Explanation{}
	for _, key := range keys {
		if e, has := m.by[key]; has {
			found[key] = e
		}
	}
	return found, nil
}

func (m *memory) Add(_ context.Context, explanations ...v1alpha1.Explanation) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.by == nil {
		m.by = map[string]v1alpha1.Explanation{}
	}
	m.writes++
	for _, e := range explanations {
		m.by[e.Key] = e
		m.added = append(m.added, e)
	}
	return nil
}

// of returns the explanation with an id.
func (m *memory) of(id string) v1alpha1.Explanation {
	for i := len(m.added) - 1; i >= 0; i-- {
		if m.added[i].ID == id {
			return m.added[i]
		}
	}
	return v1alpha1.Explanation{}
}

func finding(id, causedBy string, evidence ...string) v1alpha1.Finding {
	f := v1alpha1.Finding{
		ID: id, Check: "pod-crash-looping", Severity: v1alpha1.SeverityHigh, CausedBy: causedBy, Message: "container app exits with code 137",
		Object:      v1alpha1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"},
		Remediation: "Raise the memory limit.",
	}
	for i, text := range evidence {
		f.Evidence = append(f.Evidence, v1alpha1.Evidence{ID: fmt.Sprintf("e%d", i+1), Source: v1alpha1.EvidenceLog, Text: text})
	}
	return f
}

// report returns a report with two root causes and an effect of the first.
func report() *v1alpha1.InspectionReport {
	return &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{
		finding("f1", "", "OOMKilled at 2026-01-15T12:00:00Z", "limit 64Mi"), finding("f2", "f1"), finding("f3", "", "image not found"),
	}}
}

func good(ids ...string) string {
	if len(ids) == 0 {
		ids = []string{"e1"}
	}
	content, _ := json.Marshal(map[string]any{ //nolint:errchkjson // strings only
		"summary": "The container needs more memory than its limit allows.", "confidence": "high",
		"why": []any{map[string]any{"claim": "It was killed for using too much memory.", "evidence": ids, "quote": "OOMKilled"}},
		"fix": []any{
			map[string]any{
				"description": "Raise the limit.",
				"command":     "kubectl -n shop set resources deploy/cart --limits=memory=128Mi",
				"patch":       "",
			},
		},
	})
	return string(content)
}

// sensible returns a valid answer that cites the first id.
func sensible(turn models.Turn) models.Reply {
	_, ids, _ := strings.Cut(turn.User, "Ids to cite: ")
	first, _, _ := strings.Cut(strings.TrimSuffix(ids, "."), ",")
	return models.Reply{Text: good(first)}
}

func candidate(t testing.TB, fake *models.Fake, change ...func(*Candidate)) Candidate {
	t.Helper()
	m, err := openai.New(ai.Settings{
		Endpoint: provider.Endpoint{URL: fake.URL, Auth: provider.Auth{BearerToken: models.Key}}, Model: models.Name,
		Egress: provider.Egress{AllowLoopback: true}, Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	nowait := func(context.Context, time.Duration) error { return nil }
	c := Candidate{
		Model:    &ai.Limited{Model: m, Meter: ai.NewMeter(clock.RealClock{}), Name: "main", Wait: nowait},
		Provider: "main", Name: models.Name, ContextLength: 8192, AnswerTokens: 512, Gate: gate(t, nil, report(), nil),
	}
	for _, with := range change {
		with(&c)
	}
	return c
}

func input(store Store, r *v1alpha1.InspectionReport, candidates ...Candidate) Input {
	return Input{Report: r, Candidates: candidates, Language: v1alpha1.LanguageEnglish, MaxCauses: 10, Store: store}
}

func mustRun(t *testing.T, in Input) Result {
	t.Helper()
	result, err := Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestRootCausesAndReportAreExplainedOnce(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	fake.Answer(sensible)
	c := candidate(t, fake)
	result := mustRun(t, input(store, report(), c))
	want := Result{Causes: 2, Requests: 3, Tokens: 450}
	if result != want || len(fake.Asked()) != 3 {
		t.Fatalf("got %+v, asked %d times", result, len(fake.Asked()))
	}
	e := store.of("f1")
	if e.Summary == "" || e.Why[0].Evidence[0] != "e1" || e.Fix[0].Command == "" || e.Confidence != v1alpha1.ConfidenceHigh {
		t.Errorf("got %+v", e)
	}
	if e.Provider != "main" || e.Model != models.Name {
		t.Errorf("got %+v, want provider main and model %s", e, models.Name)
	}
	if whole := store.of(v1alpha1.OverallExplanation); whole.Why[0].Evidence[0] != "f1" {
		t.Errorf("the overall explanation cites no finding: %+v", whole)
	}
	first := fake.Asked()[0].User
	for _, part := range []string{`"leadsTo":[{`, "OOMKilled", "Ids to cite: e1, e2, b-f2."} {
		if !strings.Contains(first, part) {
			t.Errorf("the prompt lacks %s: %s", part, first)
		}
	}
	// The next run, after only times changed.
	next := report()
	next.Findings[0].Evidence[0].Text = "OOMKilled at 2026-01-15T13:30:07Z"
	again := mustRun(t, input(store, next, c))
	if again.Requests != 0 || again.Cached != 3 || len(fake.Asked()) != 3 || store.writes != 3+1 {
		t.Errorf("requests for an unchanged cluster: %+v", again)
	}
	// Only what changed is asked again, and the whole, which is explained from its parts.
	next.Findings[0].Evidence[1].Text = "limit 32Mi"
	if changed := mustRun(t, input(store, next, c)); changed.Requests != 2 || changed.Cached != 1 {
		t.Errorf("got %+v", changed)
	}
	// Other languages are cached separately.
	chinese := input(store, next, c)
	chinese.Language = v1alpha1.LanguageChinese
	if other := mustRun(t, chinese); other.Requests != 6 || other.Dropped != 3 { // the fake speaks English, also when it is asked again
		t.Errorf("got %+v", other)
	}
}

func TestExistingExplanationsAreKept(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	r := report()
	fake.Answer(sensible)
	r.Explanations = []v1alpha1.Explanation{{ID: "f1"}, {ID: "report"}}
	if result := mustRun(t, input(store, r, candidate(t, fake))); result.Requests != 1 || len(store.added) != 1 ||
		store.added[0].ID != "f3" {
		t.Errorf("got %+v and %+v", result, store.added)
	}
}

func TestWorstCausesFirstUpToTheLimit(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	fake.Answer(sensible)
	in := input(store, report(), candidate(t, fake))
	in.MaxCauses = 1
	if result := mustRun(t, in); result.Requests != 2 || store.of("f1").ID == "" || store.of("f3").ID != "" {
		t.Errorf("got %+v", result)
	}
	if result := mustRun(t, input(store, &v1alpha1.InspectionReport{}, candidate(t, fake))); result.Requests != 0 || result.Missing != 0 {
		t.Errorf("requests for a healthy cluster: %+v", result)
	}
}

func TestTooLongPromptIsShortenedOnce(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	longest := 0
	fake.Answer(func(turn models.Turn) models.Reply {
		longest = max(longest, len(turn.User))
		if len(turn.User) > 3000 {
			return models.Reply{Status: 400, Code: "context_length_exceeded", Message: "too long"}
		}
		return sensible(turn)
	})
	r := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{finding("f1", "", strings.Repeat("panic: out of memory\n", 200))}}
	if result := mustRun(t, input(store, r, candidate(t, fake))); result.Requests != 3 || result.Dropped != 0 || longest < 3000 {
		t.Errorf("got %+v, longest prompt %d", result, longest)
	}
	fake.Answer(func(models.Turn) models.Reply {
		return models.Reply{Status: 400, Code: "context_length_exceeded", Message: "too long"}
	})
	store = &memory{}
	result := mustRun(t, input(store, r, candidate(t, fake)))
	if result.Requests != 4 || result.Dropped != 2 || store.of("f1").Dropped != v1alpha1.ReasonContextTooLong {
		t.Errorf("got %+v", result)
	}
}

func TestSmallContextIsRespected(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	fake.Answer(sensible)
	long := finding("f1", "", strings.Repeat("panic: out of memory ", 190), strings.Repeat("x ", 2000))
	r := &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{long}}
	mustRun(t, input(store, r, candidate(t, fake, func(c *Candidate) { c.ContextLength = 2048 })))
	for _, turn := range fake.Asked() {
		if n := ai.Estimate(turn.System) + ai.Estimate(turn.User) + int64(turn.MaxTokens); n > 2048 {
			t.Errorf("prompt and answer may have %d tokens, more than the context", n)
		}
	}
}

func TestModelErrorsStopTheRun(t *testing.T) {
	for name, tc := range map[string]struct {
		reply    models.Reply
		requests int
		reason   string
	}{
		"401":          {models.Reply{Status: 401}, 1, v1alpha1.ReasonUnauthorized},
		"402":          {models.Reply{Status: 402}, 1, v1alpha1.ReasonPaymentRequired},
		"403":          {models.Reply{Status: 403}, 1, v1alpha1.ReasonForbidden},
		"429":          {models.Reply{Status: 429}, 2, v1alpha1.ReasonRateLimited},
		"5xx":          {models.Reply{Status: 503}, 2, v1alpha1.ReasonServerError},
		"another page": {models.Reply{Raw: []byte("<html>")}, 2, v1alpha1.ReasonInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			fake := models.OpenAI(t)
			store := &memory{}
			fake.Answer(func(models.Turn) models.Reply { return tc.reply })
			result := mustRun(t, input(store, report(), candidate(t, fake)))
			if result.Requests != tc.requests || result.Missing != 3 || len(store.added) != 0 {
				t.Errorf("got %+v", result)
			}
			if result.Problem == nil || result.Problem.Reason != tc.reason {
				t.Errorf("got %+v", result)
			}
		})
	}
}

func TestSingle429DoesNotStopTheRun(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	calls := 0
	fake.Answer(func(turn models.Turn) models.Reply {
		if calls++; calls == 1 {
			return models.Reply{Status: 429}
		}
		return sensible(turn)
	})
	if result := mustRun(t, input(store, report(), candidate(t, fake))); result.Missing != 0 || len(store.added) != 3 {
		t.Errorf("got %+v", result)
	}
}

func TestNoRequestsWithoutBudget(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	meter := ai.NewMeter(clock.RealClock{})
	none := int64(0)
	meter.Set(ai.Rates{Daily: &none})
	result := mustRun(t, input(store, report(), candidate(t, fake, func(c *Candidate) { c.Model.(*ai.Limited).Meter = meter })))
	if len(fake.Asked()) != 0 || result.Problem.Reason != v1alpha1.ReasonBudgetExceeded {
		t.Errorf("asked %d times: %+v", len(fake.Asked()), result)
	}
}

func TestFallbackAnswersAndIsCached(t *testing.T) {
	down := models.OpenAI(t)
	up := models.OpenAI(t)
	store := &memory{}
	down.Answer(func(models.Turn) models.Reply { return models.Reply{Status: 402} })
	up.Answer(sensible)
	first := candidate(t, down)
	second := candidate(t, up, func(c *Candidate) { c.Provider = "second" })
	if result := mustRun(t, input(store, report(), first, second)); result.Missing != 0 || store.of("f1").Provider != "second" {
		t.Errorf("got %+v", result)
	}
	if result := mustRun(t, input(store, report(), first, second)); result.Requests != 0 || result.Cached != 3 {
		t.Errorf("got %+v", result)
	}
}

func TestStoreErrorEndsTheRun(t *testing.T) {
	fake := models.OpenAI(t)
	fake.Answer(sensible)
	_, err := Run(t.Context(), input(broken{}, report(), candidate(t, fake)))
	if err == nil || len(fake.Asked()) != 1 {
		t.Errorf("got %v after %d questions: an answer that cannot be kept must not be paid for again and again", err, len(fake.Asked()))
	}
}

type broken struct{}

func (broken) Lookup(context.Context, []string) (map[string]v1alpha1.Explanation, error) {
	return nil, nil
}

func (broken) Add(context.Context, ...v1alpha1.Explanation) error {
	return problem.Retrying(v1alpha1.ReasonSaveFailed, nil, "no")
}

func TestSecretsReachNeitherModelNorReport(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	secret := "hunter2-" + strings.Repeat("Zq7", 6)
	fake.Answer(func(turn models.Turn) models.Reply {
		return models.Reply{Text: strings.Replace(good(), "The container", "password="+secret+" The container", 1)}
	})
	f := finding("f1", "", "connect failed: password="+secret)
	f.Message = "cannot log in with token: " + secret
	f.Object.Name = "x"
	mustRun(t, input(store, &v1alpha1.InspectionReport{Findings: []v1alpha1.Finding{f}}, candidate(t, fake)))
	if strings.Contains(fake.Captured(), secret) {
		t.Error("a secret was sent to the model")
	}
	if content, _ := json.Marshal(store.added); strings.Contains(string(content), secret) { //nolint:errchkjson // strings only
		t.Error("a secret came back into the report")
	}
}

func TestEqualRecommendationsAreOneQuestion(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	fake.Answer(sensible)
	r := &v1alpha1.InspectionReport{}
	for i, name := range []string{"web", "cart", "db"} {
		f := finding(fmt.Sprint("f", i+1), "", "Deployment "+name+" of shop has no memory limit")
		f.Class = v1alpha1.ClassRecommendation
		f.Message = "Container app of " + name + " has no memory limit."
		f.Object.Name = name
		r.Findings = append(r.Findings, f)
	}
	other := finding("f4", "", "another text")
	other.Class = v1alpha1.ClassRecommendation
	problem := finding("f5", "", "image not found")
	problem.Class = v1alpha1.ClassProblem
	r.Findings = append(r.Findings, other, problem)
	in := input(store, r, candidate(t, fake))
	in.MaxCauses = 2
	if result := mustRun(t, in); result.Requests != 3 || store.added[0].ID != "f5" {
		t.Fatalf("got %+v, first %s", result, store.added[0].ID)
	}
	if e := store.of("f1"); len(e.AlsoFor) != 2 || e.AlsoFor[0] != "f2" || e.AlsoFor[1] != "f3" {
		t.Errorf("got %+v", e)
	}
	if !strings.Contains(fake.Asked()[1].User, `"sameFor":["Deployment/shop/cart","Deployment/shop/db"]`) {
		t.Errorf("the prompt does not name the other objects: %s", fake.Asked()[1].User)
	}
}

func TestTheWholeIsExplainedFromItsParts(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	fake.Answer(sensible)
	r := report()
	score := int32(61)
	r.Summary.Score = &score
	r.Summary.Problems.Total = 2
	mustRun(t, input(store, r, candidate(t, fake)))
	last := fake.Asked()[2].User
	for _, part := range []string{`"explanation":"The container needs more memory than its limit allows."`, `"score":61,"problems":2`, "Ids to cite: f1, f3."} {
		if !strings.Contains(last, part) {
			t.Errorf("the last question lacks %s: %s", part, last)
		}
	}
}

func TestTheWholeIsNotExplainedWithoutItsParts(t *testing.T) {
	fake := models.OpenAI(t)
	store := &memory{}
	calls := 0
	fake.Answer(func(turn models.Turn) models.Reply {
		if calls++; calls == 1 {
			return models.Reply{Raw: []byte("<html>")}
		}
		return sensible(turn)
	})
	if result := mustRun(t, input(store, report(), candidate(t, fake))); result.Missing != 2 || len(store.added) != 1 {
		t.Errorf("got %+v and %d explanations", result, len(store.added))
	}
}
