package collect

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

// readsCustomResources makes a definition and an object of it, and reads them as an administrator and as one who may read
// neither.
func (s realServer) readsCustomResources(t *testing.T) {
	client, err := dynamic.NewForConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	type object = map[string]any
	create := func(version schema.GroupVersionResource, namespace string, o object) error {
		_, err := client.Resource(version).
			Namespace(namespace).
			Create(t.Context(), &unstructured.Unstructured{Object: o}, metav1.CreateOptions{})
		return err
	}
	anything := object{"openAPIV3Schema": object{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}
	err = create(
		schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
		"",
		object{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": object{"name": "gadgets.shop.example"},
			"spec": object{
				"group": "shop.example", "scope": "Namespaced", "names": object{"plural": "gadgets", "kind": "Gadget"},
				"versions": []any{
					object{
						"name":    "v1",
						"served":  true,
						"storage": true,
						"schema":  anything,
					}, object{"name": "v1beta1", "served": true, "storage": false, "schema": anything},
				},
			},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	gadget := object{
		"apiVersion": "shop.example/v1", "kind": "Gadget", "metadata": object{"name": "g"},
		"status": object{"conditions": []any{object{"type": "Ready", "status": "False", "reason": "Broken"}}},
	}
	soon := func(try func() bool) {
		err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true,
			func(context.Context) (bool, error) { return try(), nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	soon(func() bool {
		err := create(schema.GroupVersionResource{Group: "shop.example", Version: "v1", Resource: "gadgets"}, "default", gadget)
		if err != nil && !meta.IsNoMatchError(err) && !strings.Contains(err.Error(), "could not find the requested resource") {
			t.Fatal(err)
		}
		return err == nil
	})
	read := func(config *rest.Config) Collected {
		collected, err := All(t.Context(), Source{Cluster: "real", Config: config}, Scope{}, []facts.Kind{facts.Custom, facts.CRD},
			clock.RealClock{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return collected
	}
	soon(func() bool { return len(read(s.config).Graph.CustomResources) > 0 }) // until discovery knows it
	config, traffic := recorded(s.config)
	collected := read(config)
	if diff := cmp.Diff([]string{"shop.example/v1 Gadget.shop.example/default/g"}, customNames(collected.Graph)); diff != "" ||
		len(collected.Gaps) > 0 {
		t.Errorf("custom resources (-want +got):\n%s, gaps %v", diff, gapTexts(collected.Gaps))
	}
	if c, ok := collected.Graph.CustomResources[0].Condition("Ready"); !ok || c.Status != "False" || c.Reason != "Broken" {
		t.Errorf("conditions: %+v", collected.Graph.CustomResources[0].Conditions)
	}
	if !slices.ContainsFunc(collected.Graph.CRDs, func(crd *facts.CRDNode) bool {
		return crd.Defines == "Gadget.shop.example" && len(crd.Versions) == 2 && crd.Stored[0] == "v1"
	}) {
		t.Error("the definition was not read")
	}
	slices.Sort(traffic.paths)
	want := []string{
		"/apis", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
		"/apis/shop.example/v1/gadgets", "/version",
	}
	if diff := cmp.Diff(want, traffic.paths); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	poor := rest.CopyConfig(s.config)
	poor.Impersonate.UserName = "jane"
	poor.Impersonate.Groups = []string{"system:authenticated"}
	_, err = All(t.Context(), Source{Cluster: "real", Config: poor}, Scope{}, []facts.Kind{facts.Custom, facts.CRD}, clock.RealClock{}, nil)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonForbidden ||
		!strings.Contains(p.Message, "jane cannot list customresourcedefinitions.apiextensions.k8s.io (RBAC)") {
		t.Errorf("got %v", err)
	}
}
