package webhook

import (
	"encoding/json"
	"net/http"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/notify"
)

func TestAWebhookGetsASignedCloudEvent(t *testing.T) {
	conformance.Run(t, conformance.Subject{
		New: New, Path: "/hooks/" + conformance.Hidden + "?a=b", TakesAnything: true,
		Check: func(t *testing.T, m notify.Message, r *http.Request, body []byte) {
			var event struct {
				SpecVersion, Type, Source, Subject, ID, Time, DataContentType string
				Data                                                          struct {
					Title, Text, Severity, Namespace, Inspection, Report string
					Findings, Fixed                                      []notify.Finding
				}
			}
			if err := json.Unmarshal(body, &event); err != nil {
				t.Fatal(err)
			}
			if r.Header.Get("Content-Type") != "application/cloudevents+json" || event.SpecVersion != "1.0" ||
				event.DataContentType != "application/json" || event.Type != "io.kubeops."+string(m.Event) {
				t.Errorf("not a CloudEvent: %s", body)
			}
			if event.ID != m.Key || r.Header.Get(KeyHeader) != m.Key {
				t.Errorf("key %q, ID %q, want %q", r.Header.Get(KeyHeader), event.ID, m.Key)
			}
			if len(event.Data.Findings) != len(m.Findings) || len(event.Data.Fixed) != len(m.Fixed) {
				t.Errorf("findings are missing: %s", body)
			}
			source, at, report := "/kubeops/shop/all", "2026-01-15T12:00:00Z", "all-1"
			if m.Event == notify.EventTest {
				source, at, report = "/kubeops/shop", "", ""
			}
			if event.Source != source || event.Time != at || event.Data.Report != report {
				t.Errorf("got %s", body)
			}
			if m.Event == notify.EventFixed && event.Subject != "Deployment shop/cart" {
				t.Errorf("subject %q", event.Subject)
			}
			want := Signature(conformance.Key, r.Header.Get(TimeHeader), body)
			if r.Header.Get(SignatureHeader) != want || r.Header.Get(TimeHeader) == "" {
				t.Errorf("signed %q, want %q", r.Header.Get(SignatureHeader), want)
			}
			if r.URL.RawQuery != "a=b" {
				t.Errorf("query %q", r.URL.RawQuery)
			}
		},
		Refusals: []conformance.Refusal{
			{Status: 422, Reason: v1alpha1.ReasonRejected},
			{Status: 503, Body: "later", Reason: v1alpha1.ReasonServerError},
		},
	})
}

// The expected signature was computed once with `printf '1700000000.{}' | openssl dgst -sha256 -hmac a-key`.
func TestSignatureMatchesOpenSSL(t *testing.T) {
	const want = "sha256=4ac91aaa2bb2fb0f5d6d991d20f4255177f5bac49f01ce1c23221bc305e3fec8"
	if got := Signature("a-key", "1700000000", []byte("{}")); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
