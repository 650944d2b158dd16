package explanation

import (
	"context"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/explain/rediscache"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/testkit/models"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// explaining has a reconciler ask models; each has meters of its own, as after a restart.
func (w *world) explaining() func(*setup) {
	w.t.Helper()
	types, err := builtin.Models()
	if err != nil {
		w.t.Fatal(err)
	}
	return func(s *setup) { s.env.Backends.ModelTypes = types }
}

// model makes an AIProvider of type ollama.
func (w *world) model(name, url string, with ...func(*v1alpha1.AIProviderSpec)) {
	w.t.Helper()
	p := &v1alpha1.AIProvider{ObjectMeta: w.Meta(name), Spec: v1alpha1.AIProviderSpec{
		Type: v1alpha1.AIProviderOllama, Model: models.Name, Ollama: &v1alpha1.OllamaServer{URL: url},
	}}
	for _, change := range with {
		change(&p.Spec)
	}
	w.Create(p)
}

func (w *world) usage(name string) v1alpha1.AIUsage {
	w.t.Helper()
	p := &v1alpha1.AIProvider{}
	if err := w.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.Namespace, Name: name}, p); err != nil {
		w.t.Fatal(err)
	}
	return ptr.Deref(p.Status.Usage, v1alpha1.AIUsage{})
}

// keyless is a fake that wants no key and cites what it may.
func keyless(t *testing.T) *models.Fake {
	fake := models.Ollama(t, models.WithoutKey())
	fake.Answer(citing)
	return fake
}

func citing(turn models.Turn) models.Reply {
	_, ids, _ := strings.Cut(turn.User, "Ids to cite: ")
	first, _, _ := strings.Cut(strings.TrimSuffix(ids, "."), ",")
	return models.Reply{
		Text: `{"summary":"The selector matches no Pod.","why":[{"claim":"No Pod has the label.","evidence":["` + first + `"]}],"fix":[],"confidence":"high"}`,
	}
}

func explainedCondition(i *v1alpha1.Inspection) metav1.Condition {
	if c := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionExplained); c != nil {
		return *c
	}
	return metav1.Condition{}
}

func withAI() v1alpha1.InspectionSpec {
	return v1alpha1.InspectionSpec{
		AI:     &v1alpha1.AIUse{ProviderRef: v1alpha1.LocalReference{Name: "p"}},
		Checks: &v1alpha1.CheckSelection{Include: []string{"service-*"}},
	}
}

func TestAReportIsExplainedAfterItWasSaved(t *testing.T) {
	w := newWorld(t)
	fake := keyless(t)
	w.Reader(true)
	w.LostService("a")
	w.LostService("b")
	// Noon of tomorrow: both runs are on one day, whose tokens are counted.
	w.Clock.SetTime(w.Clock.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour))
	w.model("p", fake.URL)
	saved := 0
	fake.Answer(func(turn models.Turn) models.Reply {
		saved = len(w.Reports())
		return citing(turn)
	})
	w.Inspection(withAI())
	w.Settle(w.reconciler(w.explaining()))
	i, report := w.Get(), w.Newest()
	causes := int(report.Summary.Problems.Total + report.Summary.Recommendations.Total)
	if saved != 1 || len(fake.Asked()) != causes+1 || len(report.Explanations) != causes+1 || causes < 2 {
		t.Fatalf("%d reports when the model was asked; %d questions, %d explanations, %d root causes", saved, len(fake.Asked()),
			len(report.Explanations), causes)
	}
	if c := explainedCondition(i); c.Status != metav1.ConditionTrue || c.Reason != v1alpha1.ReasonSucceeded {
		t.Errorf("Explained: %+v", c)
	}
	if e := i.Status.Explained; e == nil || !e.Done || e.Requests != int32(causes+1) ||
		e.Tokens != int64(150*(causes+1)) { //nolint:gosec // small
		t.Errorf("status: %+v", e)
	}
	if u := w.usage("p"); u.TokensToday != int64(150*(causes+1)) || u.CacheHits != 0 {
		t.Errorf("usage: %+v", u)
	}
	// A second run over the unchanged cluster, by a new process, at the same time: usage is counted by day.
	w.Request("again")
	w.Settle(w.reconciler(w.explaining()))
	if again := w.Newest(); len(w.Reports()) != 2 || len(fake.Asked()) != causes+1 || len(again.Explanations) != causes+1 {
		t.Errorf("%d reports, asked %d times, %d explanations", len(w.Reports()), len(fake.Asked()), len(again.Explanations))
	}
	e := w.Get().Status.Explained
	u := w.usage("p")
	if int(e.Cached) != causes+1 || e.Requests != 0 || u.CacheHits != int64(causes+1) ||
		u.TokensToday != int64(150*(causes+1)) {
		t.Errorf("status %+v, usage %+v", e, u)
	}
}

func TestAModelThatIsDownCostsNothingAndIsAskedAgain(t *testing.T) {
	w := newWorld(t)
	fake := keyless(t)
	w.Reader(true)
	w.LostService("a")
	w.model("p", "http://127.0.0.1:1")
	w.Inspection(withAI())
	result := w.Settle(w.reconciler(w.explaining()))
	i := w.Get()
	ready := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
	if len(w.Reports()) != 1 || ready.Status != metav1.ConditionTrue {
		t.Fatalf("%d reports, Ready %+v", len(w.Reports()), ready)
	}
	if c := explainedCondition(i); c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonUnreachable {
		t.Errorf("Explained: %+v", c)
	}
	if result.RequeueAfter != time.Minute || w.usage("p").TokensToday != 0 {
		t.Errorf("looks again after %s, usage %+v", result.RequeueAfter, w.usage("p"))
	}
	// It comes up.
	p := &v1alpha1.AIProvider{}
	if err := w.Client.Get(t.Context(), client.ObjectKey{Namespace: w.Namespace, Name: "p"}, p); err != nil {
		t.Fatal(err)
	}
	p.Spec.Ollama.URL = fake.URL
	if err := w.Client.Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	w.Clock.SetTime(w.Clock.Now().Add(time.Minute))
	w.Settle(w.reconciler(w.explaining()))
	if c := explainedCondition(w.Get()); c.Status != metav1.ConditionTrue || len(w.Newest().Explanations) == 0 || len(w.Reports()) != 1 {
		t.Errorf("Explained: %+v", c)
	}
}

func TestWhyAReportIsNotExplained(t *testing.T) {
	for name, tc := range map[string]struct {
		make   func(w *world, fake *models.Fake)
		reason string
	}{
		"no AIProvider": {func(*world, *models.Fake) {}, v1alpha1.ReasonProviderNotFound},
		"suspended": {func(w *world, f *models.Fake) {
			w.model("p", f.URL, func(s *v1alpha1.AIProviderSpec) { s.Suspend = true })
		}, v1alpha1.ReasonSuspended},
		"a spent budget": {func(w *world, f *models.Fake) {
			w.model("p", f.URL, func(s *v1alpha1.AIProviderSpec) { s.Budget = &v1alpha1.TokenBudget{Daily: ptr.To[int64](0)} })
		}, v1alpha1.ReasonBudgetExceeded},
		"another model": {func(w *world, f *models.Fake) {
			w.model("p", f.URL, func(s *v1alpha1.AIProviderSpec) { s.Model = "x" })
		}, v1alpha1.ReasonModelNotFound},
		"a circle": {func(w *world, f *models.Fake) {
			w.model("p", f.URL, func(s *v1alpha1.AIProviderSpec) { s.FallbackRef = &v1alpha1.LocalReference{Name: "p"} })
		}, v1alpha1.ReasonFallbackLoop},
		"a missing token": {func(w *world, f *models.Fake) {
			w.model("p", f.URL, func(s *v1alpha1.AIProviderSpec) { s.Ollama.Token = &v1alpha1.SecretKeyReference{Name: "x", Key: "y"} })
		}, v1alpha1.ReasonSecretNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			fake := keyless(t)
			w.Reader(true)
			w.LostService("a")
			tc.make(w, fake)
			w.Inspection(withAI())
			result := w.Settle(w.reconciler(w.explaining()))
			if c := explainedCondition(w.Get()); c.Status != metav1.ConditionFalse || c.Reason != tc.reason || len(fake.Asked()) != 0 {
				t.Errorf("Explained: %+v, asked %d times", c, len(fake.Asked()))
			}
			if len(w.Reports()) != 1 || result.RequeueAfter != time.Minute {
				t.Errorf("%d reports, looks again after %s", len(w.Reports()), result.RequeueAfter)
			}
		})
	}
}

func TestAFallbackExplains(t *testing.T) {
	w := newWorld(t)
	fake := keyless(t)
	w.Reader(true)
	w.LostService("a")
	w.model("p", "http://127.0.0.1:1", func(s *v1alpha1.AIProviderSpec) { s.FallbackRef = &v1alpha1.LocalReference{Name: "q"} })
	w.model("q", fake.URL)
	w.Inspection(withAI())
	w.Settle(w.reconciler(w.explaining()))
	if e := w.Newest().Explanations; len(e) == 0 || e[0].Provider != "q" || w.usage("q").TokensToday == 0 ||
		w.usage("p").TokensToday != 0 {
		t.Errorf("explanations: %+v", e)
	}
}

func TestACrashBetweenTwoAnswersPaysNoneTwice(t *testing.T) {
	w := newWorld(t)
	fake := keyless(t)
	w.Reader(true)
	for _, name := range []string{"a", "b", "c"} {
		w.LostService(name)
	}
	w.model("p", fake.URL)
	w.Inspection(withAI())
	ctx, die := context.WithCancel(t.Context())
	defer die()
	fake.Answer(func(turn models.Turn) models.Reply {
		if len(fake.Asked()) == 3 { // the process ends while the third is under way
			die()
			return models.Reply{Hang: true}
		}
		return citing(turn)
	})
	r := w.reconciler(w.explaining())
	for ctx.Err() == nil {
		if _, err := r.Reconcile(ctx, ctrl.Request{NamespacedName: client.ObjectKey{Namespace: w.Namespace, Name: "i"}}); err != nil &&
			ctx.Err() == nil {
			t.Fatal(err)
		}
	}
	if got := len(w.Newest().Explanations); got != 2 {
		t.Fatalf("%d answers were kept, want 2", got)
	}
	fake.Answer(citing)
	w.Settle(w.reconciler(w.explaining()))
	causes := int(w.Newest().Summary.Problems.Total + w.Newest().Summary.Recommendations.Total)
	if got := w.Newest().Explanations; len(got) != causes+1 || len(fake.Asked()) != causes+2 {
		t.Errorf("%d explanations of %d causes, asked %d times", len(got), causes, len(fake.Asked()))
	}
}

func TestAnExplanationIsWrittenOnce(t *testing.T) {
	w := newWorld(t)
	fake := keyless(t)
	w.Reader(true)
	w.LostService("a")
	w.model("p", fake.URL)
	w.Inspection(withAI())
	w.Settle(w.reconciler(w.explaining()))
	report := w.Newest()
	report.Explanations[0].Summary = "All is well."
	if err := w.Client.Update(t.Context(), report.DeepCopy()); err == nil || !strings.Contains(err.Error(), "immutable") {
		t.Errorf("an explanation was changed: %v", err)
	}
	report = w.Newest()
	report.Explanations = report.Explanations[1:]
	if err := w.Client.Update(t.Context(), report.DeepCopy()); err == nil || !strings.Contains(err.Error(), "cannot be removed") {
		t.Errorf("an explanation was taken away: %v", err)
	}
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.AI = nil })
	w.Settle(w.reconciler(w.explaining()))
	if i := w.Get(); explainedCondition(i).Type != "" || i.Status.Explained != nil {
		t.Errorf("the status speaks of what is asked for no more: %+v", i.Status)
	}
}

func TestAnswersAreSharedThroughARealRedis(t *testing.T) {
	w := newWorld(t)
	fake := keyless(t)
	w.Reader(true)
	w.LostService("a")
	w.model("p", fake.URL)
	address, process := servers.Redis(t, servers.RedisOptions{})
	sharing := func(s *setup) {
		answers, err := rediscache.New(rediscache.Options{URL: "redis://" + address})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(answers.Close)
		w.explaining()(s)
		s.env.Settings.Answers = answers
	}
	w.Inspection(withAI())
	w.Settle(w.reconciler(sharing))
	asked := len(fake.Asked())
	// The reports are gone, and the process is another.
	for _, r := range w.Reports() {
		if err := w.Client.Delete(t.Context(), &r); err != nil {
			t.Fatal(err)
		}
	}
	w.Request("again")
	w.Settle(w.reconciler(sharing))
	if e := w.Get().Status.Explained; asked != 2 || len(fake.Asked()) != 2 || e.Cached != 2 || e.Requests != 0 ||
		len(w.Newest().Explanations) != 2 {
		t.Errorf("asked %d and then %d times: %+v", asked, len(fake.Asked())-asked, e)
	}
	// A Redis that is down costs nothing but its answers.
	process.Stop()
	for _, r := range w.Reports() {
		if err := w.Client.Delete(t.Context(), &r); err != nil {
			t.Fatal(err)
		}
	}
	w.Request("without Redis")
	w.Settle(w.reconciler(sharing))
	if c := explainedCondition(w.Get()); c.Status != metav1.ConditionTrue || len(fake.Asked()) != 4 {
		t.Errorf("without Redis: %+v, asked %d times", c, len(fake.Asked()))
	}
}

func TestARealModelExplains(t *testing.T) {
	server := servers.StartOllama(t)
	w := newWorld(t)
	w.Reader(true)
	w.LostService("a")
	w.model("p", server.URL, func(s *v1alpha1.AIProviderSpec) {
		s.Model = servers.OllamaModel
		s.MaxAnswerTokens = 500
	})
	w.Inspection(withAI())
	w.Settle(w.reconciler(w.explaining()))
	i, report := w.Get(), w.Newest()
	if c := explainedCondition(i); c.Status != metav1.ConditionTrue || i.Status.Explained.Tokens == 0 || len(report.Explanations) != 2 {
		t.Fatalf("Explained: %+v, status %+v", c, i.Status.Explained)
	}
	for _, e := range report.Explanations {
		t.Logf("%s: dropped %q, confidence %q: %s", e.ID, e.Dropped, e.Confidence, e.Summary)
	}
}
