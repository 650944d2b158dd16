package customresource

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const gatewayVersion = "gateway.networking.k8s.io/v1"

func TestGatewayClassThatNoControllerAccepts(t *testing.T) {
	class := func(conditions string) string {
		return checktest.Document(gatewayVersion, "GatewayClass", "name: c, creationTimestamp: "+anHourAgo,
			"spec: {controllerName: example.com/c}\nstatus: {conditions: ["+conditions+"]}")
	}
	judged(t, "gateway-class-not-accepted", map[string]struct{ documents, want string }{
		"refused": {class(conditionOf("Accepted", "False", "InvalidParameters", anHourAgo)), checktest.Lines(
			"medium GatewayClass.gateway.networking.k8s.io/c: GatewayClass c is not accepted by its controller (InvalidParameters).",
			"  condition: Accepted=False (InvalidParameters): m",
		)},
		"waiting": {class(conditionOf("Accepted", "Unknown", "Pending", `"1970-01-01T00:00:00Z"`)), checktest.Lines(
			"low GatewayClass.gateway.networking.k8s.io/c: GatewayClass c is not accepted by any controller.",
			"  condition: Accepted=Unknown (Pending): m",
		)},
		"accepted": {class(conditionOf("Accepted", "True", "Accepted", anHourAgo)), ""},
	})
}

func gatewayIn(conditions, listeners string) string {
	return checktest.Document(gatewayVersion, "Gateway", "name: web, namespace: shop, creationTimestamp: "+anHourAgo, `
spec:
  gatewayClassName: c
  listeners:
  - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: web-tls}, {kind: Secret, group: "", name: other, namespace: certs}, {kind: Vault, group: x.example, name: v}]}}
  - {name: http, port: 80, protocol: HTTP}
status: {conditions: [`+conditions+`], listeners: [`+listeners+`]}`)
}

func TestGatewayThatCarriesNoTraffic(t *testing.T) {
	class := checktest.Document(gatewayVersion, "GatewayClass", "name: c", "spec: {controllerName: example.com/c}")
	accepted := conditionOf("Accepted", "True", "Accepted", anHourAgo)
	judged(t, "gateway-not-accepted", map[string]struct{ documents, want string }{
		"refused": {class + gatewayIn(conditionOf("Accepted", "False", "ListenersNotValid", anHourAgo), ""), checktest.Lines(
			"high Gateway.gateway.networking.k8s.io/shop/web: Gateway web is not accepted by its controller (ListenersNotValid).",
			"  condition: Accepted=False (ListenersNotValid): m",
		)},
		"no controller has set a status": {class + gatewayIn("", ""), checktest.Lines(
			"medium Gateway.gateway.networking.k8s.io/shop/web: Gateway web is not accepted by any controller.",
			"  condition: its status has no condition Accepted",
		)},
		"its class does not exist": {gatewayIn("", ""), checktest.Lines(
			"high Gateway.gateway.networking.k8s.io/shop/web: Gateway web uses a GatewayClass that does not exist: no controller "+
				"accepts it.",
			"  condition: its status has no condition Accepted",
			"  spec: spec.gatewayClassName: c",
		)},
		"accepted": {gatewayIn(accepted, ""), ""},
	})
	judged(t, "gateway-not-programmed", map[string]struct{ documents, want string }{
		"no address": {gatewayIn(accepted+","+conditionOf("Programmed", "False", "AddressNotAssigned", anHourAgo), ""), checktest.Lines(
			"high Gateway.gateway.networking.k8s.io/shop/web: Gateway web is accepted, but not programmed (AddressNotAssigned).",
			"  condition: Programmed=False (AddressNotAssigned): m",
		)},
		"a moment ago": {gatewayIn(accepted+","+conditionOf("Programmed", "False", "Pending", twoMinutesAgo), ""), ""},
		"not even accepted": {
			gatewayIn(conditionOf("Accepted", "False", "Invalid", anHourAgo)+","+conditionOf("Programmed", "False", "Invalid", anHourAgo),
				""),
			"",
		},
	})
	secrets := "apiVersion: v1\nkind: Secret\nmetadata: {name: other, namespace: certs}\n---\n"
	judged(t, "gateway-listener-invalid", map[string]struct{ documents, want string }{
		"its certificate is missing": {
			secrets + gatewayIn(
				accepted,
				"{name: https, conditions: ["+conditionOf(
					"ResolvedRefs",
					"False",
					"InvalidCertificateRef",
					anHourAgo,
				)+"]}, {name: http, conditions: ["+conditionOf("ResolvedRefs", "True", "R", anHourAgo)+"]}",
			),
			checktest.Lines(
				"medium Gateway.gateway.networking.k8s.io/shop/web [https]: Listener https of Gateway web has references that cannot "+
					"be resolved (InvalidCertificateRef).",
				"  condition: ResolvedRefs=False (InvalidCertificateRef): m",
				"  spec: Secrets that do not exist: shop/web-tls",
			),
		},
		"in conflict": {
			gatewayIn(accepted, "{name: http, conditions: ["+conditionOf("Conflicted", "True", "ProtocolConflict", anHourAgo)+"]}"),
			checktest.Lines(
				"medium Gateway.gateway.networking.k8s.io/shop/web [http]: Listener http of Gateway web conflicts with another "+
					"listener (ProtocolConflict).",
				"  condition: Conflicted=True (ProtocolConflict): m",
			),
		},
		"well": {gatewayIn(accepted, "{name: http, conditions: ["+conditionOf("Conflicted", "False", "NoConflicts", anHourAgo)+"]}"), ""},
	})
}

func TestARouteThatIsNotAcceptedOrResolvedIsReported(t *testing.T) {
	route := func(kind, parents string) string {
		return checktest.Document(gatewayVersion, kind, "name: r, namespace: shop, creationTimestamp: "+anHourAgo, `
spec: {parentRefs: [{name: web, sectionName: http}], rules: [{backendRefs: [{name: cart, port: 80}, {name: gone, port: 80}, {name: bucket, kind: Bucket, group: x.example}]}]}
status: {parents: [`+parents+`]}`)
	}
	parent := func(conditions string) string {
		return "{controllerName: e/c, parentRef: {group: gateway.networking.k8s.io, kind: Gateway, name: web, sectionName: http}, " +
			"conditions: [" + conditions + "]}"
	}
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\n---\n"
	gateway := gatewayIn("", "")
	judged(t, "httproute-not-accepted", map[string]struct{ documents, want string }{
		"refused": {
			gateway + route("HTTPRoute", parent(conditionOf("Accepted", "False", "NoMatchingListenerHostname", anHourAgo))),
			checktest.Lines(
				"medium HTTPRoute.gateway.networking.k8s.io/shop/r [Gateway.gateway.networking.k8s.io/shop/web/http]: HTTPRoute r is "+
					"not accepted by Gateway web (NoMatchingListenerHostname).",
				"  condition: Accepted=False (NoMatchingListenerHostname): m",
			),
		},
		"other kinds of routes": {gateway + route("GRPCRoute", ""), checktest.Lines(
			"medium GRPCRoute.gateway.networking.k8s.io/shop/r: GRPCRoute r is not accepted by any controller: it routes no traffic.",
			"  condition: status.parents is empty",
		)},
		"its Gateway does not exist": {route("HTTPRoute", ""), checktest.Lines(
			"medium HTTPRoute.gateway.networking.k8s.io/shop/r: HTTPRoute r routes no traffic: its Gateway does not exist.",
			"  condition: status.parents is empty", "  spec: Gateways that do not exist: shop/web")},
		"accepted": {gateway + route("HTTPRoute", parent(conditionOf("Accepted", "True", "Accepted", anHourAgo))), ""},
	})
	judged(t, "httproute-backend-unresolved", map[string]struct{ documents, want string }{
		"a Service is missing": {
			service + route("HTTPRoute", parent(conditionOf("ResolvedRefs", "False", "BackendNotFound", anHourAgo))),
			checktest.Lines(
				"high HTTPRoute.gateway.networking.k8s.io/shop/r: HTTPRoute r sends traffic to Service gone in namespace shop, which "+
					"does not exist.",
				"  condition: ResolvedRefs=False (BackendNotFound): m",
			),
		},
		"not permitted": {
			service + route("HTTPRoute", parent(conditionOf("ResolvedRefs", "False", "RefNotPermitted", anHourAgo))),
			checktest.Lines(
				"high HTTPRoute.gateway.networking.k8s.io/shop/r: HTTPRoute r has a backend that cannot be resolved (RefNotPermitted).",
				"  condition: ResolvedRefs=False (RefNotPermitted): m"),
		},
		"resolved": {service + route("HTTPRoute", parent(conditionOf("ResolvedRefs", "True", "ResolvedRefs", anHourAgo))), ""},
	})
	judged(t, "httproute-not-accepted", map[string]struct{ documents, want string }{
		"what was not read is not missing": {route("HTTPRoute", ""), checktest.Lines(
			"medium HTTPRoute.gateway.networking.k8s.io/shop/r: HTTPRoute r is not accepted by any controller: it routes no traffic.",
			"  condition: status.parents is empty",
		)},
	}, facts.Gateway)
}
