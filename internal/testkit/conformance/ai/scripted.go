package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/testkit/models"
)

// Refusals runs a backend against its fake, with every kind of error and of unusable response.
func Refusals(
	t *testing.T, start func(t testing.TB, options ...models.Option) *models.Fake,
	open func(t *testing.T, fake *models.Fake, change func(*ai.Settings)) ai.Model,
) {
	const limit = 1 << 20
	status := func(code int, message string) models.Reply { return models.Reply{Status: code, Message: message} }
	later := func(value string) http.Header { return http.Header{"Retry-After": {value}} }
	for name, tc := range map[string]struct {
		reply  models.Reply
		reason string
		after  time.Duration
	}{
		"401":                     {reply: status(401, "Incorrect API key provided: "+models.Key), reason: v1alpha1.ReasonUnauthorized},
		"402":                     {reply: status(402, "Insufficient Balance"), reason: v1alpha1.ReasonPaymentRequired},
		"403":                     {reply: status(403, "Country not supported"), reason: v1alpha1.ReasonForbidden},
		"404 of the path":         {reply: models.Reply{Status: 404, Raw: []byte("404 page not found")}, reason: v1alpha1.ReasonNotFound},
		"404 of the model":        {reply: status(404, "The model `tiny-1` does not exist"), reason: v1alpha1.ReasonModelNotFound},
		"429 without Retry-After": {reply: status(429, "Rate limit reached"), reason: v1alpha1.ReasonRateLimited},
		"429 with Retry-After": {
			reply: models.Reply{Status: 429, Message: "Rate limit reached", Header: later("17")}, reason: v1alpha1.ReasonRateLimited,
			after: 17 * time.Second,
		},
		"429 with nonsense": {reply: models.Reply{Status: 429, Header: later("soon")}, reason: v1alpha1.ReasonRateLimited},
		"429 with NaN":      {reply: models.Reply{Status: 429, Header: later("NaN")}, reason: v1alpha1.ReasonRateLimited},
		"429 with a huge Retry-After": {
			reply: models.Reply{Status: 429, Header: later("1e300")}, reason: v1alpha1.ReasonRateLimited, after: 24 * time.Hour,
		},
		"429 before now": {reply: models.Reply{Status: 429, Header: later("-5")}, reason: v1alpha1.ReasonRateLimited},
		"500":            {reply: status(500, "The server had an error"), reason: v1alpha1.ReasonServerError},
		"502 from a proxy": {
			reply: models.Reply{Status: 502, Raw: []byte("<html>Bad Gateway</html>")}, reason: v1alpha1.ReasonServerError,
		},
		"503 with Retry-After": {
			reply: models.Reply{Status: 503, Message: "busy", Header: later("3")}, reason: v1alpha1.ReasonServerError,
			after: 3 * time.Second,
		},
		"too long": {
			reply:  status(400, "This model's maximum context length is 4096 tokens. However, you requested 9000."),
			reason: v1alpha1.ReasonContextTooLong,
		},
		"too long, as llama.cpp": {
			reply: status(400, "the request exceeds the available context size, try increasing it"), reason: v1alpha1.ReasonContextTooLong,
		},
		"too long, as Ollama": {
			reply: status(500, "the input length exceeds the context length"), reason: v1alpha1.ReasonContextTooLong,
		},
		"413":         {reply: status(413, "payload"), reason: v1alpha1.ReasonContextTooLong},
		"another 400": {reply: status(400, "Invalid schema for response_format"), reason: v1alpha1.ReasonInvalidQuery},
		"cut off":     {reply: models.Reply{Text: `{"answer":`, CutOff: true}, reason: v1alpha1.ReasonAnswerCutOff},
		"broken JSON": {reply: models.Reply{Raw: []byte(`{"choices":[{"message":`)}, reason: v1alpha1.ReasonInvalidResponse},
		"nothing":     {reply: models.Reply{Raw: []byte{}}, reason: v1alpha1.ReasonInvalidResponse},
		"HTML": {
			reply: models.Reply{Raw: []byte("<!doctype html><title>Sign in</title>")}, reason: v1alpha1.ReasonInvalidResponse,
		},
		"another shape": {reply: models.Reply{Raw: []byte(`["a",1]`)}, reason: v1alpha1.ReasonInvalidResponse},
		"no choice":     {reply: models.Reply{Raw: []byte(`{"choices":[]}`)}, reason: v1alpha1.ReasonInvalidResponse},
		"10 MB":         {reply: models.Reply{Text: strings.Repeat("x", 10<<20)}, reason: v1alpha1.ReasonResponseTooLarge},
		"never":         {reply: models.Reply{Hang: true}, reason: v1alpha1.ReasonTimeout},
	} {
		t.Run("answers "+name, func(t *testing.T) {
			t.Parallel()
			fake := start(t)
			fake.Answer(func(models.Turn) models.Reply { return tc.reply })
			m := open(t, fake, func(s *ai.Settings) { s.Timeout = time.Second; s.MaxBytes = limit })
			t.Cleanup(m.Close)
			_, err := m.Ask(t.Context(), question())
			p := problem.As(err)
			if p == nil || p.Reason != tc.reason || p.After != tc.after {
				t.Fatalf("got %+v, want reason %s after %s", p, tc.reason, tc.after)
			}
			text := fmt.Sprint(err)
			if strings.Contains(text, models.Key) || strings.Contains(text, "Sign in") {
				t.Errorf("the error quotes the key or the page: %v", err)
			}
			// What the server says is shown if that is all that is known.
			unknown := tc.reason == v1alpha1.ReasonInvalidQuery || tc.reason == v1alpha1.ReasonServerError
			if tc.reply.Message != "" && strings.Contains(text, tc.reply.Message) != unknown {
				t.Errorf("the error quotes the message, or does not: %v", err)
			}
			if n := len(fake.Asked()); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}
