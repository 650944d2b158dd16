package customresource

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

// certificateDocument is a Certificate whose status has the given conditions, and more.
func certificateDocument(conditions, more string) string {
	return checktest.Document(
		"cert-manager.io/v1",
		"Certificate",
		"name: web, namespace: shop, uid: c, creationTimestamp: "+anHourAgo,
		"spec: {secretName: web-tls, dnsNames: [shop.example], issuerRef: {name: acme, kind: ClusterIssuer}}\nstatus: "+
			"{conditions: ["+conditions+"]"+more+"}",
	)
}

func TestACertificateThatIsNotIssuedOrExpiresIsReported(t *testing.T) {
	unready, ready := conditionOf("Ready", "False", "DoesNotExist", anHourAgo), conditionOf("Ready", "True", "Ready", anHourAgo)
	issuer := checktest.Document("cert-manager.io/v1", "ClusterIssuer", "name: acme",
		"status: {conditions: ["+conditionOf("Ready", "True", "ACMEAccountRegistered", anHourAgo)+"]}")
	const on = " Certificate.cert-manager.io/shop/web: Certificate web "
	judged(t, "certificate-not-ready", map[string]struct{ documents, want string }{
		"never issued": {issuer + certificateDocument(unready, ""), checktest.Lines(
			"medium"+on+"is not ready (DoesNotExist): Secret web-tls has no valid certificate.",
			"  condition: Ready=False (DoesNotExist): m",
			"  spec: spec.issuerRef: ClusterIssuer acme",
		)},
		"its issuer does not exist": {certificateDocument(unready, ""), checktest.Lines(
			"medium"+on+"is not ready (DoesNotExist): Secret web-tls has no valid certificate.",
			"  condition: Ready=False (DoesNotExist): m",
			"  spec: spec.issuerRef: ClusterIssuer acme, which does not exist",
		)},
		"expired, and nobody says so": {issuer + certificateDocument(ready, ", notAfter: \"2026-01-15T10:00:00Z\""), checktest.Lines(
			"high"+on+"has expired: clients reject connections that use Secret web-tls.",
			"  condition: Ready=True (Ready): m",
			"  condition: status.notAfter: 2026-01-15 10:00:00 UTC",
			"  spec: spec.issuerRef: ClusterIssuer acme",
		)},
		"being issued": {certificateDocument(conditionOf("Ready", "False", "DoesNotExist", twoMinutesAgo), ""), ""},
		"ready":        {certificateDocument(ready, ", notAfter: \"2026-03-01T00:00:00Z\""), ""},
	})
	judged(t, "certificate-expiring", map[string]struct{ documents, want string }{
		"not renewed": {
			issuer + certificateDocument(ready, ", notAfter: \"2026-01-20T00:00:00Z\", renewalTime: \"2026-01-10T00:00:00Z\""),
			checktest.Lines("medium"+on+"expires soon, and cert-manager has not renewed it on time.",
				"  condition: status.notAfter: 2026-01-20 00:00:00 UTC, status.renewalTime: 2026-01-10 00:00:00 UTC",
				"  spec: spec.issuerRef: ClusterIssuer acme"),
		},
		"lives for hours, and was renewed": {
			certificateDocument(ready, ", notAfter: \"2026-01-15T13:00:00Z\", renewalTime: \"2026-01-15T12:40:00Z\""),
			"",
		},
		"has months": {
			certificateDocument(ready, ", notAfter: \"2026-04-20T00:00:00Z\", renewalTime: \"2026-01-10T00:00:00Z\""),
			"",
		},
		"has expired already": {
			certificateDocument(ready, ", notAfter: \"2026-01-14T00:00:00Z\", renewalTime: \"2026-01-10T00:00:00Z\""),
			"",
		},
	})
	judged(t, "issuer-not-ready", map[string]struct{ documents, want string }{
		"an issuer": {
			checktest.Document("cert-manager.io/v1", "Issuer", "name: ca, namespace: shop",
				"status: {conditions: ["+conditionOf("Ready", "False", "ErrGetKeyPair", anHourAgo)+"]}"),
			checktest.Lines("medium Issuer.cert-manager.io/shop/ca: Issuer ca is not ready (ErrGetKeyPair): it issues no certificates.",
				"  condition: Ready=False (ErrGetKeyPair): m"),
		},
		"ready": {issuer, ""},
	})
}

func TestTheStepAtWhichIssuingStopsIsReported(t *testing.T) {
	unready, ready := conditionOf("Ready", "False", "DoesNotExist", anHourAgo), conditionOf("Ready", "True", "Ready", anHourAgo)
	owner := func(apiVersion, kind, name string) string {
		return ", ownerReferences: [{apiVersion: " + apiVersion + ", kind: " + kind + ", name: " + name + ", uid: u, controller: true}]"
	}
	request := func(name, owned, created, conditions string) string {
		return checktest.Document("cert-manager.io/v1", "CertificateRequest",
			"name: "+name+", namespace: shop, creationTimestamp: "+created+owned,
			"spec: {issuerRef: {name: acme, kind: ClusterIssuer}}\nstatus: {conditions: ["+conditions+"]}")
	}
	of := owner("cert-manager.io/v1", "Certificate", "web")
	failed := conditionOf("Ready", "False", "Failed", anHourAgo)
	judged(t, "certificate-request-failed", map[string]struct{ documents, want string }{
		"reported once, on the Certificate": {
			certificateDocument(unready, "") + request("web-1", of, `"2026-01-15T10:00:00Z"`, failed) + request("web-2", of, anHourAgo, failed),
			checktest.Lines(
				"medium Certificate.cert-manager.io/shop/web: Certificate web could not be issued: its certificate request failed.",
				"  condition: Ready=False (Failed): m", "  condition: CertificateRequest web-2"),
		},
		"denied": {
			certificateDocument(unready, "") + request("web-1", of, anHourAgo, conditionOf("Denied", "True", "policy", anHourAgo)),
			checktest.Lines(
				"medium Certificate.cert-manager.io/shop/web: Certificate web could not be issued: its certificate request was denied.",
				"  condition: Denied=True (policy): m", "  condition: CertificateRequest web-1"),
		},
		"nobody's, lately": {request("mine", "", anHourAgo, conditionOf("Ready", "False", "Failed", quarterAgo)), checktest.Lines(
			"medium CertificateRequest.cert-manager.io/shop/mine: CertificateRequest mine failed.",
			"  condition: Ready=False (Failed): m",
			"  condition: CertificateRequest mine",
		)},
		"nobody's, long ago": {request("mine", "", anHourAgo, conditionOf("Ready", "False", "Failed", `"2026-01-10T00:00:00Z"`)), ""},
		"one of the past":    {certificateDocument(ready, "") + request("web-1", of, anHourAgo, failed), ""},
		"one that still pending": {
			certificateDocument(unready, "") + request("web-1", of, anHourAgo, conditionOf("Ready", "False", "Pending", anHourAgo)),
			"",
		},
	})
	order := checktest.Document("acme.cert-manager.io/v1", "Order",
		"name: web-1-77, namespace: shop, creationTimestamp: "+anHourAgo+owner("cert-manager.io/v1", "CertificateRequest", "web-1"),
		"status: {state: invalid}")
	challenge := func(state, created string) string {
		return checktest.Document("acme.cert-manager.io/v1", "Challenge",
			"name: web-1-77-99, namespace: shop, creationTimestamp: "+created+owner("acme.cert-manager.io/v1", "Order", "web-1-77"),
			"spec: {dnsName: shop.example}\nstatus: {state: "+state+", reason: 'wrong status code 404'}")
	}
	chain := certificateDocument(unready, "") + request("web-1", of, anHourAgo, conditionOf("Ready", "False", "Pending", anHourAgo))
	judged(t, "acme-challenge-failing", map[string]struct{ documents, want string }{
		"refused; the Challenge says more than its Order": {chain + order + challenge("invalid", anHourAgo), checktest.Lines(
			"medium Certificate.cert-manager.io/shop/web [shop.example]: Certificate web cannot prove control of domain "+
				"shop.example to the ACME server: the challenge was rejected.",
			"  condition: Challenge web-1-77-99: state invalid",
			"  condition: status.reason: wrong status code 404",
		)},
		"an Order alone": {chain + order, checktest.Lines(
			"medium Certificate.cert-manager.io/shop/web: The ACME order of Certificate web was rejected.",
			"  condition: Order web-1-77: state invalid",
		)},
		"an Order that is not there: whose it is, nobody knows": {chain + challenge("pending", anHourAgo), ""},
		"its Order is there": {
			chain + order + challenge("pending", anHourAgo),
			checktest.Lines(
				"medium Certificate.cert-manager.io/shop/web [shop.example]: Certificate web cannot prove control of domain "+
					"shop.example to the ACME server: the challenge does not complete.",
				"  condition: Challenge web-1-77-99: state pending",
				"  condition: status.reason: wrong status code 404",
			),
		},
		"the certificate came": {
			certificateDocument(ready, "") + request("web-1", of, anHourAgo, failed) + order + challenge("invalid", anHourAgo),
			"",
		},
	})
}
