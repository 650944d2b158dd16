package ollama

import (
	"context"
	"encoding/json"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ai"
	"kubeops.io/kubeops/internal/testkit/hostile"
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
		return open(t, models.Ollama(t, models.WithContext(4096)), change)
	}})
}

func TestErrorsNameTheCause(t *testing.T) { conformance.Refusals(t, models.Ollama, open) }

func TestToolsAreCalled(t *testing.T) { conformance.Tools(t, models.Ollama, open) }

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
	const scanBuffer = 8 << 20 // of Ollama's client, for each question
	conformance.RunMemory(t, New, scanBuffer, []hostile.Response{{Path: "/version", Body: `{"version":"0.17.4"}`}},
		hostile.Response{Path: "/version", Body: `{"version":VALUE}`},
		hostile.Response{Path: "/show", Body: `{"model_info":VALUE,"tensors":VALUE,"details":{"family":VALUE}}`},
		hostile.Response{Path: "/show", Body: `{"parameters":VALUE,"messages":[<<{}>>]}`},
		hostile.Response{Path: "/chat", Body: `{"message":{"role":"assistant","content":VALUE,"tool_calls":VALUE},"done":true}`},
		hostile.Response{Path: "/chat", Body: `{"message":{"role":"assistant","tool_calls":[<<{}>>]},"done":true}`},
		hostile.Response{Path: "/chat", Body: `{"message":{"tool_calls":[{"function":{"name":VALUE,"arguments":{"a":VALUE}}}]},"done":true}`},
		hostile.Response{Path: "/chat", Body: `{"message":{"role":"assistant","content":"x"},"logprobs":VALUE,"done":true}`},
		hostile.Response{Path: "/chat", Body: `{"message":{"role":"assistant"},"logprobs":[<<{}>>],"done":true}`},
	)
}

func FuzzParseContextLength(f *testing.F) {
	for _, seed := range []string{
		"", "num_ctx 2048", "stop \"x\"\nnum_ctx                        4096\n", "num_ctx -1", "num_ctx 99999999999999999999",
		"num_ctx\n\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, parameters string) {
		if n := parseContextLength(parameters); n < 0 || n >= 1<<32 {
			t.Errorf("got %d", n)
		}
	})
}

func TestOnlyARequestWithToolsIsRefusedForThem(t *testing.T) {
	fake := models.Ollama(t)
	fake.Answer(func(models.Turn) models.Reply {
		return models.Reply{Status: 400, Message: "model tool-7b is not supported by this version"}
	})
	model := open(t, fake, func(*ai.Settings) {})
	_, err := model.Ask(t.Context(), request())
	if reason := ai.Reason(err); err == nil || reason == v1alpha1.ReasonToolsNotSupported {
		t.Errorf("without tools: %v", err)
	}
	with := request()
	with.Schema = nil
	with.Tools = []ai.Tool{{Name: "get", Parameters: []byte(`{"type":"object","properties":{}}`)}}
	if _, err := model.Ask(t.Context(), with); ai.Reason(err) != v1alpha1.ReasonToolsNotSupported {
		t.Errorf("with tools: %v", err)
	}
}
