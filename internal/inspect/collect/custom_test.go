package collect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	apisPath = "/apis"
	crdsPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
	widgets  = "/apis/shop.example/v1/widgets"
)

// served is one resource of an aggregated discovery: group, version, plural, kind, scope and verbs.
type served struct{ group, version, plural, kind, scope, verbs string }

// discovery answers as a server with aggregated discovery does. Resources of one group stand together, in the order of the
// versions that the server prefers.
func (f *fakeAPI) discovery(resources ...served) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if accept := r.Header.Get("Accept"); !strings.HasPrefix(accept, "application/json;g=apidiscovery.k8s.io;v=v2;") {
			f.t.Errorf("discovery accepts %q", accept)
		}
		type object = map[string]any
		groups := []object{}
		versions := map[string][]object{}
		at := map[string]int{}
		for _, s := range resources {
			key := s.group + "/" + s.version
			if _, ok := at[key]; !ok {
				at[key] = len(versions[s.group])
				versions[s.group] = append(versions[s.group], object{"version": s.version, "resources": []object{}})
			}
			v := versions[s.group][at[key]]
			v["resources"] = append(v["resources"].([]object), object{
				"resource": s.plural, "responseKind": object{"group": s.group, "version": s.version, "kind": s.kind}, "scope": s.scope,
				"verbs": strings.Split(s.verbs, ","),
			})
		}
		for group, list := range versions {
			groups = append(groups, object{"metadata": object{"name": group}, "versions": list})
		}
		w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
		_ = json.NewEncoder(w).Encode(object{"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": groups})
	}
}

// definitions answers with the metadata of CustomResourceDefinitions.
func (f *fakeAPI) definitions(names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if accept := r.Header.Get("Accept"); !strings.Contains(accept, "as=PartialObjectMetadataList") ||
			r.URL.Query().Get("limit") != "500" {
			f.t.Errorf("the definitions are read with %q and %q", accept, r.URL.RawQuery)
		}
		items := []map[string]any{}
		for _, name := range names {
			items = append(items, map[string]any{"metadata": map[string]any{"name": name}})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "items": items})
	}
}

// customs answers with a page of objects that have a name, in namespace shop, and the given status.
func (f *fakeAPI) customs(from, next, status string, names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if query.Get("continue") != from || query.Get("limit") != "500" || r.Header.Get("Accept") != "application/json" {
			f.t.Errorf("%s: asked with %q and %q", r.URL.Path, r.URL.RawQuery, r.Header.Get("Accept"))
		}
		items := []string{}
		for _, name := range names {
			items = append(items,
				fmt.Sprintf(`{"apiVersion":"x/y","kind":"Z","metadata":{"name":%q,"namespace":"shop"},"status":%s}`, name, status))
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"kind":"List","metadata":{"continue":%q,"resourceVersion":"7"},"items":[%s],"more":{"a":[1]}}`, next,
			strings.Join(items, ","))
	}
}

func customNames(g *facts.Graph) []string {
	names := make([]string, 0, len(g.CustomResources))
	for _, custom := range g.CustomResources {
		names = append(names, custom.APIVersion+" "+custom.Ref.String())
	}
	return names
}

func TestCustomResourcesAreFoundAndRead(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	const all, ready = "get,list,watch", `{"conditions":[{"type":"Ready","status":"False"}]}`
	widget := served{"shop.example", "v1", "widgets", "Widget", "Namespaced", all}
	one := fake.customs("", "", ready, "w")
	refused := forbidden("jane", "things")
	empty := fake.customs("", "", "{}")
	for name, tc := range map[string]struct {
		answers  map[string][]http.HandlerFunc
		scope    Scope
		kinds    []facts.Kind
		want     []string
		wantGaps []string
	}{
		"page after page": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {fake.discovery(widget)}, crdsPath: {fake.definitions("widgets.shop.example")},
				widgets: {fake.customs("", "2", ready, "a", "b"), fake.customs("2", "", ready, "c")},
			},
			want: []string{
				"shop.example/v1 Widget.shop.example/shop/a", "shop.example/v1 Widget.shop.example/shop/b",
				"shop.example/v1 Widget.shop.example/shop/c",
			},
		},
		"only what has a definition and can be listed, once, in the version that is preferred": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {fake.discovery(
					served{"apps", "v1", "deployments", "Deployment", "Namespaced", all},
					served{"metrics.k8s.io", "v1beta1", "pods", "PodMetrics", "Namespaced", all},
					served{"packages.example", "v1", "manifests", "Manifest", "Namespaced", all},
					served{"kubeops.io", "v1alpha1", "inspections", "Inspection", "Namespaced", all},
					widget, served{"shop.example", "v1", "reviews", "Review", "Namespaced", "create"},
					served{"shop.example", "v1beta1", "widgets", "Widget", "Namespaced", all},
					served{"shop.example", "v1beta1", "orders", "Order", "Cluster", all},
				)},
				crdsPath: {fake.definitions("widgets.shop.example", "orders.shop.example", "reviews.shop.example", "inspections.kubeops.io")},
				widgets:  {one}, "/apis/shop.example/v1beta1/orders": {empty},
			},
			want: []string{"shop.example/v1 Widget.shop.example/shop/w"},
		},
		"listing definitions is forbidden: the groups that are not Kubernetes' own": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {fake.discovery(
					served{"storage.k8s.io", "v1", "storageclasses", "StorageClass", "Cluster", all},
					served{"custom.metrics.k8s.io", "v1beta1", "pods", "Pod", "Namespaced", all}, widget,
				)},
				crdsPath: {refused}, widgets: {one},
			},
			want: []string{"shop.example/v1 Widget.shop.example/shop/w"},
		},
		"only the kinds that checks need, and no definitions for them": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {
					fake.discovery(widget, served{"cert-manager.io", "v1", "certificates", "Certificate", "Namespaced", all}),
				},
				"/apis/cert-manager.io/v1/certificates": {one},
			},
			kinds: []facts.Kind{facts.Certificate, facts.Gateway},
			want:  []string{"cert-manager.io/v1 Certificate.cert-manager.io/shop/w"},
		},
		"discovery of old, group by group": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {body(http.StatusOK, "application/json", `{"kind":"APIGroupList","groups":[
					{"name":"apps","versions":[{"groupVersion":"apps/v1"}]},
					{"name":"shop.example","versions":[{"groupVersion":"shop.example/v1beta1"},{"groupVersion":"shop.example/v1"},{"groupVersion":"shop.example/v0"}],"preferredVersion":{"groupVersion":"shop.example/v1"}}]}`)},
				crdsPath: {fake.definitions("widgets.shop.example", "orders.shop.example")},
				"/apis/shop.example/v1": {body(http.StatusOK, "application/json",
					`{"kind":"APIResourceList","resources":[{"name":"widgets","kind":"Widget","namespaced":true,"verbs":["list"]},{"name":"widgets/status","kind":"Widget","namespaced":true,"verbs":["get"]}]}`)},
				"/apis/shop.example/v1beta1": {body(http.StatusOK, "application/json",
					`{"kind":"APIResourceList","resources":[{"name":"widgets","kind":"Widget","namespaced":true,"verbs":["list"]},{"name":"orders","kind":"Order","namespaced":false,"verbs":["list"]}]}`)},
				"/apis/shop.example/v0": {body(http.StatusNotFound, "text/plain", "404 page not found")},
				widgets:                 {one}, "/apis/shop.example/v1beta1/orders": {empty},
			},
			want: []string{"shop.example/v1 Widget.shop.example/shop/w"},
		},
		"forbidden lists are one gap": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {
					fake.discovery(
						widget, served{"shop.example", "v1", "carts", "Cart", "Namespaced", all},
						served{"shop.example", "v1", "orders", "Order", "Cluster", all},
					),
				},
				crdsPath: {fake.definitions("widgets.shop.example", "carts.shop.example", "orders.shop.example")},
				widgets:  {one}, "/apis/shop.example/v1/carts": {refused}, "/apis/shop.example/v1/orders": {refused}, pods: {refused},
			},
			kinds: []facts.Kind{facts.Custom, facts.Pod},
			want:  []string{"shop.example/v1 Widget.shop.example/shop/w"},
			wantGaps: []string{
				"Forbidden, carts.shop.example, orders.shop.example: jane cannot list custom resources carts.shop.example, orders.shop.example " +
					"(RBAC); their health was not checked.",
				"Forbidden, pods: jane cannot list pods (RBAC).",
			},
		},
		"only in the namespaces of the scope": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {fake.discovery(widget, served{"shop.example", "v1", "orders", "Order", "Cluster", all})},
				crdsPath: {fake.definitions("widgets.shop.example", "orders.shop.example")},
				"/apis/shop.example/v1/namespaces/shop/widgets": {one}, "/api/v1/namespaces/shop": {
					body(http.StatusOK, "application/json", `{"kind":"Namespace","apiVersion":"v1"}`),
				},
			},
			scope: Scope{Namespaces: []string{"shop"}},
			want:  []string{"shop.example/v1 Widget.shop.example/shop/w"},
		},
		"in the home namespace where all is forbidden": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {fake.discovery(widget)}, crdsPath: {refused}, widgets: {refused}, "/apis/shop.example/v1/namespaces/shop/widgets": {one},
			},
			scope: Scope{Home: "shop"},
			want:  []string{"shop.example/v1 Widget.shop.example/shop/w"},
			wantGaps: []string{
				"Incomplete, widgets.shop.example: jane cannot list custom resources widgets.shop.example in all namespaces (RBAC). Only namespace " +
					"shop was read.",
			},
		},
		"a kind that is gone when it is listed": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {fake.discovery(widget)}, crdsPath: {fake.definitions("widgets.shop.example")}, widgets: {
					body(http.StatusNotFound, "text/plain", "404 page not found"),
				},
			},
			want: []string{},
		},
		"discovery that is forbidden": {
			answers:  map[string][]http.HandlerFunc{services: {fake.list("Service", "", "")}, apisPath: {refused}, crdsPath: {refused}},
			kinds:    []facts.Kind{facts.Custom, facts.Service},
			want:     []string{},
			wantGaps: []string{"Forbidden, /apis: jane cannot get /apis (RBAC); custom resources were not inspected."},
		},
		"discovery that fails": {
			answers:  map[string][]http.HandlerFunc{services: {fake.list("Service", "", "")}, apisPath: {body(http.StatusOK, "text/html", "<html>")}, crdsPath: {refused}},
			kinds:    []facts.Kind{facts.Custom, facts.Service},
			want:     []string{},
			wantGaps: []string{"Unavailable, /apis: Listing /apis failed (unreadable response)."},
		},
		"objects that are no objects": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {fake.discovery(widget)}, crdsPath: {fake.definitions("widgets.shop.example")},
				widgets: {
					body(
						http.StatusOK, "application/json",
						`{"items":[1,null,"x",{"metadata":7},{"metadata":{"name":"w","generation":"x","labels":[1]},"spec":[],"status":{"conditions":{"type":"Ready"}}},{"metadata":{"name":"v"},"status":"broken"}]}`,
					),
				},
			},
			want: []string{"shop.example/v1 Widget.shop.example/v", "shop.example/v1 Widget.shop.example/w"},
		},
		"half of a list": {
			answers: map[string][]http.HandlerFunc{services: {fake.list("Service", "", "")},
				apisPath: {fake.discovery(widget)}, crdsPath: {fake.definitions("widgets.shop.example")},
				widgets: {body(http.StatusOK, "application/json", `{"items":[{"metadata":{"name":"w"}},`)},
			},
			kinds:    []facts.Kind{facts.Custom, facts.Service},
			want:     []string{},
			wantGaps: []string{"Unavailable, widgets.shop.example: Listing widgets.shop.example failed (unreadable response)."},
		},
		"a connection that breaks in the middle, then well": {
			answers: map[string][]http.HandlerFunc{
				apisPath: {fake.discovery(widget)}, crdsPath: {fake.definitions("widgets.shop.example")}, widgets: {reset, one},
			},
			want: []string{"shop.example/v1 Widget.shop.example/shop/w"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, source := serve(t, tc.answers)
			kinds := tc.kinds
			if kinds == nil {
				kinds = []facts.Kind{facts.Custom}
			}
			collected, err := All(t.Context(), source, tc.scope, kinds, clock.RealClock{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, customNames(collected.Graph)); diff != "" {
				t.Errorf("custom resources (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantGaps, gapTexts(collected.Gaps)); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNoCheckOfCustomResourcesMeansNoRequest(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	_, source := serve(t, map[string][]http.HandlerFunc{pods: {fake.list("Pod", "", "", "a")}}) // the fake fails the test for any other
	if _, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod}, clock.RealClock{}, nil); err != nil {
		t.Fatal(err)
	}
}

func TestKindsThatAreNotServedCountAsRead(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	_, source := serve(t, map[string][]http.HandlerFunc{apisPath: {fake.discovery()}})
	collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Certificate}, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !collected.Graph.Complete(facts.Certificate, "shop") || collected.Graph.Read(facts.Gateway) {
		t.Error("want Certificates to count as read, and not the Gateways, which were not requested")
	}
}

func TestKindsAreBounded(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	var kinds []served
	var names []string
	answers := map[string][]http.HandlerFunc{}
	for i := range maxCustomKinds + 1 {
		plural := fmt.Sprintf("k%03ds", i)
		kinds = append(kinds, served{"shop.example", "v1", plural, fmt.Sprintf("K%03d", i), "Namespaced", "list"})
		names = append(names, plural+".shop.example")
		if i < maxCustomKinds {
			answers["/apis/shop.example/v1/"+plural] = []http.HandlerFunc{fake.customs("", "", "{}")}
		}
	}
	answers[apisPath], answers[crdsPath] = []http.HandlerFunc{fake.discovery(kinds...)}, []http.HandlerFunc{fake.definitions(names...)}
	_, source := serve(t, answers)
	collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Custom}, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Incomplete, custom resources: The cluster serves 401 kinds of custom resources; at most 400 are read, in alphabetical order up to " +
			"k399s.shop.example.",
	}
	if diff := cmp.Diff(want, gapTexts(collected.Gaps)); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func TestCustomResourcesAreGrantedWithASeparateRole(t *testing.T) {
	l := lists{cause: cause{custom: true}, resources: []string{"carts.shop.example", "orders.shop.example"}}
	_, got := l.describeCustom("system:serviceaccount:team:reader", Scope{})
	want := "Create a role for those that you need: `kubectl create clusterrole kubeops-inspector-custom --verb=get,list " +
		"--resource=carts.shop.example,orders.shop.example --dry-run=client -o yaml | kubectl auth reconcile -f -`. " +
		"Grant it: `kubectl create clusterrolebinding kubeops-inspector-custom-team-reader --clusterrole=kubeops-inspector-custom " +
		"--serviceaccount=team:reader --dry-run=client -o yaml | kubectl auth reconcile -f -`."
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("remediation (-want +got):\n%s", diff)
	}
}

func TestDefinitionsAreReadWithoutSchemas(t *testing.T) {
	_, source := serve(
		t,
		map[string][]http.HandlerFunc{
			crdsPath: {body(http.StatusOK, "application/json", `{"kind":"CustomResourceDefinitionList","items":[{
		"metadata":{"name":"widgets.shop.example"},
		"spec":{"group":"shop.example","names":{"kind":"Widget"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]},
		"status":{"conditions":[{"type":"Established","status":"False","reason":"R"}],"storedVersions":["v1"]}}]}`)},
		},
	)
	collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.CRD}, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	crds := collected.Graph.CRDs
	if len(crds) != 1 || crds[0].Defines != "Widget.shop.example" || len(crds[0].Versions) != 1 || len(crds[0].Conditions) != 1 ||
		len(collected.Gaps) > 0 {
		t.Errorf("got %+v, gaps %v", crds, gapTexts(collected.Gaps))
	}
}
