package openai

import (
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/testkit/models"
)

// TestErrorsOfServersAreUnderstood has error responses as servers with this API send them.
func TestErrorsOfServersAreUnderstood(t *testing.T) {
	for name, tc := range map[string]struct {
		status     int
		body       string
		jsonObject bool
		reason     string
		want       string
	}{
		"LiteLLM, without a parameter": {
			status: 400, reason: v1alpha1.ReasonInvalidQuery,
			body: `{"error":{"message":"litellm.BadRequestError: OpenAIException - messages must not be empty","type":"None","param":null,"code":"400"}}`,
			want: "HOST rejected the request (400): litellm.BadRequestError: OpenAIException - messages must not be empty",
		},
		"LiteLLM, too long": {
			status: 400, reason: v1alpha1.ReasonContextTooLong,
			body: `{"error":{"message":"litellm.ContextWindowExceededError: the prompt is too long","type":"None","param":null,"code":"400"}}`,
			want: "the prompt exceeds the context length",
		},
		"vLLM, fields at the top": {
			status: 404, reason: v1alpha1.ReasonModelNotFound,
			body: `{"object":"error","message":"The model ` + "`x`" + ` does not exist.","type":"NotFoundError","param":null,"code":404}`,
			want: "HOST does not have model tiny-1",
		},
		"vLLM, too many tokens of an answer": {
			status: 400, reason: v1alpha1.ReasonContextTooLong,
			body: `{"object":"error","message":"'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context ` +
				`length is 4096 tokens","type":"BadRequestError","param":null,"code":400}`,
			want: "the prompt exceeds the context length",
		},
		"LM Studio, a text": {
			status: 400, reason: v1alpha1.ReasonInvalidQuery, body: `{"error":"Failed to load model. Model type is unrecognised."}`,
			want: "HOST rejected the request (400): Failed to load model. Model type is unrecognised",
		},
		"LM Studio, without JSON objects": {
			status: 400, jsonObject: true, reason: v1alpha1.ReasonInvalidQuery,
			body: `{"error":"'response_format.type' must be 'json_schema' or 'text'"}`,
			want: "HOST rejected response_format for the answer format jsonObject (400): 'response_format.type' must be 'json_schema' or " +
				"'text'; set spec.openai.answerFormat to jsonSchema",
		},
		"DeepSeek, without schemas": {
			status: 400, reason: v1alpha1.ReasonInvalidQuery,
			body: `{"error":{"message":"This response_format type is unavailable now","type":"invalid_request_error","param":null,"code":` +
				`"invalid_request_error"}}`,
			want: "HOST rejected response_format for the answer format jsonSchema (400): This response_format type is unavailable now; set " +
				"spec.openai.answerFormat to jsonObject",
		},
		"OpenAI, an older model": {
			status: 400, reason: v1alpha1.ReasonInvalidQuery,
			body: `{"error":{"message":"Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",` +
				`"type":"invalid_request_error","param":"response_format.type","code":null}}`,
			want: "set spec.openai.answerFormat to jsonObject",
		},
		"FastAPI, a field that it does not know": {
			status: 422, reason: v1alpha1.ReasonInvalidQuery,
			body: `{"detail":[{"type":"extra_forbidden","loc":["body","response_format","json_schema"],"msg":"Extra inputs are not permitted"}]}`,
			want: "HOST rejected response_format for the answer format jsonSchema (422): Extra inputs are not permitted; set",
		},
		"FastAPI, a text": {
			status: 500, reason: v1alpha1.ReasonServerError, body: `{"detail":"The engine is dead"}`,
			want: "HOST returned a server error (500): The engine is dead",
		},
		"OpenRouter, status 200 with the status in the code": {
			status: 200, reason: v1alpha1.ReasonRateLimited, body: `{"error":{"message":"Rate limit exceeded","code":429}}`,
			want: "HOST limits the rate (429)",
		},
		"OpenRouter, status 200 with an error in the choice": {
			status: 200, reason: v1alpha1.ReasonServerError,
			body: `{"choices":[{"finish_reason":"error","error":{"code":502,"message":"Provider disconnected"},"message":{"content":""}}]}`,
			want: "HOST returned a server error (502): Provider disconnected",
		},
		"LM Studio, status 200 with a text": {
			status: 200, reason: v1alpha1.ReasonServerError, body: `{"error":"Unexpected endpoint or method. (POST /v1/chat/completions)"}`,
			want: "HOST returned an error instead of an answer: Unexpected endpoint or method. (POST /v1/chat/completions)",
		},
		"status 200, fields at the top": {
			status: 200, reason: v1alpha1.ReasonServerError, body: `{"object":"error","message":"out of memory","code":"50001"}`,
			want: "HOST returned an error instead of an answer: out of memory",
		},
		"status 200, too long": {
			status: 200, reason: v1alpha1.ReasonContextTooLong, body: `{"error":{"message":"This exceeds the context window"}}`,
			want: "the prompt exceeds the context length",
		},
		"an error that is null": {status: 200, reason: v1alpha1.ReasonInvalidResponse, body: `{"error":null,"choices":[]}`},
		"secrets and ids": {
			status: 400, reason: v1alpha1.ReasonInvalidQuery,
			body: `{"error":{"message":"Key ` + models.Key + ` failed\u001b[31m after 1.25s\n(request id: req-7f3a9c1e8842b7d0, password=hunter2hunter2)"}}`,
			want: "HOST rejected the request (400): Key [redacted:",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var options []models.Option
			if tc.jsonObject {
				options = append(options, models.JSONObject())
			}
			fake := models.OpenAI(t, options...)
			fake.Answer(func(models.Turn) models.Reply { return models.Reply{Status: tc.status, Raw: []byte(tc.body)} })
			m := open(t, fake, func(s *ai.Settings) { s.JSONObject = tc.jsonObject })
			defer m.Close()
			_, err := m.Ask(t.Context(), request())
			p := problem.As(err)
			if p == nil || p.Reason != tc.reason {
				t.Fatalf("got %v, want %s", err, tc.reason)
			}
			host, _, _ := strings.Cut(strings.TrimPrefix(fake.URL, "http://"), "/")
			if got := strings.ReplaceAll(p.Message, host, "HOST"); !strings.Contains(got, tc.want) {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			for _, hidden := range []string{models.Key, "hunter2", "7f3a9c", "1.25", "\x1b"} {
				if strings.Contains(p.Message, hidden) {
					t.Errorf("%q is in %s", hidden, p.Message)
				}
			}
		})
	}
}

// TestParametersThatAProxyRejectsAreLeftOut has a proxy that does not name the parameter, as LiteLLM does.
func TestParametersThatAProxyRejectsAreLeftOut(t *testing.T) {
	fake := models.OpenAI(t, models.NewParameters(), models.Proxied())
	m := open(t, fake, func(*ai.Settings) {})
	defer m.Close()
	if _, err := m.Ask(t.Context(), request()); err != nil {
		t.Fatal(err)
	}
	if sent := strings.Count(fake.Captured(), `"messages"`); sent != 3 { // two to learn, one that was answered
		t.Errorf("sent %d requests, want 3", sent)
	}
}

func TestAnswersInPartsAndFencesAreAccepted(t *testing.T) {
	const fenced = "<think>\nyes or no?\n</think>\n```json\n{\"answer\":\"yes\"}\n```"
	for name, tc := range map[string]struct{ body, want string }{
		"parts": {
			`{"choices":[{"finish_reason":"stop","message":{"content":[{"type":"text","text":"{\"answer\":"},{"type":"text","text":"\"yes\"}"}]}}]}`,
			`{"answer":"yes"}`,
		},
		"reasoning among the parts": {
			`{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"no"}]},{"type":"text","text":"{\"answer\":\"yes\"}"}]}}]}`,
			`{"answer":"yes"}`,
		},
		"parts that are texts": {`{"choices":[{"message":{"content":["{\"answer\":\"no\"}",null,7]}}]}`, `{"answer":"no"}`},
		"reasoning and a fence": {
			`{"choices":[{"message":{"content":"<think>\nyes or no?\n</think>\n` + "```json" + `\n{\"answer\":\"yes\"}\n` + "```" + `","reasoning_content":"x"}}]}`,
			fenced,
		},
	} {
		t.Run(name, func(t *testing.T) {
			fake := models.OpenAI(t)
			fake.Answer(func(models.Turn) models.Reply { return models.Reply{Raw: []byte(tc.body)} })
			m := open(t, fake, func(*ai.Settings) {})
			defer m.Close()
			answer, err := m.Ask(t.Context(), request())
			if err != nil || answer.Text != tc.want {
				t.Errorf("got %q, %v", answer.Text, err)
			}
			if _, err := ai.Prove(t.Context(), m, clock.RealClock{}, 10); err != nil {
				t.Errorf("the probe does not accept it: %v", err)
			}
		})
	}
}
