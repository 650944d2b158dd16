package install

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
)

// objects are all objects of the cluster as RESOURCE.GROUP NAMESPACE/NAME, without those that Kubernetes creates and removes all the time.
func (c *cluster) objects(t *testing.T) map[string]bool {
	t.Helper()
	served, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := served.ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	reader, err := metadata.NewForConfig(c.config)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, list := range resources {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, resource := range list.APIResources {
			kind := version.WithResource(resource.Name).GroupResource().String()
			if !slices.Contains(resource.Verbs, "list") || kind == "componentstatuses" || strings.HasPrefix(kind, "events") {
				continue
			}
			items, err := reader.Resource(version.WithResource(resource.Name)).List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatalf("list %s: %v", kind, err)
			}
			for _, item := range items.Items {
				found[kind+" "+item.Namespace+"/"+item.Name] = true
			}
		}
	}
	return found
}

// added are the objects of the second that the first does not have, without those that Kubernetes creates when it first needs them:
// accounts of its controllers, and Leases of nodes.
func added(before, after map[string]bool) (names []string) {
	for name := range after {
		own := strings.HasPrefix(name, "serviceaccounts kube-system/") || strings.HasPrefix(name, "leases.coordination.k8s.io kube-node-lease/")
		if !before[name] && !own {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
