package kubeapi

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	"kubeops.io/kubeops/hack/cluster/internal/pki"
)

// serve answers paths with bodies, to clients with a certificate of the authority only.
func serve(t *testing.T, answers map[string]string) *Client {
	t.Helper()
	ca, err := pki.NewAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.Certificate)
	pair, err := ca.Issue(pki.Identity{Name: "api", Hosts: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			http.Error(w, "not found", http.StatusNotFound)
			return
		}
		if body == "conflict" {
			w.WriteHeader(http.StatusConflict)
		}
		_, _ = w.Write([]byte(body))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	admin, err := ca.Issue(pki.Identity{Name: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	client, err := New(server.URL, ca.Certificate, admin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestNodeReady(t *testing.T) {
	tests := []struct {
		name, node string
		wantErr    bool
	}{
		{"ready", `{"status":{"conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":"True"}]}}`, false},
		{"not ready", `{"status":{"conditions":[{"type":"Ready","status":"False","message":"no network"}]}}`, true},
		{
			"tainted",
			`{"spec":{"taints":[{"key":"node.kubernetes.io/not-ready"}]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`,
			true,
		},
		{"other taint", `{"spec":{"taints":[{"key":"gpu"}]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`, false},
		{"silent", `{}`, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := serve(t, map[string]string{"GET /api/v1/nodes/a": test.node})
			if err := client.NodeReady(t.Context(), "a"); (err != nil) != test.wantErr {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestNamespaceReadyNeedsBoth(t *testing.T) {
	const (
		account   = "GET /api/v1/namespaces/default/serviceaccounts/default"
		authority = "GET /api/v1/namespaces/default/configmaps/kube-root-ca.crt"
	)
	if err := serve(t, map[string]string{account: "{}", authority: "{}"}).NamespaceReady(t.Context()); err != nil {
		t.Error(err)
	}
	if err := serve(t, map[string]string{account: "{}"}).NamespaceReady(t.Context()); err == nil {
		t.Error("no error without the ConfigMap")
	}
}

func TestCreateNode(t *testing.T) {
	for body, wantErr := range map[string]bool{"{}": false, "conflict": false} {
		client := serve(t, map[string]string{"POST /api/v1/nodes": body})
		if err := client.CreateNode(t.Context(), []byte("{}")); (err != nil) != wantErr {
			t.Errorf("%s: error %v", body, err)
		}
	}
	if err := serve(t, nil).CreateNode(t.Context(), []byte("{}")); err == nil {
		t.Error("no error for a refused node")
	}
}
