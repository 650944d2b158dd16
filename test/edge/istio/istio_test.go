// Package istio checks the component edge-istio with Istio's own validation. It is a module of its own, since Istio's dependencies are no part
// of KubeOps.
package istio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"istio.io/istio/pilot/pkg/config/kube/crd"
)

// component is the text of all manifests of edge-istio.
func component(t *testing.T) string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.yaml", "jwt/*.yaml"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "..", "config", "components", "edge-istio", pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no manifests: %v", err)
		}
		for _, file := range files {
			if filepath.Base(file) == "kustomization.yaml" {
				continue
			}
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(content))
		}
	}
	return strings.Join(all, "\n---\n")
}

func TestIstioAcceptsTheComponent(t *testing.T) {
	configs, others, err := crd.ParseInputs(component(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(configs) != 9 || len(others) != 0 {
		t.Errorf("%d resources of Istio and %d others, want 9 and 0: %v", len(configs), len(others), others)
	}
}

func TestIstioRefusesWhatIsWrong(t *testing.T) {
	good := component(t)
	for name, change := range map[string][2]string{
		"an unknown retry condition": {"connect-failure,refused-stream", "connect-failure,refused-steam"},
		"no timeout":                 {"timeout: 60s", "timeout: 60"},
		"a timeout of zero":          {"timeout: 60s", "timeout: 0s"},
		"a port that is none":        {`ports: ["8090"]`, `ports: ["dashboard"]`},
		"TLS without a certificate":  {"credentialName: kubeops-edge-tls, ", ""},
		"a host that is none":        {"hosts: [kubeops.example.com]", "hosts: [kubeops example com]"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, change[0], change[1], 1)
			if bad == good {
				t.Fatalf("the component has no %q", change[0])
			}
			if _, _, err := crd.ParseInputs(bad); err == nil {
				t.Error("it is accepted")
			}
		})
	}
}
