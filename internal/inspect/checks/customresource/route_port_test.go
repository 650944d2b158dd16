package customresource

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestARouteToAPortThatItsServiceDoesNotHaveIsFound(t *testing.T) {
	route := func(kind, port, created string) string {
		return checktest.Document(gatewayVersion, kind, "name: api, namespace: shop, creationTimestamp: "+created,
			"spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: api"+port+"}]}, {backendRefs: [{name: api"+port+"}]}]}\n"+
				"status: {parents: [{parentRef: {name: web}, conditions: "+
				"["+conditionOf("ResolvedRefs", "True", "ResolvedRefs", created)+"]}]}")
	}
	service := func(ports string) string {
		return checktest.Document("v1", "Service", "name: api, namespace: shop", "spec: {selector: {app: api}, ports: ["+ports+"]}")
	}
	const http = "{name: http, port: 8080, protocol: TCP, targetPort: 80}"
	judged(t, "httproute-backend-unresolved", map[string]struct{ documents, want string }{
		"the targetPort instead of the port": {route("HTTPRoute", ", port: 80", anHourAgo) + service(http), checktest.Lines(
			"high HTTPRoute.gateway.networking.k8s.io/shop/api [shop/api:80]: HTTPRoute api sends traffic to port 80 of Service api, "+
				"which has no such port.",
			"  spec: backendRef: Service api, port 80",
			"  spec: Service api has port http (8080/TCP)",
		)},
		"of a GRPCRoute": {route("GRPCRoute", ", port: 50051", anHourAgo) + service(http), checktest.Lines(
			"high GRPCRoute.gateway.networking.k8s.io/shop/api [shop/api:50051]: GRPCRoute api sends traffic to port 50051 of Service "+
				"api, "+
				"which has no such port.",
			"  spec: backendRef: Service api, port 50051",
			"  spec: Service api has port http (8080/TCP)",
		)},
		"the port":                    {route("HTTPRoute", ", port: 8080", anHourAgo) + service(http), ""},
		"no port":                     {route("HTTPRoute", "", anHourAgo) + service(http), ""},
		"a Service that was not read": {route("HTTPRoute", ", port: 80", anHourAgo), ""},
		"changed a moment ago":        {route("HTTPRoute", ", port: 80", `"2026-01-15T11:59:50Z"`) + service(http), ""},
	})
}
