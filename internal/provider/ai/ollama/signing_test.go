package ollama

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ollama/ollama/auth"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/testkit/models"
)

// useKey gives the process a home folder with a private key that Ollama's client can sign with.
func useKey(t *testing.T) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	content, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(home, ".ollama"), 0o700); err != nil {
		t.Fatal(err)
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: content})
	if err := os.WriteFile(filepath.Join(home, ".ollama", "id_ed25519"), encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	if signature, err := auth.Sign(t.Context(), []byte("x")); err != nil || signature == "" {
		t.Fatalf("the key cannot sign: %v", err)
	}
}

func TestNothingIsSigned(t *testing.T) {
	ask := func(t *testing.T, model ai.Model) {
		t.Helper()
		if _, err := model.Probe(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := model.Ask(t.Context(), request()); err != nil {
			t.Error(err)
		}
	}
	// The fake rejects any query and any Authorization header but the one of the settings.
	t.Run("with OLLAMA_AUTH and no key", func(t *testing.T) {
		t.Setenv("HOME", t.TempDir())
		t.Setenv(signingVariable, "1")
		ask(t, open(t, models.Ollama(t), func(*ai.Settings) {}))
	})
	t.Run("with OLLAMA_AUTH, a key and no API key", func(t *testing.T) {
		useKey(t)
		t.Setenv(signingVariable, "1")
		ask(t, open(t, models.Ollama(t, models.WithoutKey()), func(s *ai.Settings) { s.Endpoint.Auth = provider.Auth{} }))
	})
	t.Run("with OLLAMA_AUTH set after the backend was created", func(t *testing.T) {
		useKey(t)
		model := open(t, models.Ollama(t, models.WithoutKey()), func(s *ai.Settings) { s.Endpoint.Auth = provider.Auth{} })
		t.Setenv(signingVariable, "1")
		ask(t, model)
	})
}

// sent records the requests that reach the rules of provider.Client.
type sent struct{ requests []*http.Request }

func (s *sent) RoundTrip(request *http.Request) (*http.Response, error) {
	s.requests = append(s.requests, request)
	content := map[string]string{
		"/api/version": `{"version":"0.17.4"}`,
		"/api/show":    `{"details":{"family":"llama"},"model_info":{}}`,
		"/api/chat":    `{"message":{"role":"assistant","content":"{}"},"done":true,"done_reason":"stop"}`,
	}[request.URL.Path]
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(content)), Request: request,
	}, nil
}

func TestNothingIsSignedForOllamaCom(t *testing.T) {
	useKey(t)
	t.Setenv(signingVariable, "1")
	created, err := New(ai.Settings{Endpoint: provider.Endpoint{URL: "https://ollama.com"}, Model: models.Name})
	if err != nil {
		t.Fatal(err)
	}
	recorder := &sent{}
	created.(*Model).client.HTTP().Transport = recorder
	if _, err := created.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := created.Ask(t.Context(), request()); err != nil {
		t.Error(err)
	}
	if len(recorder.requests) != 3 {
		t.Fatalf("sent %d requests, want 3", len(recorder.requests))
	}
	for _, request := range recorder.requests {
		if request.URL.Scheme != "https" || request.URL.Host != "ollama.com" || request.URL.RawQuery != "" {
			t.Errorf("sent to %s", request.URL)
		}
		for name := range request.Header {
			if name != "Content-Type" {
				t.Errorf("%s has the header %s", request.URL.Path, name)
			}
		}
	}
}
