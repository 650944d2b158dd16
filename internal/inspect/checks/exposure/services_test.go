package exposure

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func serviceWith(metadata, spec, status string) string {
	if metadata != "" {
		metadata = ", " + metadata
	}
	return checktest.Document("v1", "Service", "name: web, namespace: shop"+metadata, "spec: {"+spec+"}\nstatus: {"+status+"}")
}

func TestAServiceOnTheInternetIsReported(t *testing.T) {
	const web = "type: LoadBalancer, ports: [{port: 443}]"
	const message = "low Service/shop/web: Service web has a load balancer that accepts connections from any address."
	address := func(ip string) string { return "loadBalancer: {ingress: [{ip: '" + ip + "'}]}" }
	open := checktest.Lines(message, "  spec: type LoadBalancer; no source ranges", "  spec: ports: 443/TCP")
	checktest.RunTextCases(t, Checks(), "service-exposed-to-internet", map[string]checktest.TextCase{
		"no ranges": {serviceWith("", web, address("203.0.113.7")), open},
		"all ranges": {serviceWith("", web+", loadBalancerSourceRanges: [0.0.0.0/0]", ""), checktest.Lines(message,
			"  spec: type LoadBalancer; source ranges 0.0.0.0/0", "  spec: ports: 443/TCP")},
		"a public name":      {serviceWith("", web, "loadBalancer: {ingress: [{hostname: a.elb.amazonaws.com}]}"), open},
		"one public address": {serviceWith("", web, "loadBalancer: {ingress: [{ip: 10.0.0.1}, {ip: 203.0.113.7}]}"), open},
		"a database": {
			serviceWith("", "type: LoadBalancer, ports: [{port: 443}, {port: 5432}]", address("203.0.113.7")),
			checktest.Lines("medium Service/shop/web: Service web has a load balancer that accepts connections from any address on "+
				"port 5432, usually a database.",
				"  spec: type LoadBalancer; no source ranges", "  spec: ports: 443/TCP, 5432/TCP"),
		},
		"ranges": {serviceWith("", web+", loadBalancerSourceRanges: [198.51.100.0/24]", address("203.0.113.7")), ""},
		"ranges of a cloud": {serviceWith("annotations: {service.beta.kubernetes.io/azure-allowed-service-tags: CorpNet}", web,
			address("203.0.113.7")), ""},
		"internal":            {serviceWith("annotations: {service.beta.kubernetes.io/azure-load-balancer-internal: 'true'}", web, ""), ""},
		"internal by default": {serviceWith("annotations: {service.beta.kubernetes.io/aws-load-balancer-type: external}", web, ""), ""},
		"a private address":   {serviceWith("", web, address("192.168.1.240")), ""},
		"another type":        {serviceWith("", "type: ClusterIP, ports: [{port: 443}]", ""), ""},
		"being deleted":       {serviceWith(`deletionTimestamp: "2026-01-15T11:00:00Z"`, web, ""), ""},
	})
}

func TestAServiceWithExternalIPsIsReported(t *testing.T) {
	checktest.RunTextCases(t, Checks(), "service-external-ips", map[string]checktest.TextCase{
		"two": {
			serviceWith("", "ports: [{port: 80}], externalIPs: [203.0.113.7, 203.0.113.8]", ""),
			checktest.Lines("medium Service/shop/web: Service web claims addresses with spec.externalIPs: every node routes traffic "+
				"for them to it.", "  spec: spec.externalIPs: 2 addresses", "  spec: ports: 80/TCP"),
		},
		"none":                    {serviceWith("", "ports: [{port: 80}]", ""), ""},
		"where they do not count": {serviceWith("", "type: ExternalName, externalName: example.com, externalIPs: [203.0.113.7]", ""), ""},
	})
}

func TestAnOpenNodePortIsReported(t *testing.T) {
	checktest.RunTextCases(t, Checks(), "service-node-port-open", map[string]checktest.TextCase{
		"a node port": {
			serviceWith("", "type: NodePort, ports: [{port: 80, nodePort: 30080, protocol: UDP}]", ""),
			checktest.Lines("info Service/shop/web: Service web is reachable on a port of every node.",
				"  spec: type NodePort; ports: 80/UDP"),
		},
		"that of a load balancer": {serviceWith("", "type: LoadBalancer, ports: [{port: 80, nodePort: 30080}]", ""), ""},
		"none":                    {serviceWith("", "ports: [{port: 80}]", ""), ""},
	})
}

func TestAnExternalNameThatBypassesPoliciesIsReported(t *testing.T) {
	found := func(name string) string {
		return checktest.Lines("info Service/shop/web: Service web is an alias of Service api in namespace cart.",
			"  spec: type ExternalName; externalName: "+name)
	}
	named := func(name string) string { return serviceWith("", "type: ExternalName, externalName: '"+name+"'", "") }
	checktest.RunTextCases(t, Checks(), "service-external-name", map[string]checktest.TextCase{
		"the full name":          {named("api.cart.svc.cluster.local"), found("api.cart.svc.cluster.local")},
		"the short name":         {named("api.cart.svc"), found("api.cart.svc")},
		"with a point":           {named("API.cart.svc.cluster.local."), found("API.cart.svc.cluster.local.")},
		"of one Pod":             {named("api-0.api.cart.svc.cluster.local"), found("api-0.api.cart.svc.cluster.local")},
		"of its own namespace":   {named("api.shop.svc.cluster.local"), ""},
		"outside":                {named("api.example.com"), ""},
		"outside, and named svc": {named("api.cart.svc.example.com"), ""},
		"no name":                {named(""), ""},
		"svc alone":              {named("svc"), ""},
	})
}
