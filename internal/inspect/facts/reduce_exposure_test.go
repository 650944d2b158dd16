package facts_test

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
)

func TestAllowedSourcesOfLoadBalancersAreRead(t *testing.T) {
	type access struct {
		internal, private bool
		ranges            int
	}
	for name, tc := range map[string]struct {
		annotations, spec, ingress string
		want                       access
	}{
		"nothing said": {},
		"internal":     {annotations: "service.beta.kubernetes.io/aws-load-balancer-internal: 'true'", want: access{internal: true}},
		"internal of old": {
			annotations: "service.beta.kubernetes.io/aws-load-balancer-internal: 0.0.0.0/0", want: access{internal: true},
		},
		"another case":        {annotations: "cloud.google.com/load-balancer-type: Internal", want: access{internal: true}},
		"internal by default": {annotations: "service.beta.kubernetes.io/aws-load-balancer-type: nlb-ip", want: access{internal: true}},
		"explicitly public": {
			annotations: "service.beta.kubernetes.io/aws-load-balancer-type: external, service.beta.kubernetes.io/aws-load-balancer-scheme: " +
				"internet-facing",
		},
		"explicitly not internal": {annotations: "service.beta.kubernetes.io/aws-load-balancer-internal: 'false'"},
		"ranges":                  {spec: "loadBalancerSourceRanges: [10.0.0.0/8]", want: access{ranges: 1}},
		"ranges of old": {
			annotations: "service.beta.kubernetes.io/load-balancer-source-ranges: '10.0.0.0/8, 192.168.0.0/16'", want: access{ranges: 2},
		},
		"no ranges":                {annotations: "service.beta.kubernetes.io/load-balancer-source-ranges: ' '"},
		"a private address":        {ingress: "{ip: 10.1.2.3}, {ip: 'fd00::1'}, {ip: 100.64.0.1}", want: access{private: true}},
		"a public one beside it":   {ingress: "{ip: 10.1.2.3}, {ip: 203.0.113.7}"},
		"a public one in disguise": {ingress: "{ip: '::ffff:203.0.113.7'}"},
		"an internal name":         {ingress: "{hostname: internal-a.eu-west-1.elb.amazonaws.com}", want: access{private: true}},
		"a name":                   {ingress: "{hostname: a.eu-west-1.elb.amazonaws.com}"},
		"no address at all":        {ingress: "{ip: nonsense}"},
	} {
		t.Run(name, func(t *testing.T) {
			node, ok := reduceOne(t, "apiVersion: v1\nkind: Service\nmetadata: {name: w, namespace: shop, annotations: {"+tc.annotations+"}}\nspec: {type: LoadBalancer, "+tc.spec+
				"}\nstatus: {loadBalancer: {ingress: ["+tc.ingress+"]}}").(*facts.ServiceNode)
			if got := (access{node.Internal, node.PrivateAddresses, len(node.SourceRanges)}); !ok || got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestAnnotationsOfIngressesAreRead(t *testing.T) {
	for annotation, want := range map[string]struct{ tls, shares bool }{
		"example.com/a: b": {},
		"alb.ingress.kubernetes.io/certificate-arn: arn":             {tls: true},
		`alb.ingress.kubernetes.io/listen-ports: '[{"HTTPS": 443}]'`: {tls: true},
		`alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 80}]'`:   {},
		"traefik.ingress.kubernetes.io/router.tls: 'true'":           {tls: true},
		"traefik.ingress.kubernetes.io/router.tls: 'false'":          {},
		"nginx.ingress.kubernetes.io/canary: 'true'":                 {shares: true},
		"nginx.ingress.kubernetes.io/canary: 'false'":                {},
		"nginx.org/mergeable-ingress-type: minion":                   {shares: true},
		"alb.ingress.kubernetes.io/conditions.web: '[]'":             {shares: true},
		"haproxy.org/route-acl: cookie(staging) -m found":            {shares: true},
	} {
		node, ok := reduceOne(
			t, "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: w, namespace: shop, annotations: {"+annotation+"}}",
		).(*facts.IngressNode)
		if !ok || node.TLSElsewhere != want.tls || node.Shares != want.shares {
			t.Errorf("%s: TLS elsewhere %t, shares %t", annotation, node.TLSElsewhere, node.Shares)
		}
	}
}
