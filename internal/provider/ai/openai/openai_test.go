package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/stream"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ai"
	"kubeops.io/kubeops/internal/testkit/hostile"
	"kubeops.io/kubeops/internal/testkit/memory"
	"kubeops.io/kubeops/internal/testkit/models"
)

func open(t *testing.T, fake *models.Fake, change func(*ai.Settings)) ai.Model {
	t.Helper()
	settings := ai.Settings{
		Endpoint: provider.Endpoint{
			URL: fake.URL, Auth: provider.Auth{BearerToken: models.Key},
		}, Model: models.Name, Egress: provider.Egress{AllowLoopback: true},
	}
	change(&settings)
	m, err := New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func request() ai.Request {
	return ai.Request{System: "Answer.", User: "Is water wet?", Schema: json.RawMessage(`{"type":"object"}`), Name: "answer", MaxTokens: 10}
}

func TestConformsToTheContractWithTheFake(t *testing.T) {
	conformance.Run(t, conformance.Target{Scripted: true, ContextLength: 4096, New: func(t *testing.T, change func(*ai.Settings)) ai.Model {
		return open(t, models.OpenAI(t, models.WithContext(4096)), change)
	}})
}

func TestErrorsNameTheCause(t *testing.T) { conformance.Refusals(t, models.OpenAI, open) }

func TestToolsAreCalled(t *testing.T) { conformance.Tools(t, models.OpenAI, open) }

func TestAMisbehavingServerIsAProblem(t *testing.T) {
	call := func(use func(context.Context, ai.Model) error) func(context.Context, provider.Endpoint) error {
		return func(ctx context.Context, endpoint provider.Endpoint) error {
			m, err := New(
				ai.Settings{
					Endpoint: endpoint, Model: models.Name, Timeout: hostile.Timeout, MaxBytes: hostile.MaxBytes,
					Egress: provider.Egress{AllowLoopback: true},
				},
			)
			if err != nil {
				return err
			}
			defer m.Close()
			return use(ctx, m)
		}
	}
	t.Run("probe", func(t *testing.T) {
		hostile.Run(t, call(func(ctx context.Context, m ai.Model) error { _, err := m.Probe(ctx); return err }))
	})
	t.Run("ask", func(t *testing.T) {
		hostile.Run(t, call(func(ctx context.Context, m ai.Model) error { _, err := m.Ask(ctx, request()); return err }))
	})
}

func TestMemoryOfHostileResponses(t *testing.T) {
	conformance.RunMemory(t, New, 0, nil,
		hostile.Response{Path: "/models", Body: `{"data":[<<{}>>]}`}, hostile.Response{Path: "/models", Body: `{"data":VALUE}`},
		hostile.Response{Path: "/models", Body: `{"data":[{"id":VALUE}]}`},
		hostile.Response{Path: "/completions", Body: `{"choices":[<<{}>>]}`},
		hostile.Response{Path: "/completions", Body: `{"choices":VALUE}`},
		hostile.Response{Path: "/completions", Body: `{"choices":[{"message":{"content":VALUE,"refusal":VALUE}}],"usage":VALUE}`},
		hostile.Response{Path: "/completions", Body: `{"choices":[{"message":{"tool_calls":[<<{}>>]}}]}`},
		hostile.Response{Path: "/completions", Body: `{"choices":[{"message":{"tool_calls":[{"function":{"name":VALUE,"arguments":VALUE}}]}}]}`},
		hostile.Response{Path: "/completions", Body: `{"a":VALUE,"choices":[{"message":{"content":"x"}}]}`},
	)
}

func TestAdjustsParametersToTheServer(t *testing.T) {
	fake := models.OpenAI(t, models.NewParameters())
	m := open(t, fake, func(*ai.Settings) {})
	defer m.Close()
	for range 2 {
		if _, err := m.Ask(t.Context(), request()); err != nil {
			t.Fatal(err)
		}
	}
	if sent := strings.Count(fake.Captured(), `"messages"`); sent != 4 { // two to learn, two that were answered
		t.Errorf("sent %d requests, want 4", sent)
	}
}

func TestAServerThatRejectsBothNamesIsNotAskedForever(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		name := "max_tokens"
		if strings.Contains(string(body), "max_completion_tokens") {
			name = "max_completion_tokens"
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(
			w, `{"error":{"message":"x","type":"invalid_request_error","param":"`+name+`","code":"unsupported_parameter"}}`,
		)
	}))
	defer server.Close()
	m, err := New(
		ai.Settings{Endpoint: provider.Endpoint{URL: server.URL}, Model: models.Name, Egress: provider.Egress{AllowLoopback: true}},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Ask(t.Context(), request()); err == nil || asked.Load() != 3 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

func TestSendsTheOrganizationAndWorksWithoutSchemas(t *testing.T) {
	fake := models.OpenAI(t, models.WithOrganization("org-1"), models.JSONObject())
	m := open(t, fake, func(s *ai.Settings) {
		s.Endpoint.Header = http.Header{"Openai-Organization": {"org-1"}}
		s.JSONObject = true
	})
	defer m.Close()
	if _, err := m.Ask(t.Context(), request()); err != nil {
		t.Fatal(err)
	}
	if asked := fake.Asked(); !strings.Contains(asked[0].System, `{"type":"object"}`) {
		t.Errorf("the model was not told the schema: %q", asked[0].System)
	}
}

func TestDistinguishesQuotaAndRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		reply  models.Reply
		reason string
	}{
		"quota": {
			models.Reply{Status: 429, Code: "insufficient_quota", Message: "You exceeded your current quota"},
			v1alpha1.ReasonPaymentRequired,
		},
		"context":        {models.Reply{Status: 400, Code: "context_length_exceeded", Message: "x"}, v1alpha1.ReasonContextTooLong},
		"refusal":        {models.Reply{Refusal: "I cannot help with that."}, v1alpha1.ReasonModelRefused},
		"content filter": {models.Reply{Status: 400, Code: "content_filter", Message: "x"}, v1alpha1.ReasonModelRefused},
	} {
		t.Run(name, func(t *testing.T) {
			fake := models.OpenAI(t)
			fake.Answer(func(models.Turn) models.Reply { return tc.reply })
			m := open(t, fake, func(*ai.Settings) {})
			defer m.Close()
			_, err := m.Ask(t.Context(), request())
			if p := problem.As(err); p == nil || p.Reason != tc.reason {
				t.Errorf("got %v, want %s", err, tc.reason)
			}
		})
	}
}

func TestTheEnvironmentChangesNoRequest(t *testing.T) {
	fake := models.OpenAI(t, models.WithoutKey())
	t.Setenv("OPENAI_API_KEY", "from-the-environment")
	t.Setenv("OPENAI_ORG_ID", "from-the-environment")
	t.Setenv("OPENAI_BASE_URL", "http://from-the-environment.invalid")
	m := open(t, fake, func(s *ai.Settings) { s.Endpoint.Auth = provider.Auth{} })
	defer m.Close()
	if _, err := m.Ask(t.Context(), request()); err != nil {
		t.Fatal(err)
	}
}

func FuzzResponses(f *testing.F) {
	f.Add([]byte(`{"choices":[{"finish_reason":"stop","message":{"content":"x","refusal":null}},{}],"usage":{"prompt_tokens":1}}`))
	f.Add([]byte(`{"error":{"message":"x","type":"y","param":null,"code":429}}`))
	f.Add([]byte(`{"choices":[],"usage":[]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, into := range []any{&reply{}, &failure{}} {
			memory.Bounded(t, len(content), func(limits stream.Limits) { _ = stream.New(bytes.NewReader(content), limits).Decode(into) })
		}
	})
}
