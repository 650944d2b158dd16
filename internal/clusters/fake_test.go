package clusters

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/internal/provider"
)

// newCertificate is a certificate and its key in PEM form.
func newCertificate(t testing.TB, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(1_700_000_000, 0),
		NotAfter: time.Unix(1_800_000_000, 0), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// fake is an API server whose behavior a test sets. It counts its TCP connections.
type fake struct {
	*httptest.Server
	open, dialed atomic.Int64

	mutex   sync.Mutex
	handler http.HandlerFunc
	tokens  map[string]int
}

const kubeSystemUID = "11111111-2222-3333-4444-555555555555"

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{tokens: map[string]int{}}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mutex.Lock()
		handler := f.handler
		f.tokens[r.Header.Get("Authorization")]++
		f.mutex.Unlock()
		if handler != nil {
			handler(w, r)
			return
		}
		f.answer(w, r)
	}))
	f.EnableHTTP2 = true
	f.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			f.dialed.Add(1)
			f.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			f.open.Add(-1)
		}
	}
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

// answer as a healthy API server.
func (f *fake) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case versionPath:
		_, _ = fmt.Fprint(w, `{"major":"1","minor":"37","gitVersion":"v1.37.2"}`)
	case identityPath:
		_ = json.NewEncoder(w).Encode(map[string]any{"metadata": map[string]any{"name": "kube-system", "uid": kubeSystemUID}})
	default:
		http.NotFound(w, r)
	}
}

// set what the server does; nil is healthy.
func (f *fake) set(handler http.HandlerFunc) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.handler = handler
}

func (f *fake) seen(token string) int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.tokens["Bearer "+token]
}

// access to the server with a token.
func (f *fake) access(t testing.TB, token string) Access {
	t.Helper()
	server, err := url.Parse(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})
	return Access{Server: server, Token: token, TLS: provider.TLS{CA: ca}}
}

func newTestRegistry(t testing.TB) *Registry {
	t.Helper()
	r, err := NewRegistry(Options{Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func keyOf(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "shop", Name: name}
}
