package apimessage

import "strings"

// WebhookFailure is how the call to an admission webhook failed.
type WebhookFailure int

const (
	// WebhookUnknown is a failure of another kind, or one without a text.
	WebhookUnknown WebhookFailure = iota
	// WebhookUnknownCA means: the caBundle did not sign the certificate that the webhook serves.
	WebhookUnknownCA
	// WebhookExpired means: the certificate has expired, or is not valid yet.
	WebhookExpired
	// WebhookWrongName means: the certificate is for other names than that of the Service.
	WebhookWrongName
	// WebhookTLS means: the TLS handshake failed in another way.
	WebhookTLS
	// WebhookPlainHTTP means: the port serves HTTP without TLS.
	WebhookPlainHTTP
	// WebhookNotFound means: the server does not know the path (404).
	WebhookNotFound
	// WebhookServerError means: the server returned an error (5xx).
	WebhookServerError
	// WebhookRejectsCaller means: the server rejected the API server's credentials (401 or 403).
	WebhookRejectsCaller
	// WebhookInvalidResponse means: the response was no AdmissionReview.
	WebhookInvalidResponse
	// WebhookTimeout means: no response came in time.
	WebhookTimeout
	// WebhookRefused means: nothing listens on the port.
	WebhookRefused
	// WebhookUnreachable means: there is no route to the Pods, or the connection was closed.
	WebhookUnreachable
	// WebhookNoEndpoints means: its Service has no endpoints.
	WebhookNoEndpoints
	// WebhookServiceMissing means: its Service does not exist.
	WebhookServiceMissing
)

// ParseWebhookFailure reads the error of a call to a webhook, as the API server words it (k8s.io/apiserver/pkg/admission/plugin/webhook,
// k8s.io/client-go/rest, crypto/x509 and net).
func ParseWebhookFailure(message string) WebhookFailure {
	for _, known := range []struct {
		failure WebhookFailure
		texts   []string
	}{
		{WebhookUnknownCA, []string{"signed by unknown authority", "unable to load root certificates"}},
		{WebhookExpired, []string{"certificate has expired", "is not yet valid"}},
		{WebhookWrongName, []string{
			"certificate is valid for", "certificate is not valid for any names", "doesn't contain any IP SANs", "relies on legacy " +
				"Common Name",
		}},
		{WebhookPlainHTTP, []string{"server gave HTTP response to HTTPS client", "first record does not look like a TLS handshake"}},
		{WebhookServiceMissing, []string{`" not found`}},
		{WebhookNoEndpoints, []string{"no endpoints available for service", "no service port"}},
		{WebhookNotFound, []string{"the server could not find the requested resource", "404 page not found"}},
		{WebhookRejectsCaller, []string{"Unauthorized", "forbidden: User", "the server has asked for the client to provide credentials"}},
		{WebhookServerError, []string{
			"an error on the server", "the server is currently unable to handle the request", "Internal Server Error", "Bad Gateway",
			"Service Unavailable", "too many requests",
		}},
		{WebhookInvalidResponse, []string{
			"expected webhook response", "invalid admission response", "expected response.uid", "webhook response", "couldn't get " +
				"version/kind",
		}},
		{WebhookRefused, []string{"connection refused"}},
		{WebhookTimeout, []string{
			"context deadline exceeded", "Client.Timeout", "i/o timeout", "timed out", "Timeout: request did not complete", "Gateway " +
				"Timeout",
		}},
		{WebhookUnreachable, []string{"no route to host", "network is unreachable", "connection reset", "no such host", "EOF"}},
		{WebhookTLS, []string{"tls: ", "x509: "}},
	} {
		for _, text := range known.texts {
			if strings.Contains(message, text) {
				return known.failure
			}
		}
	}
	return WebhookUnknown
}

// Answered reports whether the server behind the webhook answered, or at least began to: its Service and Pods are there.
func (f WebhookFailure) Answered() bool {
	switch f {
	case WebhookUnknownCA, WebhookExpired, WebhookWrongName, WebhookTLS, WebhookPlainHTTP, WebhookNotFound, WebhookServerError,
		WebhookRejectsCaller, WebhookInvalidResponse:
		return true
	default:
		return false
	}
}
