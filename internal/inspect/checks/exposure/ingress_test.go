package exposure

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

// site is an Ingress of namespace shop.
func site(name, metadata, spec string) string {
	if metadata != "" {
		metadata = ", " + metadata
	}
	return checktest.Document(networkingAPI, "Ingress", "name: "+name+", namespace: shop"+metadata, "spec: {"+spec+"}")
}

// hostRule sends a path of a host to a Service.
func hostRule(host, path, service string) string {
	if host != "" {
		host = "host: '" + host + "', "
	}
	return "{" + host + "http: {paths: [{path: " + path + ", pathType: Prefix, backend: {service: {name: " + service +
		", port: {number: 80}}}}]}}"
}

func TestIngressWithoutTLS(t *testing.T) {
	found := func(severity, hosts string, more ...string) string {
		return checktest.Lines(append([]string{severity + " Ingress/shop/web: Ingress web serves " + hosts + " without TLS.",
			"  spec: hosts without a tls entry: " + hosts}, more...)...)
	}
	plain := "rules: [" + hostRule("shop.example.com", "/", "web") + "]"
	checktest.RunTextCases(t, Checks(), "ingress-without-tls", map[string]checktest.TextCase{
		"no tls": {site("web", "", plain), found("medium", "shop.example.com")},
		"another host has it": {site("web", "", plain+", tls: [{hosts: [api.example.com]}]"), found("medium", "shop.example.com",
			"  spec: hosts with a tls entry: api.example.com")},
		"one of two": {site("web", "", "rules: ["+hostRule("shop.example.com", "/", "web")+","+hostRule("api.example.com", "/",
			"api")+"], tls: [{hosts: [api.example.com]}]"), found("medium", "shop.example.com",
			"  spec: hosts with a tls entry: api.example.com")},
		"a wildcard too high": {site("web", "", plain+", tls: [{hosts: ['*.com']}]"), found("medium", "shop.example.com",
			"  spec: hosts with a tls entry: *.com")},
		"a wildcard host": {site("web", "", "rules: ["+hostRule("*.example.com", "/",
			"web")+"], tls: [{hosts: [shop.example.com]}]"), found("medium", "*.example.com",
			"  spec: hosts with a tls entry: shop.example.com")},
		"a name of this house": {site("web", "", "rules: ["+hostRule("shop.corp", "/", "web")+","+hostRule("shop", "/", "web")+"]"),
			found("low", "shop.corp, shop")},
		"every host": {site("web", "", "rules: ["+hostRule("", "/", "web")+"]"), found("low", "every host")},
		"only a default": {site("web", "", "defaultBackend: {service: {name: web, port: {number: 80}}}"), found("low",
			"every host")},
		"tls":           {site("web", "", plain+", tls: [{hosts: [Shop.example.com], secretName: s}]"), ""},
		"by a wildcard": {site("web", "", plain+", tls: [{hosts: ['*.example.com']}]"), ""},
		"the same wildcard": {site("web", "", "rules: ["+hostRule("*.example.com", "/",
			"web")+"], tls: [{hosts: ['*.example.com']}]"), ""},
		"for all hosts": {site("web", "", plain+", tls: [{secretName: s}]"), ""},
		"what is left over": {site("web", "", "rules: ["+hostRule("", "/", "web")+","+hostRule("shop.example.com", "/",
			"web")+"], tls: [{hosts: [shop.example.com]}]"), ""},
		"by the load balancer":  {site("web", "annotations: {alb.ingress.kubernetes.io/certificate-arn: arn}", plain), ""},
		"found by the host":     {site("web", `annotations: {alb.ingress.kubernetes.io/listen-ports: '[{"HTTPS": 443}]'}`, plain), ""},
		"a class that encrypts": {site("web", "", "ingressClassName: tailscale, "+plain), ""},
		"an ACME challenge": {site("web", "", "rules: ["+hostRule("shop.example.com", "/.well-known/acme-challenge/x", "solver")+"]"),
			""},
		"being deleted": {site("web", `deletionTimestamp: "2026-01-15T11:00:00Z"`, plain), ""},
	})
}

func TestAWildcardHostOfAnIngressIsReported(t *testing.T) {
	checktest.RunTextCases(t, Checks(), "ingress-host-wildcard", map[string]checktest.TextCase{
		"no host": {site("web", "", "rules: ["+hostRule("", "/", "web")+"]"),
			checktest.Lines("info Ingress/shop/web [*]: Ingress web serves every host: one of its rules has no host.",
				"  spec: a rule without host")},
		"all below a domain": {site("web", "", "rules: ["+hostRule("*.example.com", "/", "web")+"]"),
			checktest.Lines("info Ingress/shop/web [*.example.com]: Ingress web serves every name below example.com.",
				"  spec: host: *.example.com")},
		"a host":                 {site("web", "", "rules: ["+hostRule("shop.example.com", "/", "web")+"]"), ""},
		"only a default backend": {site("web", "", "defaultBackend: {service: {name: web, port: {number: 80}}}"), ""},
	})
}

func TestIngressesWithTheSameHostAreReported(t *testing.T) {
	at := func(day, more string) string { return `creationTimestamp: "2026-01-` + day + `T10:00:00Z"` + more }
	rule := func(host, path, service string) string { return "rules: [" + hostRule(host, path, service) + "]" }
	elsewhere := checktest.Document(networkingAPI, "Ingress", `name: old, namespace: cart, creationTimestamp: "2025-01-01T00:00:00Z"`,
		"spec: {"+rule("shop.example.com", "/", "web")+"}")
	clashes := checktest.Lines("medium Ingress/shop/a [shop.example.com shop/b]: Ingress a routes a path of shop.example.com that "+
		"Ingress b routes to another Service.",
		"  spec: path /: Service web here, Service api there")
	checktest.RunTextCases(t, Checks(), "ingress-hosts-clash", map[string]checktest.TextCase{
		"the younger is reported": {site("a", at("12", ""), rule("shop.example.com", "/", "web")) + site("b", at("11", ""),
			rule("SHOP.example.com", "/", "api")), clashes},
		"between namespaces": {
			site("a", at("12", ""), rule("shop.example.com", "/", "web")) + elsewhere,
			checktest.Lines("medium Ingress/shop/a [shop.example.com cart/old]: Ingress a routes a path of shop.example.com that "+
				"Ingress old in namespace cart routes to another Service.",
				"  spec: path /: Service web here, Service web there"),
		},
		"all hosts": {
			site("b", at("11", ""), rule("", "/", "api")) + site("a", at("12", ""), rule("", "/", "web")),
			checktest.Lines("medium Ingress/shop/a [* shop/b]: Ingress a routes a path of every host that Ingress b routes to another "+
				"Service.", "  spec: path /: Service web here, Service api there"),
		},
		"by the default class": {
			site("b", at("11", ""), rule("shop.example.com", "/", "api")) + site("a", at("12", ""),
				"ingressClassName: c, "+rule("shop.example.com", "/", "web")) +
				checktest.Document(networkingAPI, "IngressClass",
					"name: c, annotations: {ingressclass.kubernetes.io/is-default-class: 'true'}", ""), clashes,
		},
		"of another class": {site("b", at("11", ""), rule("shop.example.com", "/", "api")) + site("a", at("12", ""),
			"ingressClassName: c, "+rule("shop.example.com", "/", "web")), ""},
		"another path": {site("b", at("11", ""), rule("shop.example.com", "/api", "api")) + site("a", at("12", ""),
			rule("shop.example.com", "/", "web")), ""},
		"an exact path": {site("b", at("11", ""), "rules: [{host: shop.example.com, http: {paths: [{path: /, pathType: Exact, "+
			"backend: {service: {name: x, port: {number: 80}}}}]}}]") + site("a", at("12", ""), rule("shop.example.com", "/", "web")), ""},
		"the same Service": {site("b", at("11", ""), rule("shop.example.com", "/", "web")) + site("a", at("12", ""),
			rule("shop.example.com", "/", "web")), ""},
		"a canary": {site("b", at("11", ""), rule("shop.example.com", "/", "api")) + site("a", at("12",
			", annotations: {nginx.ingress.kubernetes.io/canary: 'true'}"), rule("shop.example.com", "/", "web")), ""},
		"one goes away": {site("b", at("11", `, deletionTimestamp: "2026-01-15T11:00:00Z"`), rule("shop.example.com", "/", "api")) +
			site("a", at("12", ""), rule("shop.example.com", "/", "web")), ""},
		"default backends": {site("b", at("11", ""), "defaultBackend: {service: {name: api, port: {number: 80}}}") + site("a", at("12",
			""), "defaultBackend: {service: {name: web, port: {number: 80}}}"), ""},
		"within itself": {site("a", at("12", ""), "rules: ["+hostRule("a.example.com", "/", "web")+","+hostRule("a.example.com", "/",
			"api")+"]"), ""},
	})
}
