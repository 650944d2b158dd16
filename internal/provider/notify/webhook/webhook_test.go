package webhook

import (
	"encoding/json"
	"net/http"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/notify"
)

func TestWebhook(t *testing.T) {
	conformance.Run(t, conformance.Subject{
		New: New, Path: "/hooks/" + conformance.Hidden + "?a=b", TakesAnything: true,
		Check: func(t *testing.T, m notify.Message, r *http.Request, body []byte) {
			var e struct {
				SpecVersion, Type, Source, Subject, ID, Time, DataContentType string
				Data                                                          struct {
					Title, Text, Severity, Namespace, Inspection, Report string
					Findings, Fixed                                      []notify.Finding
				}
			}
			if err := json.Unmarshal(body, &e); err != nil {
				t.Fatal(err)
			}
			if r.Header.Get("Content-Type") != "application/cloudevents+json" || e.SpecVersion != "1.0" || e.DataContentType != "application/json" || e.Type != "io.kubeops."+string(m.Event) {
				t.Errorf("no CloudEvent: %s", body)
			}
			if e.ID != m.Key || r.Header.Get(KeyHeader) != m.Key || len(e.Data.Findings) != len(m.Findings) || len(e.Data.Fixed) != len(m.Fixed) {
				t.Errorf("key %q, id %q: %s", r.Header.Get(KeyHeader), e.ID, body)
			}
			switch {
			case m.Event == notify.EventTest && (e.Source != "/kubeops/shop" || e.Time != ""),
				m.Event != notify.EventTest && (e.Source != "/kubeops/shop/all" || e.Time != "2026-01-15T12:00:00Z" || e.Data.Report != "all-1"),
				m.Event == notify.EventFixed && e.Subject != "Deployment shop/cart":
				t.Errorf("got %s", body)
			}
			if want := Signature(conformance.Key, r.Header.Get(TimeHeader), body); r.Header.Get(SignatureHeader) != want || r.Header.Get(TimeHeader) == "" {
				t.Errorf("signed %q, want %q", r.Header.Get(SignatureHeader), want)
			}
			if r.URL.RawQuery != "a=b" {
				t.Errorf("query %q", r.URL.RawQuery)
			}
		},
		Refusals: []conformance.Refusal{{Status: 422, Reason: v1alpha1.ReasonRejected}, {Status: 503, Body: "later", Reason: v1alpha1.ReasonServerError}},
	})
}

// TestTheSignatureIsWhatTheDocumentationSays: computed once with `printf '1700000000.{}' | openssl dgst -sha256 -hmac a-key`.
func TestTheSignatureIsWhatTheDocumentationSays(t *testing.T) {
	if got := Signature("a-key", "1700000000", []byte("{}")); got != "sha256=4ac91aaa2bb2fb0f5d6d991d20f4255177f5bac49f01ce1c23221bc305e3fec8" {
		t.Errorf("got %s", got)
	}
}
