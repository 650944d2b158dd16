package controlplane

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAggregatedAPIThatIsNotAvailable(t *testing.T) {
	api := func(name, group, status, reason, message, since string) string {
		return checktest.Document("apiregistration.k8s.io/v1", "APIService", "name: "+name, `
spec: {group: `+group+`, version: v1beta1, service: {namespace: kube-system, name: metrics-server, port: 443}, groupPriorityMinimum: 100, versionPriority: 100}
status: {conditions: [{type: Available, status: "`+status+`", reason: `+reason+`, message: '`+message+`', lastTransitionTime: "`+since+`"}]}`)
	}
	const on = "high APIService/v1beta1.metrics.k8s.io: API metrics.k8s.io/v1beta1 is not available: Service metrics-server in " +
		"namespace kube-system"
	const breaks = ". Autoscaling on CPU and memory and kubectl top do not work, and namespaces cannot be deleted."
	const long = "2026-01-15T11:00:00Z"
	metrics := func(reason, message string) string {
		return api("v1beta1.metrics.k8s.io", "metrics.k8s.io", "False", reason, message, long)
	}
	for name, tc := range map[string]struct{ documents, want string }{
		"its Service does not exist": {metrics("ServiceNotFound", `service/metrics-server in "kube-system" is not present`), checktest.Lines(
			on+" does not exist"+breaks,
			`  condition: Available=False (ServiceNotFound): service/metrics-server in "kube-system" is not present`,
			"  spec: served by Service metrics-server in namespace kube-system",
		)},
		"its Service has no endpoint": {metrics("MissingEndpoints", "no addresses"), checktest.Lines(
			on+" has no ready endpoints"+breaks, "  condition: Available=False (MissingEndpoints): no addresses",
			"  spec: served by Service metrics-server in namespace kube-system",
		)},
		"an address and a port of the moment are not in the message": {metrics("FailedDiscoveryCheck", "failing or missing response "+
			"from https://10.96.7.7:443/apis/metrics.k8s.io/v1beta1"), checktest.Lines(
			on+" does not respond correctly to the API server"+breaks,
			"  condition: Available=False (FailedDiscoveryCheck): failing or missing response from "+
				"https://10.96.7.7:443/apis/metrics.k8s.io/v1beta1",
			"  spec: served by Service metrics-server in namespace kube-system",
		)},
		"any other API keeps namespaces from being deleted": {api("v1beta1.shop.example", "shop.example", "False", "ServicePortError", "p", long), checktest.Lines(
			"high APIService/v1beta1.shop.example: API shop.example/v1beta1 is not available: Service metrics-server in namespace "+
				"kube-system does not have the port of the APIService. Namespaces cannot be deleted until it is.",
			"  condition: Available=False (ServicePortError): p", "  spec: served by Service metrics-server in namespace kube-system",
		)},
		"it may start": {api("v1beta1.metrics.k8s.io", "metrics.k8s.io", "False", "MissingEndpoints", "m", "2026-01-15T11:59:30Z"), ""},
		"it is there":  {api("v1beta1.metrics.k8s.io", "metrics.k8s.io", "True", "Passed", "all checks passed", long), ""},
		"the API server serves it itself": {checktest.Document("apiregistration.k8s.io/v1", "APIService", "name: v1.apps",
			"spec: {group: apps, version: v1}\nstatus: {conditions: [{type: Available, status: \"True\", reason: Local, message: m, "+
				"lastTransitionTime: \"2026-01-15T11:00:00Z\"}]}"), ""},
		"no controller has set a status yet": {checktest.Document("apiregistration.k8s.io/v1", "APIService", "name: v1.new", "spec: {group: "+
			"new, version: v1, service: {namespace: a, name: b}}"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "apiservice-unavailable", tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
