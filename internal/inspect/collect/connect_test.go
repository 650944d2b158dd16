package collect

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/clock"
)

func TestAFailedCredentialPluginIsNoUnreachableCluster(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	config := &rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}, ExecProvider: &clientcmdapi.ExecConfig{
		Command: "false", APIVersion: "client.authentication.k8s.io/v1", InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}}
	_, err := Connect(t.Context(), Source{Cluster: "a", Config: config}, clock.RealClock{})
	if err == nil || !strings.Contains(err.Error(), "the credential plugin of the kubeconfig failed; log in again") {
		t.Errorf("got %v", err)
	}
}

func TestSchemasOfADefinitionAreReadByVersion(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/w.example.com" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"spec":{"versions":[{"name":"v1","schema":{"openAPIV3Schema":{"type":"object"}}},{"name":"v2"}]}}`))
	}))
	defer server.Close()
	source := Source{Cluster: "a", Config: &rest.Config{Host: server.URL}}
	schemas, err := Schemas(t.Context(), source, "w.example.com")
	if err != nil || string(schemas["v1"]) != `{"openAPIV3Schema":{"type":"object"}}` || schemas["v2"] != nil {
		t.Errorf("%s (%v)", schemas, err)
	}
	for _, name := range []string{"../../secrets", "", "missing.example.com"} {
		if schemas, err := Schemas(t.Context(), source, name); err == nil {
			t.Errorf("%q: %s", name, schemas)
		}
	}
}
