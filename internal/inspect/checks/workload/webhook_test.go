package workload

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestFailedCallsToWebhooksHaveTheirOwnMessageAndRemedy(t *testing.T) {
	configuration := checktest.Document("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "name: gate",
		"webhooks: [{name: gate.example.com, admissionReviewVersions: [v1], sideEffects: None, clientConfig: {service: {namespace: sys, "+
			"name: gate}}}]")
	remedies := map[string]bool{}
	for text, tc := range map[string]struct {
		want string
		root bool
	}{
		"x509: certificate signed by unknown authority":            {"serves a certificate that its caBundle did not sign", true},
		"x509: certificate has expired or is not yet valid":        {"serves a certificate that has expired or is not yet valid", true},
		"x509: certificate is valid for a, not gate.sys.svc":       {"serves a certificate for other names than that of its Service", true},
		"the server could not find the requested resource":         {"does not know the path that it is called at (404)", true},
		"an error on the server (\"x\") has prevented the request": {"returned a server error (5xx)", true},
		"http: server gave HTTP response to HTTPS client":          {"answers with HTTP on a port that must serve HTTPS", true},
		"context deadline exceeded":                                {"does not respond in time", false},
		"dial tcp 10.96.3.4:443: connect: connection refused":      {"refuses connections", false},
		"no endpoints available for service \"gate\"":              {"has no ready Pods", false},
	} {
		documents := configuration + checktest.WebDeployment("replicas: 1", "") + checktest.WebReplicaSet("web-6d4", 1, 0, 0, "") +
			checktest.FailedCreate("ReplicaSet", "web-6d4", "web-6d4", "2026-01-15T11:00:00Z", "2026-01-15T11:55:00Z", "Error creating: "+
				"Internal error occurred: failed calling webhook \"gate.example.com\": failed to call webhook: "+text)
		var found []check.Finding
		for _, f := range checktest.Findings(t, Checks(), documents) {
			if f.Check == "pods-blocked-by-admission" {
				found = append(found, f)
			}
		}
		if len(found) != 1 {
			t.Fatalf("%s: %d findings", text, len(found))
		}
		want := "Pods of Deployment web cannot be created: admission webhook gate.example.com (ValidatingWebhookConfiguration gate) " +
			"" + tc.want + "."
		f := found[0]
		if f.Message != want || f.IsRoot != tc.root || len(f.Culprits) != 1 || f.Culprits[0].Kind != facts.ValidatingWebhook {
			t.Errorf("%s: got %+v", text, f)
		}
		fix := string(f.Remediation)
		if remedies[fix] || !strings.Contains(fix, "kubectl get validatingwebhookconfiguration gate") {
			t.Errorf("%s: remedy %q", text, fix)
		}
		remedies[fix] = true
	}
}
