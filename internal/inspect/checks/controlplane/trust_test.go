package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// authority is a caBundle with a certificate of a year that ends some time after the time of the tests.
func authority(t *testing.T, after time.Duration) string {
	t.Helper()
	return authorityOf(t, 365*24*time.Hour, after)
}

// authorityOf is one with a certificate that is valid for some time.
func authorityOf(t *testing.T, lifetime, after time.Duration) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ends := testkit.Now().Add(after)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: ends.Add(-lifetime), NotAfter: ends, IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestCertificatesThatTheAPIServerTrustsAreJudgedByTheirEnd(t *testing.T) {
	hook := func(bundle, policy string) string {
		return checktest.Document("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "name: guard",
			"webhooks: [{name: pods.guard.example.com, failurePolicy: "+policy+", clientConfig: {caBundle: '"+bundle+
				"', service: {name: guard, namespace: guard}}, rules: [{operations: [CREATE], resources: [pods]}]}]")
	}
	api := func(bundle string) string {
		return checktest.Document("apiregistration.k8s.io/v1", "APIService", "name: v1.example.com", "spec: {group: example.com, version: v1, "+
			"caBundle: '"+bundle+"', service: {name: api, namespace: api}}")
	}
	day := 24 * time.Hour
	const webhook = "ValidatingWebhookConfiguration/guard [pods.guard.example.com]: Webhook pods.guard.example.com of " +
		"ValidatingWebhookConfiguration guard: the caBundle "
	ended := "  spec: caBundle: 1 in PEM, the last of which ended at 2026-01-14T12:00:00Z"
	checktest.RunTextCases(t, Checks(), "ca-bundle-expired", map[string]checktest.TextCase{
		"it has ended":       {hook(authority(t, -day), "Fail"), checktest.Lines("critical "+webhook+"has expired, so that every call fails.", ended)},
		"and may be ignored": {hook(authority(t, -day), "Ignore"), checktest.Lines("medium "+webhook+"has expired, so that every call fails.", ended)},
		"it ends soon": {hook(authority(t, 10*day), "Fail"), checktest.Lines("medium "+webhook+"ends within two weeks.",
			"  spec: caBundle: 1 in PEM, the last of which ends at 2026-01-25T12:00:00Z")},
		"a week is renewed on its last day": {hook(authorityOf(t, 7*day, 5*day), "Fail") + api(authorityOf(t, 7*day, day)), ""},
		"a week that is not renewed": {hook(authorityOf(t, 7*day, 8*time.Hour), "Fail"), checktest.Lines("medium "+webhook+
			"ends within two weeks.", "  spec: caBundle: 1 in PEM, the last of which ends at 2026-01-15T20:00:00Z")},
		"it does not parse": {hook("Cg==", "Fail"), checktest.Lines("critical "+webhook+
			"contains no certificate that can be parsed, so that every call fails.",
			"  spec: caBundle is not empty, and has no certificate in PEM")},
		"an aggregated API": {api(authority(t, -day)), checktest.Lines("critical APIService/v1.example.com: APIService v1.example.com: the "+
			"caBundle has expired, so that every call fails.", ended)},
		"it ends in a month": {hook(authority(t, 30*day), "Fail") + api(authority(t, 30*day)), ""},
		"none":               {hook("", "Fail") + api(""), ""},
	})
}
