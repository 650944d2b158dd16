package facts_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

const customDocuments = `
apiVersion: shop.example/v1alpha1
kind: Store
metadata: {name: main, uid: s}
---
apiVersion: shop.example/v1alpha1
kind: Widget
metadata:
  {name: w, namespace: shop, uid: w, ownerReferences: [{apiVersion: shop.example/v1, kind: Store, name: main, uid: s, controller: true}]}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  {name: w, namespace: shop, ownerReferences: [{apiVersion: shop.example/v1beta1, kind: Widget, name: w, uid: w, controller: true}]}
---
apiVersion: v1
kind: Event
metadata: {name: e1, namespace: shop}
type: Warning
reason: Sad
involvedObject: {apiVersion: shop.example/v1alpha1, kind: Widget, namespace: shop, name: w, uid: w}
---
apiVersion: v1
kind: Event
metadata: {name: e2, namespace: default}
type: Warning
reason: Sad
involvedObject: {apiVersion: shop.example/v1alpha1, kind: Store, namespace: default, name: main, uid: s}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: db, namespace: shop}
spec: {target: {name: db-credentials}}
`

func TestCustomResourcesAreConnected(t *testing.T) {
	g := testkit.Graph(t, customDocuments)
	store, widget := facts.Ref{
		Kind: "Store.shop.example",
		Name: "main",
	}, facts.Ref{
		Kind:      "Widget.shop.example",
		Namespace: "shop",
		Name:      "w",
	}
	deployment := facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "w"}
	for _, tc := range []struct {
		from, to facts.Ref
		kind     facts.EdgeKind
	}{
		{widget, deployment, facts.Owns}, // whatever the version in the reference
		{store, widget, facts.Owns},      // cluster-scoped, which is not in the reference
		{
			facts.Ref{Kind: facts.Secret, Namespace: "shop", Name: "db-credentials"},
			facts.Ref{Kind: "ExternalSecret.external-secrets.io", Namespace: "shop", Name: "db"}, facts.MadeFor,
		},
	} {
		if diff := cmp.Diff([]facts.Edge{{Kind: tc.kind, To: tc.to}}, g.DependsOn(tc.from)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.from, diff)
		}
	}
	if len(g.EventsOf(widget)) != 1 || len(g.EventsOf(store)) != 1 {
		t.Errorf("events: %d about the Widget, %d about the Store; want one each", len(g.EventsOf(widget)), len(g.EventsOf(store)))
	}
	if got := g.TopOwner(deployment); got != deployment {
		t.Errorf("findings about the Deployment are reported on %s", got)
	}
	object := g.APIObject(widget)
	if object.APIVersion != "shop.example/v1alpha1" || object.Kind != "Widget" || object.Name != "w" {
		t.Errorf("in a report it is %+v", object)
	}
	if !widget.Namespaced() || store.Namespaced() || widget.Kind.Argument() != "widget.shop.example" ||
		widget.Kind.Group() != "shop.example" {
		t.Error("the kind is wrong")
	}
}

func TestKnownKindsDependOnTheirReferences(t *testing.T) {
	g := testkit.Graph(t, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: shop}
spec: {gatewayClassName: c, listeners: [{name: https, tls: {certificateRefs: [{name: tls}]}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: shop}
spec: {parentRefs: [{name: web, namespace: infra}], rules: [{backendRefs: [{name: cart, port: 80}, {name: cart, port: 81}]}]}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: tls, namespace: shop}
spec: {secretName: tls, issuerRef: {name: acme, kind: ClusterIssuer}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: here, namespace: argocd}
spec: {destination: {name: in-cluster}, project: p}
status:
  resources:
  - {group: apps, kind: Deployment, namespace: shop, name: ill, health: {status: Degraded}}
  - {group: apps, kind: Deployment, namespace: shop, name: well, health: {status: Healthy}}
  - {group: shop.example, kind: Widget, namespace: shop, name: untold}
  - {kind: ConfigMap, namespace: shop, name: inert}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: elsewhere, namespace: argocd}
spec: {destination: {server: "https://other.example"}}
status: {resources: [{group: apps, kind: Deployment, namespace: shop, name: ill, health: {status: Degraded}}]}
`)
	for ref, want := range map[facts.Ref]string{
		{
			Kind: facts.Gateway, Namespace: "shop", Name: "web",
		}: "refers GatewayClass.gateway.networking.k8s.io/c, refers Secret/shop/tls",
		{
			Kind: facts.HTTPRoute, Namespace: "shop", Name: "r",
		}: "refers Gateway.gateway.networking.k8s.io/infra/web, routes-to Service/shop/cart",
		{Kind: facts.Certificate, Namespace: "shop", Name: "tls"}: "refers ClusterIssuer.cert-manager.io/acme",
		{Kind: facts.Secret, Namespace: "shop", Name: "tls"}:      "made-for Certificate.cert-manager.io/shop/tls",
		{
			Kind: facts.Application, Namespace: "argocd", Name: "here",
		}: "refers AppProject.argoproj.io/argocd/p, owns Deployment/shop/ill, owns Widget.shop.example/shop/untold",
		{Kind: facts.Application, Namespace: "argocd", Name: "elsewhere"}: "refers AppProject.argoproj.io/argocd/default",
	} {
		got := ""
		for i, edge := range g.DependsOn(ref) {
			if i > 0 {
				got += ", "
			}
			got += string(edge.Kind) + " " + edge.To.String()
		}
		if got != want {
			t.Errorf("%s\n got: %s\nwant: %s", ref, got, want)
		}
	}
}

func TestCustomResourceNodesAreBounded(t *testing.T) {
	var conditions, resources []map[string]any
	for i := range 1000 {
		conditions = append(conditions, map[string]any{"type": fmt.Sprint("T", i), "status": "True"})
		resources = append(resources, map[string]any{"kind": "Pod", "namespace": "shop", "name": fmt.Sprint("p", i)})
	}
	status, err := json.Marshal(map[string]any{"conditions": conditions, "resources": resources})
	if err != nil {
		t.Fatal(err)
	}
	node, ok := facts.Reduce(&facts.CustomObject{
		APIVersion: "argoproj.io/v1alpha1", Kind: "Application", Metadata: []byte(`{"name":"a","namespace":"n"}`),
		Spec: []byte(`{"destination":{"name":"in-cluster"}}`), Status: status,
	}).(*facts.CustomNode)
	if !ok || len(node.Conditions) > 32 || len(node.Refs) > 200 {
		t.Errorf("%d conditions and %d references were kept", len(node.Conditions), len(node.Refs))
	}
}

func TestACustomResourceWithoutANameIsIgnored(t *testing.T) {
	for _, object := range []*facts.CustomObject{
		{}, {APIVersion: "x.example/v1", Kind: "X"}, {
			APIVersion: "v1", Kind: "X", Metadata: []byte(`{"name":"a"}`),
		}, {APIVersion: "x.example/v1", Kind: "X", Metadata: []byte(`[]`)},
	} {
		if node := facts.Reduce(object); node != nil {
			t.Errorf("%+v became %+v", object, node)
		}
	}
}

func FuzzReduceCustom(f *testing.F) {
	for i := range facts.CustomKinds() {
		f.Add(
			uint8(i),
			[]byte(
				`{"metadata":{"name":"n","labels":{"trivy-operator.resource.name":"x"},"managedFields":[{"time":7}]},"spec":{"listeners":[{"tls":{"certificateRefs":[{}]}}],"parentRefs":[{"kind":null}],"rules":[{"backendRefs":[{}]}],"issuerRef":7,"destination":{"name":"in-cluster"}},"status":{"conditions":[{"type":"Ready","status":false},{}],"listeners":[{}],"parents":[{}],"health":{"status":"Degraded"},"resources":[{"kind":"Pod","name":"p"}],"state":"invalid"},"report":{"vulnerabilities":[{"severity":"CRITICAL"},3]}}`,
			),
		)
	}
	f.Add(
		uint8(200),
		[]byte(
			`{"metadata":{"name":"n","deletionTimestamp":null,"generation":1e99},"status":{"conditions":{"a":1},"observedGeneration":"x","phase":[]}}`,
		),
	)
	f.Fuzz(func(_ *testing.T, which uint8, document []byte) {
		kinds := append(facts.CustomKinds(), "Widget.shop.example", "ExternalSecret.external-secrets.io")
		kind := kinds[int(which)%len(kinds)]
		object := &facts.CustomObject{}
		if json.Unmarshal(document, object) != nil {
			return
		}
		object.APIVersion = kind.Group() + "/v1"
		object.Kind = kind.Name()
		builder := facts.NewBuilder("c", time.Unix(0, 0))
		builder.Add(facts.Reduce(object))
		graph := builder.Graph()
		for _, custom := range graph.CustomResources {
			graph.DependsOn(custom.Ref)
			graph.Above(custom, facts.Certificate)
		}
	})
}
