package edge

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestEachRouteOfAPISIXRedirectsToHTTPS: a route serves both ports of APISIX, and one without the plugin answers in plain text.
func TestEachRouteOfAPISIXRedirectsToHTTPS(t *testing.T) {
	routes := 0
	for _, object := range render(t, []string{"edge-apisix"}) {
		if object.GetKind() != "ApisixRoute" {
			continue
		}
		rules, _, err := unstructured.NestedSlice(object.Object, "spec", "http")
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rules {
			routes++
			if rule := rule.(map[string]any); !redirects(rule) {
				t.Errorf("route %v of %s serves plain HTTP", rule["name"], object.GetName())
			}
		}
	}
	if routes == 0 {
		t.Error("there are no routes")
	}
}

func redirects(rule map[string]any) bool {
	plugins, _, _ := unstructured.NestedSlice(rule, "plugins")
	for _, plugin := range plugins {
		plugin := plugin.(map[string]any)
		secure, _, _ := unstructured.NestedBool(plugin, "config", "http_to_https")
		if plugin["name"] == "redirect" && plugin["enable"] == true && secure {
			return true
		}
	}
	return false
}
