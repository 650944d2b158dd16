package controlplane

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// hook is one webhook that calls Service cart in namespace shop.
func hook(name, policy, port, operations, resources string) string {
	return "\n- {name: " + name + ", admissionReviewVersions: [v1], sideEffects: None, " + policy +
		"clientConfig: {service: {namespace: shop, name: cart" + port + "}}, rules: [{operations: [" + operations + "], apiGroups: " +
		"[\"\"], apiVersions: [v1], resources: [" + resources + "]}]}"
}

func hooks(kind string, all string) string {
	return checktest.Document("admissionregistration.k8s.io/v1", kind, "name: policy", "webhooks:"+all)
}

func TestWebhookWhoseServiceDoesNotExist(t *testing.T) {
	closed, open := hook("a.policy.io", "", "", "CREATE", "pods"), hook("b.policy.io", "failurePolicy: Ignore, ", "", "UPDATE", "services")
	https := checktest.Document("v1", "Service", "name: cart, namespace: shop", "spec: {ports: [{name: https, port: 8443}]}")
	const on = "ValidatingWebhookConfiguration/policy [shop/cart]: ValidatingWebhookConfiguration policy calls Service cart in " +
		"namespace shop, "
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"what is refused matters more than what passes": {hooks("ValidatingWebhookConfiguration", open+closed), nil, checktest.Lines(
			"critical "+on+"which does not exist: the API server rejects CREATE pods.", "  spec: webhook a.policy.io: failurePolicy Fail",
		)},
		"requests that pass unasked are less harm": {hooks("ValidatingWebhookConfiguration", open), nil, checktest.Lines(
			"medium "+on+"which does not exist: UPDATE services pass unchecked.", "  spec: webhook b.policy.io: failurePolicy Ignore",
		)},
		"two webhooks of one Service are one finding": {hooks("MutatingWebhookConfiguration", closed+hook("c.policy.io", "", "", "CREATE, UPDATE", "deployments, jobs")), nil, checktest.Lines(
			"critical MutatingWebhookConfiguration/policy [shop/cart]: MutatingWebhookConfiguration policy calls Service cart in "+
				"namespace shop, which does not exist: "+
				"the API server rejects CREATE pods, CREATE,UPDATE deployments,jobs.",
			"  spec: webhooks a.policy.io, c.policy.io: failurePolicy Fail",
		)},
		"a port that the Service does not have": {hooks("ValidatingWebhookConfiguration", closed) + https, nil, checktest.Lines(
			"critical "+on+"which has no port 443: the API server rejects CREATE pods.",
			"  spec: webhook a.policy.io: failurePolicy Fail", "  spec: Service cart has port https (8443/TCP)",
		)},
		"the Service has the port":                  {hooks("ValidatingWebhookConfiguration", hook("a.policy.io", "", ", port: 8443", "CREATE", "pods")) + https, nil, ""},
		"Services that were not read prove nothing": {hooks("ValidatingWebhookConfiguration", closed), []facts.Kind{facts.Service}, ""},
		"a webhook that is called by URL": {hooks("ValidatingWebhookConfiguration",
			"\n- {name: a.policy.io, admissionReviewVersions: [v1], sideEffects: None, clientConfig: {url: "+
				"\"https://policy.example\"}}"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "webhook-service-missing", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWebhookWhoseServiceHasNoReadyEndpoint(t *testing.T) {
	configuration := hooks("ValidatingWebhookConfiguration", hook("a.policy.io", "", ", port: 80", "CREATE", "pods"))
	const on = "critical ValidatingWebhookConfiguration/policy [shop/cart]: ValidatingWebhookConfiguration policy calls Service cart " +
		"in namespace shop, "
	const refuses = ": the API server rejects CREATE pods."
	const closed = "  spec: webhook a.policy.io: failurePolicy Fail"
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"no Pod is ready": {configuration + checktest.CartService + checktest.CartPod("cart-1", checktest.NotReadyStatus), nil,
			checktest.Lines(on+"which has no ready Pods"+refuses, closed, "  condition: EndpointSlices of Service cart: 0 ready, 0 "+
				"not ready")},
		"the selector matches nothing": {configuration + checktest.CartService, []facts.Kind{facts.EndpointSlice}, checktest.Lines(on+"whose selector matches no Pods"+refuses, closed)},
		"the port name leads nowhere": {configuration + checktest.Document("v1", "Service", "name: cart, namespace: shop",
			"spec: {selector: {app: cart}, ports: [{port: 80, targetPort: "+
				"webhook}]}") + checktest.CartPod("cart-1", checktest.ReadyStatus), []facts.Kind{facts.EndpointSlice},
			checktest.Lines(on+"whose Pods do not declare its target port"+refuses, closed)},
		"a Pod is ready":               {configuration + checktest.CartService + checktest.CartPod("cart-1", checktest.ReadyStatus), nil, ""},
		"a missing Service is another": {configuration, nil, ""},
		"a missing port is another":    {hooks("ValidatingWebhookConfiguration", hook("a.policy.io", "", "", "CREATE", "pods")) + checktest.CartService, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "webhook-no-endpoints", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
