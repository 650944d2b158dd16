package edge

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"kubeops.io/kubeops/internal/testkit/servers"
)

const (
	dashboardHost = "kubeops.example.com"
	webhooksHost  = "webhooks.kubeops.example.com"
	issuer        = "https://issuer.example.com"
)

// site is what stands in for the dashboard and for the receiver of webhooks behind a real Envoy Gateway, and a client of the gateway.
type site struct {
	t         *testing.T
	http      *http.Client
	manifests string
	// dashboard, second, webhooks and keys are the servers behind the gateway. The second is another Pod of the dashboard.
	dashboard, second, webhooks, keys *pod
	key                               *ecdsa.PrivateKey
}

// pod is a server that counts what arrives.
type pod struct {
	port    int
	arrived atomic.Int64
	server  *http.Server
}

func newPod(t *testing.T, handler http.HandlerFunc) *pod {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{port: listener.Addr().(*net.TCPAddr).Port} //nolint:forcetypeassert // of a TCP listener
	p.server = &http.Server{ReadHeaderTimeout: 30 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.arrived.Add(1)
		handler(w, r)
	})}
	go func() { _ = p.server.Serve(listener) }() // Close ends it
	t.Cleanup(func() { _ = p.server.Close() })
	return p
}

// newSite starts everything. It must run in a network namespace of its own.
func newSite(t *testing.T, dashboard, webhooks http.HandlerFunc) *site {
	t.Helper()
	s := &site{t: t, manifests: t.TempDir(), dashboard: newPod(t, dashboard), second: newPod(t, dashboard), webhooks: newPod(t, webhooks)}
	var err error
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	public, err := s.key.PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	point := public.Bytes() // 4, x, y
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "1", "x": encoded(point[1:33]), "y": encoded(point[33:]),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	s.keys = newPod(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }) // Envoy asks again
	certificate := servers.NewHostCertificate(t, dashboardHost, webhooksHost)
	s.write(certificate)
	s.connect(certificate)
	gateway := servers.EnvoyGateway(t, s.manifests, func(ctx context.Context) error {
		return s.answers(ctx, http.MethodGet, "https://"+dashboardHost+"/", http.StatusOK)
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Envoy Gateway:\n%s", gateway.Log())
		}
	})
	return s
}

// write the objects of the components, with servers of the test in place of Services and of the issuer.
func (s *site) write(certificate *servers.Certificate) {
	s.t.Helper()
	kinds := map[string]bool{"Gateway": true, "HTTPRoute": true, "BackendTrafficPolicy": true, "SecurityPolicy": true}
	var manifests strings.Builder
	for _, object := range render(s.t, []string{"edge-gateway-api", "edge-envoy-gateway", "edge-envoy-gateway/jwt"}) {
		if !kinds[object.GetKind()] {
			continue
		}
		replaceBackends(object.Object)
		content, err := object.MarshalJSON()
		if err != nil {
			s.t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), issuer+"/keys", fmt.Sprintf("http://127.0.0.1:%d/keys", s.keys.port))
		manifests.WriteString("---\n" + text + "\n") // JSON is YAML
	}
	base64 := base64.StdEncoding.EncodeToString
	fmt.Fprintf(&manifests, `---
{apiVersion: v1, kind: Namespace, metadata: {name: kubeops-system}}
---
{apiVersion: gateway.networking.k8s.io/v1, kind: GatewayClass, metadata: {name: edge}, spec: {controllerName: %s,
  parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, namespace: kubeops-system, name: edge}}}
---
{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: EnvoyProxy, metadata: {name: edge, namespace: kubeops-system},
  spec: {provider: {type: Host, host: {envoyVersion: %s}}}}
---
{apiVersion: v1, kind: Secret, metadata: {name: kubeops-edge-tls, namespace: kubeops-system}, type: kubernetes.io/tls,
  data: {tls.crt: %s, tls.key: %s}}
`, servers.EnvoyGatewayController, servers.EnvoyVersion, base64(certificate.Certificate), base64(certificate.Key))
	for name, pods := range map[string][]*pod{"kubeops-dashboard": {s.dashboard, s.second}, "kubeops-webhooks": {s.webhooks}} {
		fmt.Fprintf(&manifests, "---\n{apiVersion: gateway.envoyproxy.io/v1alpha1, kind: Backend, "+
			"metadata: {name: %s, namespace: kubeops-system}, spec: {endpoints: [", name)
		for _, p := range pods {
			fmt.Fprintf(&manifests, "{ip: {address: 127.0.0.1, port: %d}}, ", p.port)
		}
		manifests.WriteString("]}}\n")
	}
	if err := os.WriteFile(filepath.Join(s.manifests, "edge.yaml"), []byte(manifests.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// replaceBackends of routes, which are Services, by Backends of the same name: there is no API server with their Pods.
func replaceBackends(value any) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			replaceBackends(item)
		}
	case map[string]any:
		for field, inner := range value {
			references, _ := inner.([]any)
			if field != "backendRefs" {
				replaceBackends(inner)
				continue
			}
			for _, item := range references {
				if reference, isReference := item.(map[string]any); isReference {
					delete(reference, "port")
					reference["group"], reference["kind"] = "gateway.envoyproxy.io", "Backend"
				}
			}
		}
	}
}

// connect a client, which knows the CA of the certificate and resolves each host to the gateway.
func (s *site) connect(certificate *servers.Certificate) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate.CA)
	dialer := &net.Dialer{}
	s.http = &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				return dialer.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// token of an issuer, signed by a key, which is valid for an hour.
func token(t *testing.T, key *ecdsa.PrivateKey, issuer string) string {
	t.Helper()
	signed := encoded([]byte(`{"alg":"ES256","kid":"1"}`)) + "." +
		encoded(fmt.Appendf(nil, `{"iss":%q,"sub":"dev","exp":%d}`, issuer, time.Now().Add(time.Hour).Unix()))
	digest := sha256.Sum256([]byte(signed))
	r, v, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encoded(append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...))
}

func encoded(content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }

// answer of the gateway, or of what is behind it.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask the gateway. Headers are NAME, VALUE, ...
func (s *site) ask(ctx context.Context, method, target string, headers ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(nil))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(content)}, err
}

// answers is nil if the status of an answer is the wanted one.
func (s *site) answers(ctx context.Context, method, target string, status int, headers ...string) error {
	got, err := s.ask(ctx, method, target, headers...)
	if err == nil && got.status != status {
		err = fmt.Errorf("%s %s: status %d, want %d: %.200s", method, target, got.status, status, got.body)
	}
	return err
}

// eventually waits until a check returns nil.
func eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, last)
	}
}
