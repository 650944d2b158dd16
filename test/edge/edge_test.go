// Package edge creates the components of config/components/edge-* in a real API server that has the products' own CRDs. It needs the programs
// of `make kube`, and downloads the modules of the Gateway API and of Istio once.
package edge

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"kubeops.io/kubeops/internal/testkit"
)

// Modules whose zip has CRDs.
const (
	gatewayAPI = "sigs.k8s.io/gateway-api@v1.6.3"
	istioAPI   = "istio.io/api@v1.32.0"
	envoy      = "github.com/envoyproxy/gateway@v1.9.1"
)

// product has a component.
type product struct {
	name string
	// components of config/components, in their order.
	components []string
	// groups of the product's kinds in the component.
	groups []string
	// want are the kinds and names of its objects.
	want []string
}

func products() []product {
	return []product{
		{"Gateway API", []string{"edge-gateway-api"}, []string{"gateway.networking.k8s.io"}, []string{
			"Gateway kubeops", "HTTPRoute kubeops-dashboard", "HTTPRoute kubeops-https", "HTTPRoute kubeops-webhooks",
		}},
		{"Envoy Gateway", []string{"edge-gateway-api", "edge-envoy-gateway", "edge-envoy-gateway/jwt"}, []string{"gateway.envoyproxy.io"}, []string{
			"BackendTrafficPolicy kubeops-dashboard", "BackendTrafficPolicy kubeops-webhooks", "SecurityPolicy kubeops-dashboard",
		}},
		{"Istio", []string{"edge-istio", "edge-istio/jwt"}, []string{"networking.istio.io", "security.istio.io"}, []string{
			"AuthorizationPolicy kubeops-dashboard", "AuthorizationPolicy kubeops-manager", "DestinationRule kubeops-dashboard",
			"DestinationRule kubeops-webhooks", "Gateway kubeops", "PeerAuthentication kubeops", "RequestAuthentication kubeops-dashboard",
			"VirtualService kubeops-dashboard", "VirtualService kubeops-webhooks",
		}},
		{"APISIX", []string{"edge-apisix", "edge-apisix/openid"}, []string{"apisix.apache.org"}, []string{
			"ApisixPluginConfig kubeops-openid", "ApisixRoute kubeops-dashboard", "ApisixRoute kubeops-webhooks", "ApisixTls kubeops",
			"ApisixUpstream kubeops-dashboard", "ApisixUpstream kubeops-webhooks",
		}},
		{"Higress", []string{"edge-higress"}, []string{"networking.k8s.io"}, []string{
			"Ingress kubeops-dashboard", "Ingress kubeops-dashboard-live", "Ingress kubeops-webhooks",
		}},
	}
}

// TestComponentsAreAcceptedByTheProductsOwnSchemas creates the objects of each component, without a field that the CRDs do not know, and compares
// their backends with the Services of the installation.
func TestComponentsAreAcceptedByTheProductsOwnSchemas(t *testing.T) {
	config := testkit.APIServer(t)
	strict := newClient(t, config)
	for _, p := range products() {
		t.Run(p.name, func(t *testing.T) {
			objects := render(t, p.components)
			services := map[string]bool{}
			for _, object := range objects {
				if object.GetKind() == "Service" {
					services[object.GetName()] = true
				}
			}
			var created []string
			for _, object := range objects {
				if !slices.Contains(p.groups, object.GroupVersionKind().Group) || object.GetKind() == "NetworkPolicy" {
					continue
				}
				if err := strict.Create(t.Context(), object); err != nil {
					t.Errorf("%s %s: %v", object.GetKind(), object.GetName(), err)
				}
				created = append(created, object.GetKind()+" "+object.GetName())
				for _, backend := range backends(object.Object) {
					if !services[backend] {
						t.Errorf("%s %s sends requests to Service %s, which is not installed", object.GetKind(), object.GetName(), backend)
					}
				}
			}
			if slices.Sort(created); !slices.Equal(created, p.want) {
				t.Errorf("objects %q, want %q", created, p.want)
			}
		})
	}
}

// TestAFieldThatAProductDoesNotKnowIsRefused shows that the API server checks what the first test relies on.
func TestAFieldThatAProductDoesNotKnowIsRefused(t *testing.T) {
	strict := newClient(t, testkit.APIServer(t))
	for _, p := range products() {
		if p.name == "Higress" { // its CRDs are not those of an Ingress
			continue
		}
		for _, object := range render(t, p.components) {
			if !slices.Contains(p.groups, object.GroupVersionKind().Group) {
				continue
			}
			if err := unstructured.SetNestedField(object.Object, "2s", "spec", "noSuchField"); err != nil {
				t.Fatal(err)
			}
			if err := strict.Create(t.Context(), object); err == nil || !strings.Contains(err.Error(), "noSuchField") {
				t.Errorf("%s %s with an unknown field: %v", object.GetKind(), object.GetName(), err)
			}
		}
	}
}

// newClient of an API server with the CRDs of all products, which refuses unknown fields.
func newClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	policies := filepath.Join(module(t, envoy), "charts", "gateway-helm", "charts", "crds", "crds", "generated")
	_, err := envtest.InstallCRDs(config, envtest.CRDInstallOptions{ErrorIfPathMissing: true, Paths: []string{
		filepath.Join("testdata", "crds"),
		filepath.Join(module(t, gatewayAPI), "config", "crd", "standard", "gateway.networking.k8s.io_gateways.yaml"),
		filepath.Join(module(t, gatewayAPI), "config", "crd", "standard", "gateway.networking.k8s.io_httproutes.yaml"),
		filepath.Join(policies, "gateway.envoyproxy.io_backendtrafficpolicies.yaml"),
		filepath.Join(policies, "gateway.envoyproxy.io_securitypolicies.yaml"),
		filepath.Join(module(t, istioAPI), "kubernetes", "customresourcedefinitions.gen.yaml"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"kubeops-system", "istio-system"} {
		if err := plain.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
			t.Fatal(err)
		}
	}
	return client.WithFieldValidation(plain, metav1.FieldValidationStrict)
}

// module is the folder of a Go module, which is downloaded once. Its sum is checked as for any module.
func module(t *testing.T, name string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", name)
	command.Dir = t.TempDir() // no module: the version is the one that is named
	output, err := command.Output()
	if err != nil {
		t.Fatalf("download %s: %v\n%s", name, err, output)
	}
	var downloaded struct{ Dir string }
	if err := json.Unmarshal(output, &downloaded); err != nil {
		t.Fatal(err)
	}
	return downloaded.Dir
}

// render an installation with the dashboard, the webhook receiver and components.
func render(t *testing.T, components []string) []*unstructured.Unstructured {
	t.Helper()
	found, err := filepath.Glob("../../bin/kube/*/kubectl")
	if err != nil || len(found) == 0 {
		t.Fatalf("bin/kube has no kubectl; run `make kube` first (%v)", err)
	}
	folder, err := os.MkdirTemp(".", "render-") // kustomize reads nothing outside of the file system root of its base
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(folder) }() // the test has what it needs
	list := "../../../config/components/webhooks"
	for _, component := range components {
		list += ", ../../../config/components/" + component
	}
	content := fmt.Sprintf("resources: [../../../config/default, ../../../config/dashboard]\ncomponents: [%s]\n", list)
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), found[0], "kustomize", folder).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return testkit.Manifests(t, "kustomize", output)
}

// backends are the names of Services that a route sends requests to, in the words of any of the products.
func backends(value any) (names []string) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			names = append(names, backends(item)...)
		}
	case map[string]any:
		for field, inner := range value {
			switch field {
			case "backendRefs":
				for _, item := range inner.([]any) { //nolint:forcetypeassert // a list by its schema
					name, _, _ := unstructured.NestedString(item.(map[string]any), "name") //nolint:forcetypeassert // objects by its schema
					names = append(names, name)
				}
			case "service":
				name, _, _ := unstructured.NestedString(value, "service", "name")
				names = append(names, name)
			case "serviceName":
				names = append(names, fmt.Sprint(inner))
			case "destination":
				host, _, _ := unstructured.NestedString(value, "destination", "host")
				name, _, _ := strings.Cut(host, ".")
				names = append(names, name)
			default:
				names = append(names, backends(inner)...)
			}
		}
	}
	return names
}
