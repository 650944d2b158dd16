package aiprovider

import (
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/models"
	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func TestAModelIsReadyOnceItAnswered(t *testing.T) {
	w := newWorld(t)
	fake := models.OpenAI(t, models.WithContext(32768))
	w.key()
	w.provider(openAIAt(fake.URL), func(s *v1alpha1.AIProviderSpec) { s.Budget = &v1alpha1.TokenBudget{Daily: ptr.To[int64](10_000)} })
	p, after := w.reconcile()
	s := p.Status
	if c := ready(p); c.Status != metav1.ConditionTrue || c.Message != "model tiny-1 answers" || after != 10*time.Minute {
		t.Fatalf("Ready: %+v, next turn after %s", c, after)
	}
	if s.Model != models.Name || s.ContextLength == nil || *s.ContextLength != 32768 || s.Latency == nil || s.LastAnswerTime == nil {
		t.Errorf("status: %+v", s)
	}
	if u := s.Usage; u == nil || u.TokensToday != 150 || u.TokensThisMonth != 150 || *u.TokensLeft != 9850 || u.Requests != 1 ||
		u.Day == "" {
		t.Errorf("usage: %+v", u)
	}
	for _, line := range w.Table("aiproviders", false) {
		if len([]rune(line)) > tenant.Screen {
			t.Errorf("wider than a screen: %s", line)
		}
	}
	// Looking costs nothing; the question is asked again after an hour, on request, and when the spec changes.
	asked := func(want int, why string) {
		t.Helper()
		w.reconcile()
		if got := len(fake.Asked()); got != want {
			t.Errorf("%s: asked %d times, want %d", why, got, want)
		}
	}
	asked(1, "at once")
	w.Clock.SetTime(w.Clock.Now().Add(30 * time.Minute))
	asked(1, "after half an hour")
	w.Clock.SetTime(w.Clock.Now().Add(31 * time.Minute))
	asked(2, "after an hour")
	p = w.get()
	p.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: "now"}
	w.Update(p)
	asked(3, "on request")
	p = w.get()
	p.Spec.MaxAnswerTokens = 512
	w.Update(p)
	asked(4, "after a change")
	w.restart()
	asked(4, "after a restart")
	if u := w.get().Status.Usage; u.Requests != 4 {
		t.Errorf("a restart forgot what was spent: %+v", u)
	}
	if strings.Contains(strings.Join(w.Told(), " "), models.Key) {
		t.Error("the key stands in an event")
	}
}

func TestWhyAModelIsNotReady(t *testing.T) {
	for name, tc := range map[string]struct {
		reply  models.Reply
		change func(*v1alpha1.AIProviderSpec)
		reason string
	}{
		"401":              {reply: models.Reply{Status: 401, Message: models.Key}, reason: v1alpha1.ReasonUnauthorized},
		"402":              {reply: models.Reply{Status: 402}, reason: v1alpha1.ReasonPaymentRequired},
		"5xx":              {reply: models.Reply{Status: 500, Header: map[string][]string{"Retry-After": {"900"}}}, reason: v1alpha1.ReasonServerError},
		"429 for an hour":  {reply: models.Reply{Status: 429, Header: map[string][]string{"Retry-After": {"3600"}}}, reason: v1alpha1.ReasonRateLimited},
		"prose":            {reply: models.Reply{Text: "Yes, it is!"}, reason: v1alpha1.ReasonInvalidAnswer},
		"another answer":   {reply: models.Reply{Text: `{"answer":"perhaps"}`}, reason: v1alpha1.ReasonInvalidAnswer},
		"another model":    {change: func(s *v1alpha1.AIProviderSpec) { s.Model = "gpt-0" }, reason: v1alpha1.ReasonModelNotFound},
		"a spent budget":   {change: func(s *v1alpha1.AIProviderSpec) { s.Budget = &v1alpha1.TokenBudget{Monthly: ptr.To[int64](10)} }, reason: v1alpha1.ReasonBudgetExceeded},
		"no such Secret":   {change: func(s *v1alpha1.AIProviderSpec) { s.OpenAI.APIKey.Name = "nothing" }, reason: v1alpha1.ReasonSecretForbidden},
		"a denied address": {change: func(s *v1alpha1.AIProviderSpec) { s.OpenAI.URL = "http://169.254.169.254/v1" }, reason: v1alpha1.ReasonEgressDenied},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			fake := models.OpenAI(t)
			w.key()
			if tc.reply.Status != 0 || tc.reply.Text != "" {
				fake.Answer(func(models.Turn) models.Reply { return tc.reply })
			}
			if tc.change == nil {
				tc.change = func(*v1alpha1.AIProviderSpec) {}
			}
			w.provider(openAIAt(fake.URL), tc.change)
			p, after := w.reconcile()
			c := ready(p)
			if c.Status != metav1.ConditionFalse || c.Reason != tc.reason || strings.Contains(c.Message, models.Key) {
				t.Errorf("Ready: %+v", c)
			}
			if after <= 0 || after > 10*time.Minute {
				t.Errorf("next turn after %s", after)
			}
		})
	}
}

func TestSuspendedAsksNothing(t *testing.T) {
	w := newWorld(t)
	fake := models.Ollama(t)
	w.provider(
		v1alpha1.AIProviderSpec{
			Suspend: true,
			Type:    v1alpha1.AIProviderOllama,
			Model:   models.Name,
			Ollama:  &v1alpha1.OllamaServer{URL: fake.URL},
		},
	)
	if p, after := w.reconcile(); ready(p).Reason != v1alpha1.ReasonSuspended || after != 0 || fake.Captured() != "" {
		t.Errorf("Ready: %+v", ready(p))
	}
}

func TestARealOllamaIsReady(t *testing.T) {
	server := servers.StartOllama(t)
	w := newWorld(t)
	w.provider(
		v1alpha1.AIProviderSpec{
			Type:   v1alpha1.AIProviderOllama,
			Model:  servers.OllamaModel,
			Ollama: &v1alpha1.OllamaServer{URL: server.URL},
		},
	)
	p, _ := w.reconcile()
	if s := p.Status; ready(p).Status != metav1.ConditionTrue || s.Version != "0.17.4" || *s.ContextLength != servers.OllamaContext ||
		s.Usage.TokensToday == 0 {
		t.Errorf("Ready: %+v, status %+v", ready(p), s)
	}
	server.Stop()
	if p, after := w.reconcile(); ready(p).Reason != v1alpha1.ReasonUnreachable || after > 8*time.Second {
		t.Errorf("Ready: %+v, next turn after %s", ready(p), after)
	}
}

func TestTheAPIRefusesWhatCannotBeMeant(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(*v1alpha1.AIProviderSpec){
		"no server":            func(s *v1alpha1.AIProviderSpec) { s.OpenAI = nil },
		"two servers":          func(s *v1alpha1.AIProviderSpec) { s.Ollama = &v1alpha1.OllamaServer{URL: "http://x"} },
		"another type":         func(s *v1alpha1.AIProviderSpec) { s.Type = "magic" },
		"no model":             func(s *v1alpha1.AIProviderSpec) { s.Model = "" },
		"credentials in a URL": func(s *v1alpha1.AIProviderSpec) { s.OpenAI.URL = "http://a:b@x/v1" },
		"no URL":               func(s *v1alpha1.AIProviderSpec) { s.OpenAI.URL = "ftp://x" },
		"an empty budget":      func(s *v1alpha1.AIProviderSpec) { s.Budget = &v1alpha1.TokenBudget{} },
		"a negative budget":    func(s *v1alpha1.AIProviderSpec) { s.Budget = &v1alpha1.TokenBudget{Daily: ptr.To[int64](-1)} },
		"a long timeout":       func(s *v1alpha1.AIProviderSpec) { s.Timeout = &metav1.Duration{Duration: time.Hour} },
		"a header of KubeOps'": func(s *v1alpha1.AIProviderSpec) {
			s.OpenAI.Headers = []v1alpha1.AIHeader{{Name: "Authorization", Value: "x"}}
		},
		"a header without one":  func(s *v1alpha1.AIProviderSpec) { s.OpenAI.Headers = []v1alpha1.AIHeader{{Name: "api-key"}} },
		"a header with a break": func(s *v1alpha1.AIProviderSpec) { s.OpenAI.Headers = []v1alpha1.AIHeader{{Name: "x", Value: "a\nb"}} },
	} {
		t.Run(name, func(t *testing.T) {
			p := &v1alpha1.AIProvider{ObjectMeta: w.Meta("bad"), Spec: openAIAt("http://x/v1")}
			change(&p.Spec)
			if err := w.Client.Create(t.Context(), p); !apierrors.IsInvalid(err) {
				t.Errorf("got %v, want a refusal", err)
			}
		})
	}
	w.provider(openAIAt("https://name.openai.azure.com/openai/v1"), func(s *v1alpha1.AIProviderSpec) {
		s.OpenAI.Organization = "org-1"
		s.OpenAI.Headers = []v1alpha1.AIHeader{
			{Name: "api-key", ValueFrom: &v1alpha1.SecretKeyReference{Name: "ai", Key: "key"}},
			{Name: "x-team", Value: "shop"},
		}
		s.FallbackRef = &v1alpha1.LocalReference{Name: "local"}
		s.TokensPerMinute = ptr.To[int64](90_000)
		s.Concurrency = 4
	})
}
