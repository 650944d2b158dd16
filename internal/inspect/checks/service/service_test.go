package service

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const cartDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-01-15T10:00:00Z"}
spec:
  replicas: 1
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: cart, image: cart:1}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: cart-5d8f
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: cart, uid: d1, controller: true}]
spec:
  replicas: 1
  selector: {matchLabels: {app: cart}}
---
`

func TestServiceWhoseSelectorMatchesNothing(t *testing.T) {
	const shipping = `
apiVersion: v1
kind: Service
metadata: {name: shipping, namespace: shop, creationTimestamp: "2026-01-15T10:00:00Z"}
spec: {selector: {app: shippin}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shipping, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: shipping}}
  template: {metadata: {labels: {app: shipping}}}
---
`
	const parts = `
apiVersion: v1
kind: Service
metadata: {name: front, namespace: shop, creationTimestamp: "2026-01-15T10:00:00Z"}
spec: {selector: {part-of: shop, tier: front}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {selector: {matchLabels: {tier: api}}, template: {metadata: {labels: {part-of: shop, tier: api}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec: {selector: {matchLabels: {tier: db}}, template: {metadata: {labels: {part-of: shop, tier: db}}}}
---
`
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"a typo is shown beside the labels that are near": {shipping, nil, checktest.Lines(
			"high Service/shop/shipping: Service shipping selects app=shippin, but no active Pod in namespace shop has these labels.",
			"  spec: selector app=shippin",
			"  spec: Pods of Deployment shipping have app=shipping instead of app=shippin",
		)},
		"labels that all parts of an application share bring nobody near": {parts, nil, checktest.Lines(
			"high Service/shop/front: Service front selects part-of=shop,tier=front, but no active Pod in namespace shop has these labels.",
			"  spec: selector part-of=shop,tier=front",
		)},
		"a Pod of its own that lacks the key has the value under another": {checktest.CartService + `
apiVersion: v1
kind: Pod
metadata: {name: lone, namespace: shop, labels: {app.kubernetes.io/name: cart}}
`, nil, checktest.Lines(
			"high Service/shop/cart: Service cart selects app=cart, but no active Pod in namespace shop has these labels.",
			"  spec: selector app=cart",
			"  spec: Pod lone has app.kubernetes.io/name=cart instead of app=cart",
		)},
		"finished Pods do not count": {checktest.CartService + checktest.CartPod("cart-1", `{phase: Succeeded}`), nil, checktest.Lines(
			"high Service/shop/cart: Service cart selects app=cart, but no active Pod in namespace shop has these labels.",
			"  spec: selector app=cart",
			"  condition: Pods with these labels have finished: cart-1",
		)},
		"a workload scaled to zero is told as such, and mildly": {checktest.CartService + `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec: {replicas: 0, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}}}
`, nil, checktest.Lines(
			"low Service/shop/cart: Service cart has no Pods: Deployment cart, which it selects, is scaled to zero.",
			"  spec: selector app=cart",
			"  condition: Deployment cart wants 0 Pods, has 0",
		)},
		"a workload that KEDA scales to zero on demand is no finding": {checktest.CartService + checktest.Document("apps/v1", "Deployment",
			"name: cart, namespace: shop", "spec: {replicas: 0, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: "+
				"{app: cart}}}}") + checktest.Document("autoscaling/v2", "HorizontalPodAutoscaler", "name: keda-hpa-cart, namespace: shop, "+
			"ownerReferences: [{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: cart, uid: s, controller: true}]",
			"spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}"), nil, ""},
		"a workload that cannot create its Pods is named": {checktest.CartService + cartDeployment, nil, checktest.Lines(
			"high Service/shop/cart: Service cart has no Pods: Deployment cart, which it selects, has none.",
			"  spec: selector app=cart",
			"  condition: Deployment cart wants 1 Pod, has 0",
		)},
		"between old Pods and new ones there is patience": {checktest.CartService + `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-01-15T10:00:00Z"}
spec: {replicas: 1, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}}}
status: {conditions: [{type: Available, status: "False", lastTransitionTime: "2026-01-15T11:59:30Z"}]}
`, nil, ""},
		"a Pod that is not ready is selected all the same":  {checktest.CartService + checktest.CartPod("cart-1", checktest.NotReadyStatus), nil, ""},
		"Pods that were not all read prove nothing":         {shipping, []facts.Kind{facts.Pod}, ""},
		"a Service without a selector is served by others":  {checktest.Document("v1", "Service", `name: ext, namespace: shop`, `spec: {ports: [{port: 80}]}`), nil, ""},
		"an ExternalName needs no Pods":                     {checktest.Document("v1", "Service", `name: ext, namespace: shop`, `spec: {type: ExternalName, externalName: a.example, selector: {a: b}}`), nil, ""},
		"a Service that is being deleted is left alone":     {checktest.Document("v1", "Service", `name: old, namespace: shop, deletionTimestamp: "2026-01-15T11:00:00Z"`, `spec: {selector: {a: b}}`), nil, ""},
		"a Service that was just created may wait for Pods": {checktest.Document("v1", "Service", `name: new, namespace: shop, creationTimestamp: "2026-01-15T11:59:30Z"`, `spec: {selector: {a: b}}`), nil, ""},
		"Pods of another namespace do not count":            {checktest.CartService + checktest.Document("v1", "Pod", `name: cart, namespace: other, labels: {app: cart}`, ""), nil, checktest.Lines("high Service/shop/cart: Service cart selects app=cart, but no active Pod in namespace shop has these labels.", "  spec: selector app=cart")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "service-selector-matches-nothing", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServiceWithoutReadyEndpoints(t *testing.T) {
	const none = "high Service/shop/cart: Service cart has no ready endpoints: none of the Pods that it selects (app=cart) is ready."
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"Pods and EndpointSlices agree that nothing is ready": {
			checktest.CartService + cartDeployment + checktest.CartPod("cart-1", checktest.NotReadyStatus) + checktest.CartPod("cart-2", checktest.NotReadyStatus) + checktest.CartEndpoints("cart-a", "false"), nil,
			checktest.Lines(none, "  condition: 0 of 2 selected Pods are ready: cart-1, cart-2", "  condition: EndpointSlices: 0 "+
				"ready, 1 not ready"),
		},
		"without EndpointSlices the Pods are enough": {
			checktest.CartService + checktest.CartPod("cart-1", checktest.NotReadyStatus), []facts.Kind{facts.EndpointSlice},
			checktest.Lines(none, "  condition: 0 of 1 selected Pod is ready: cart-1"),
		},
		"one of two Pods is ready": {
			checktest.CartService + checktest.CartPod("cart-1", checktest.NotReadyStatus) + checktest.CartPod("cart-2", checktest.ReadyStatus) + checktest.CartEndpoints("cart-a", "false"), nil, "",
		},
		"one of several slices has a ready endpoint": {
			checktest.CartService + checktest.CartPod("cart-1", checktest.NotReadyStatus) + checktest.CartEndpoints("cart-a", "false") + checktest.CartEndpoints("cart-b", "true"), nil, "",
		},
		"a Pod may start": {
			checktest.CartService + checktest.CartPod("cart-1", `{phase: Running, conditions: [{type: Ready, status: "False", lastTransitionTime: "2026-01-15T11:59:30Z"}]}`), nil, "",
		},
		"a crash loop is not a start, though its Pod was ready a moment ago": {
			checktest.CartService + checktest.CartPod("cart-1", `
  phase: Running
  conditions: [{type: Ready, status: "False", lastTransitionTime: "2026-01-15T11:59:50Z"}]
  containerStatuses: [{name: cart, restartCount: 7, ready: false, image: cart:1, imageID: "", state: {waiting: {reason: CrashLoopBackOff}}}]`), nil,
			checktest.Lines(none, "  condition: 0 of 1 selected Pod is ready: cart-1", "  condition: EndpointSlices: 0 ready, 0 not ready"),
		},
		"a headless Service has endpoints too": {
			checktest.Document("v1", "Service", `name: cart, namespace: shop`, `spec: {clusterIP: None, selector: {app: cart}}`) + checktest.CartPod("cart-1", checktest.NotReadyStatus), nil,
			checktest.Lines(none, "  condition: 0 of 1 selected Pod is ready: cart-1", "  condition: EndpointSlices: 0 ready, 0 not ready"),
		},
		"Pods that are published before they are ready": {
			checktest.Document("v1", "Service", `name: cart, namespace: shop`, `spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: cart}}`) + checktest.CartPod("cart-1", checktest.NotReadyStatus) + checktest.CartEndpoints("cart-a", "true"), nil, "",
		},
		"the same, where EndpointSlices could not be read": {
			checktest.Document("v1", "Service", `name: cart, namespace: shop`, `spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: cart}}`) + checktest.CartPod("cart-1", checktest.NotReadyStatus), []facts.Kind{facts.EndpointSlice}, "",
		},
		"no Pod at all is another finding": {checktest.CartService, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "service-no-ready-endpoints", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServicePortNameThatNoContainerDeclares(t *testing.T) {
	const wrong = `
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  selector: {app: cart}
  ports:
  - {name: http, port: 80, targetPort: http}
  - {name: metrics, port: 9090, targetPort: prom}
---
`
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"only the wrong one of two ports is reported": {wrong + cartDeployment + checktest.CartPod("cart-1", checktest.ReadyStatus), nil, checktest.Lines(
			"high Service/shop/cart [prom]: Service cart maps port 9090 to container port prom (TCP), which none of its Pods declares.",
			"  spec: targetPort: prom",
			"  spec: containers of Deployment cart declare http (8080/TCP)",
		)},
		"the protocol must be the same": {`
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80, protocol: UDP, targetPort: http}]}
---
` + checktest.CartPod("cart-1", checktest.ReadyStatus), nil, checktest.Lines(
			"high Service/shop/cart [http]: Service cart maps port 80 to container port http (UDP), which none of its Pods declares.",
			"  spec: targetPort: http",
			"  spec: containers of Pod cart-1 declare http (8080/TCP)",
		)},
		"a sidecar may declare it": {wrong + `
apiVersion: v1
kind: Pod
metadata: {name: cart-1, namespace: shop, labels: {app: cart}}
spec:
  initContainers: [{name: exporter, image: e:1, restartPolicy: Always, ports: [{name: prom, containerPort: 9102}]}]
  containers: [{name: cart, image: cart:1, ports: [{name: http, containerPort: 8080}]}]
`, nil, ""},
		"a number needs no declaration": {`
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80, targetPort: 9999}]}
---
` + checktest.CartPod("cart-1", checktest.ReadyStatus), nil, ""},
		"one Pod that declares it is enough": {checktest.CartService + checktest.CartPod("cart-1", checktest.ReadyStatus) +
			checktest.Document("v1", "Pod", `name: old, namespace: shop, labels: {app: cart}`, `spec: {containers: [{name: c, image: c:1}]}`), nil, ""},
		"without Pods nothing can be said":          {wrong, nil, ""},
		"Pods that were not all read prove nothing": {wrong + checktest.CartPod("cart-1", checktest.ReadyStatus), []facts.Kind{facts.Pod}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "service-port-name-wrong", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadBalancerWithoutAddress(t *testing.T) {
	service := func(created, status string) string {
		return checktest.Document("v1", "Service", `name: web, namespace: shop, uid: s1, creationTimestamp: "`+created+`"`,
			"spec: {type: LoadBalancer, ports: [{port: 443}]}\nstatus: "+status)
	}
	const failed = `
apiVersion: v1
kind: Event
metadata: {name: e1, namespace: shop}
type: Warning
involvedObject: {kind: Service, namespace: shop, name: web, uid: s1}
reason: SyncLoadBalancerFailed
message: "Error syncing load balancer: failed to ensure load balancer: quota exceeded"
lastTimestamp: "2026-01-15T11:55:00Z"
`
	for name, tc := range map[string]struct{ documents, want string }{
		"nobody makes load balancers": {service("2026-01-15T11:00:00Z", "{}"), checktest.Lines(
			"high Service/shop/web: Service web of type LoadBalancer has no external address: no controller has created a load "+
				"balancer for it.",
			"  condition: status.loadBalancer.ingress is empty",
		)},
		"the maker says why it failed": {service("2026-01-15T11:00:00Z", "{}") + failed, checktest.Lines(
			"high Service/shop/web: Service web of type LoadBalancer has no external address: the load balancer could not be created "+
				"(SyncLoadBalancerFailed).",
			"  condition: status.loadBalancer.ingress is empty",
			"  event: SyncLoadBalancerFailed: Error syncing load balancer: failed to ensure load balancer: quota exceeded",
		)},
		"a cloud takes some minutes": {service("2026-01-15T11:56:00Z", "{}"), ""},
		"it has an address":          {service("2026-01-15T11:00:00Z", "{loadBalancer: {ingress: [{ip: 192.0.2.4}]}}"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "service-loadbalancer-pending", tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}
