package apimessage

import "testing"

func TestFailedCallsToWebhooksAreToldApart(t *testing.T) {
	call := `Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: `
	post := call + `Post "https://hook.sys.svc:443/mutate?timeout=10s": `
	for message, want := range map[string]WebhookFailure{
		post + "tls: failed to verify certificate: x509: certificate signed by unknown authority": WebhookUnknownCA,
		post + `x509: certificate signed by unknown authority (possibly because of "x509: invalid signature" while trying to verify ` +
			`candidate authority certificate "old-ca")`: WebhookUnknownCA,
		post + "x509: certificate has expired or is not yet valid: current time 2026-01-15T12:00:00Z is after " +
			"2026-01-01T00:00:00Z": WebhookExpired,
		post + "x509: certificate is valid for hook, not " +
			"hook.sys.svc": WebhookWrongName,
		post + "http: server gave HTTP response to HTTPS " +
			"client": WebhookPlainHTTP,
		post + "remote error: tls: internal " +
			"error": WebhookTLS,
		post + `service "hook" not found`:                  WebhookServiceMissing,
		post + `no endpoints available for service "hook"`: WebhookNoEndpoints,
		call + "the server could not find the requested " +
			"resource": WebhookNotFound,
		call + `an error on the server ("boom") has prevented the request from succeeding`: WebhookServerError,
		call + "the server is currently unable to handle the " +
			"request": WebhookServerError,
		post + "dial tcp 10.96.3.3:443: connect: connection " +
			"refused": WebhookRefused,
		post + "context deadline " +
			"exceeded": WebhookTimeout,
		post + "dial tcp 10.96.3.3:443: i/o " +
			"timeout": WebhookTimeout,
		post + "dial tcp 10.96.3.3:443: connect: no route to " +
			"host": WebhookUnreachable,
		post + "EOF": WebhookUnreachable,
		call + "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got /, Kind=": WebhookInvalidResponse,
		call: WebhookUnknown,
	} {
		if got := ParseWebhookFailure(message); got != want {
			t.Errorf("%s: got %d, want %d", message, got, want)
		}
	}
}

func TestAWebhookWhoseServerAnsweredIsThere(t *testing.T) {
	for f, want := range map[WebhookFailure]bool{
		WebhookUnknownCA: true, WebhookServerError: true, WebhookNotFound: true, WebhookRefused: false, WebhookTimeout: false,
		WebhookUnknown: false, WebhookNoEndpoints: false,
	} {
		if f.Answered() != want {
			t.Errorf("%d: got %v", f, !want)
		}
	}
}
