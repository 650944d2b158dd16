package ingress

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// ingress is an Ingress web in namespace shop; spec is what follows under spec.
func ingress(spec string) string {
	return checktest.Document("networking.k8s.io/v1", "Ingress", `name: web, namespace: shop, creationTimestamp: "2026-01-15T10:00:00Z"`,
		"spec: "+spec)
}

// toCart routes two paths of one host to a port of Service cart.
func toCart(port string) string {
	return ingress(`
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /cart, pathType: Prefix, backend: {service: {name: cart, port: ` + port + `}}}
      - {path: /basket, pathType: Prefix, backend: {service: {name: cart, port: ` + port + `}}}`)
}

func TestIngressBackendThatDoesNotExist(t *testing.T) {
	carts := checktest.Document("v1", "Service", "name: carts, namespace: shop", "spec: {ports: [{port: 80}]}")
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"two paths to one missing Service are one finding": {toCart("{number: 80}") + carts, nil, checktest.Lines(
			"high Ingress/shop/web [cart]: Ingress web sends shop.example.com/cart, shop.example.com/basket to Service cart, which "+
				"does not exist in namespace shop.",
			"  spec: backend service: cart",
			"  spec: Service carts exists and has a similar name",
		)},
		"a default backend": {ingress("{defaultBackend: {service: {name: fallback, port: {number: 80}}}}"), nil, checktest.Lines(
			"high Ingress/shop/web [fallback]: Ingress web sends everything else to Service fallback, which does not exist in "+
				"namespace shop.",
			"  spec: backend service: fallback",
		)},
		"a port by number that the Service does not have": {toCart("{number: 8080}") + checktest.CartService, nil, checktest.Lines(
			"high Ingress/shop/web [cart]: Ingress web sends shop.example.com/cart, shop.example.com/basket to port 8080 of Service "+
				"cart, which has no such port.",
			"  spec: Service cart has port http (80/TCP)",
		)},
		"a port by name that the Service does not have": {toCart("{name: web}") + checktest.CartService, nil, checktest.Lines(
			"high Ingress/shop/web [cart]: Ingress web sends shop.example.com/cart, shop.example.com/basket to port web of Service "+
				"cart, which has no such port.",
			"  spec: Service cart has port http (80/TCP)",
		)},
		"the port exists by number":                 {toCart("{number: 80}") + checktest.CartService, nil, ""},
		"the port exists by name":                   {toCart("{name: http}") + checktest.CartService, nil, ""},
		"Services that were not read prove nothing": {toCart("{number: 80}") + carts, []facts.Kind{facts.Service}, ""},
		"what an ExternalName stands for has its own": {toCart("{number: 80}") + checktest.Document("v1", "Service", "name: cart, "+
			"namespace: shop", "spec: {type: ExternalName, externalName: a.example}"), nil, ""},
		"an action of a load balancer is no Service": {toCart("{name: use-annotation}") + carts, nil, ""},
		"a backend that is no Service":               {ingress("{defaultBackend: {resource: {kind: Bucket, name: b}}}"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "ingress-backend-missing", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIngressBackendWithoutReadyEndpoints(t *testing.T) {
	const dead = "high Ingress/shop/web [cart]: Ingress web sends shop.example.com/cart, shop.example.com/basket to Service cart, "
	route := toCart("{name: http}")
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"no Pod is ready": {route + checktest.CartService + checktest.CartPod("cart-1", checktest.NotReadyStatus), nil,
			checktest.Lines(dead+"which has no ready Pods.", "  condition: 0 of 1 Pods of Service cart are ready")},
		"the selector matches nothing": {route + checktest.CartService, nil, checktest.Lines(dead+"whose selector matches no "+
			"Pods.", "  spec: Service cart selects app=cart")},
		"the workload is scaled to zero": {route + checktest.CartService + checktest.Document("apps/v1", "Deployment", "name: cart, "+
			"namespace: shop",
			"spec: {replicas: 0, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}}}"), nil,
			checktest.Lines("low"+dead[len("high"):]+"whose workload has 0 desired Pods.", "  spec: Service cart selects app=cart")},
		"nobody gave it an endpoint": {route + checktest.Document("v1", "Service", "name: cart, namespace: shop", "spec: {ports: "+
			"[{name: http, port: 80}]}"), nil,
			checktest.Lines(dead+"which has no selector and no endpoints.", "  condition: EndpointSlices of Service cart: 0 ready")},
		"the port name leads nowhere": {route + checktest.Document("v1", "Service", "name: cart, namespace: shop",
			"spec: {selector: {app: cart}, ports: [{name: http, port: 80, targetPort: "+
				"web}]}") + checktest.CartPod("cart-1", checktest.ReadyStatus), nil,
			checktest.Lines(dead+"whose Pods do not declare its target port.", "  spec: Service cart: targetPort web, declared by "+
				"none of its Pods")},
		"a Pod is ready":               {route + checktest.CartService + checktest.CartPod("cart-1", checktest.ReadyStatus), nil, ""},
		"a missing Service is another": {route, nil, ""},
		"a missing port is another":    {toCart("{name: web}") + checktest.CartService, nil, ""},
		"endpoints by hand": {route + checktest.Document("v1", "Service", "name: cart, namespace: shop", "spec: {ports: "+
			"[{name: http, port: 80}]}") + checktest.CartEndpoints("by-hand", "true"), nil, ""},
		"endpoints by hand that were not read": {route + checktest.Document("v1", "Service", "name: cart, "+
			"namespace: shop", "spec: {ports: [{name: http, port: 80}]}"),
			[]facts.Kind{facts.EndpointSlice}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "ingress-backend-dead", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIngressClassThatDoesNotExist(t *testing.T) {
	nginx := checktest.Document("networking.k8s.io/v1", "IngressClass", "name: nginx", "spec: {controller: k8s.io/ingress-nginx}")
	byDefault := checktest.Document("networking.k8s.io/v1", "IngressClass",
		`name: nginx, annotations: {ingressclass.kubernetes.io/is-default-class: "true"}`, "spec: {controller: c}")
	const none = "Ingress/shop/web: Ingress web has no IngressClass, and the cluster has no default: no controller serves it."
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"a class that is not there": {ingress("{ingressClassName: legacy}") + nginx, nil, checktest.Lines(
			"high Ingress/shop/web [legacy]: Ingress web uses IngressClass legacy, which does not exist: no controller serves it.",
			"  spec: spec.ingressClassName: legacy", "  spec: IngressClasses of the cluster: nginx",
		)},
		"an address says that it was taken once": {ingress("{ingressClassName: legacy}\nstatus: {loadBalancer: {ingress: [{ip: " +
			"192.0.2.1}]}}"), nil, checktest.Lines(
			"medium Ingress/shop/web [legacy]: Ingress web uses IngressClass legacy, which does not exist: no controller serves it.",
			"  spec: spec.ingressClassName: legacy", "  spec: the cluster has no IngressClass",
			"  condition: status.loadBalancer has an address: a controller has served the Ingress before",
		)},
		"no class and no default": {ingress("{}") + nginx, nil,
			checktest.Lines("low "+none, "  spec: spec.ingressClassName is not set", "  spec: IngressClasses of the cluster: nginx")},
		"no class, and no IngressClass at all": {ingress("{}"), nil,
			checktest.Lines("medium "+none, "  spec: spec.ingressClassName is not set", "  spec: the cluster has no IngressClass")},
		"no class, but taken all the same": {ingress("{}\nstatus: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}") + nginx, nil, ""},
		"no class, but a default":          {ingress("{}") + byDefault, nil, ""},
		"the class exists":                 {ingress("{ingressClassName: nginx}") + nginx, nil, ""},
		"the old annotation needs no IngressClass": {
			checktest.Document("networking.k8s.io/v1", "Ingress", `name: web, namespace: shop, annotations: {kubernetes.io/ingress.class: gce}`, "spec: {}") + nginx, nil, "",
		},
		"classes that were not read prove nothing": {ingress("{ingressClassName: legacy}"), []facts.Kind{facts.IngressClass}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "ingress-class-missing", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIngressTLSSecretThatDoesNotExist(t *testing.T) {
	twoHosts := ingress("{tls: [{hosts: [a.example], secretName: web-tls}, {hosts: [b.example], secretName: web-tls}]}")
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"one Secret for two hosts is one finding": {twoHosts, nil, checktest.Lines(
			"high Ingress/shop/web [web-tls]: Ingress web uses TLS Secret web-tls, which does not exist in namespace shop.",
			"  spec: spec.tls secretName: web-tls",
		)},
		"the Secret exists": {twoHosts + checktest.Document("v1", "Secret", "name: web-tls, "+
			"namespace: shop", "type: kubernetes.io/tls"), nil, ""},
		"Secrets that may not be listed prove nothing": {twoHosts, []facts.Kind{facts.Secret}, ""},
		"a certificate takes a while": {checktest.Document("networking.k8s.io/v1", "Ingress", `name: web, namespace: shop, creationTimestamp: "2026-01-15T11:57:00Z"`,
			"spec: {tls: [{secretName: web-tls}]}"), nil, ""},
		"TLS with the controller's own certificate": {ingress("{tls: [{hosts: [a.example]}]}"), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "ingress-tls-secret-missing", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
