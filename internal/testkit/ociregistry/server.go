// Package ociregistry is a strict fake of a container registry for tests, as far as lookups of digests need it: it serves only what was
// pushed, only as a media type that the request accepts, and only with a token for the repository.
package ociregistry

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// User and Password of the registry.
const (
	User     = "puller"
	Password = "registry-password-0123"
)

// Login is how the registry authenticates requests.
type Login int

const (
	// Anonymous serves everyone.
	Anonymous Login = iota
	// Basic wants the credentials in each request.
	Basic
	// Bearer wants a token of its token service, which wants the credentials.
	Bearer
)

// Media types.
const (
	Manifest = "application/vnd.oci.image.manifest.v1+json"
	Index    = "application/vnd.oci.image.index.v1+json"
)

// Server is a registry.
type Server struct {
	// Host and port.
	Host string
	// CA of the server, as PEM; empty for one without TLS.
	CA []byte

	login   Login
	mutex   sync.Mutex
	content map[string]manifest
	// before is called before each request; true means that it wrote the response.
	before   func(http.ResponseWriter, *http.Request) bool
	requests []string
}

type manifest struct{ mediaType, content string }

// New starts a registry with TLS.
func New(t testing.TB, login Login) *Server {
	t.Helper()
	return start(t, login, true)
}

// NewPlain starts a registry without TLS.
func NewPlain(t testing.TB, login Login) *Server {
	t.Helper()
	return start(t, login, false)
}

func start(t testing.TB, login Login, secure bool) *Server {
	s := &Server{login: login, content: map[string]manifest{}}
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	if secure {
		server.StartTLS()
		s.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	} else {
		server.Start()
	}
	t.Cleanup(server.Close)
	s.Host = server.Listener.Addr().String()
	return s
}

// Push a manifest under a tag, and return its digest.
func (s *Server) Push(repository, tag, mediaType string, content any) string {
	text, isText := content.(string)
	if !isText {
		encoded, err := json.Marshal(content)
		if err != nil {
			panic(err)
		}
		text = string(encoded)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.content[repository+":"+tag] = manifest{mediaType, text}
	return digest(text)
}

// PushImage pushes a manifest of an image whose only content is a name.
func (s *Server) PushImage(repository, tag, name string) string {
	config := map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(name), "size": len(name)}
	return s.Push(repository, tag, Manifest, map[string]any{
		"schemaVersion": 2, "mediaType": Manifest, "config": config, "layers": []any{},
	})
}

// PushIndex pushes an index with an image for each platform, OS/ARCHITECTURE, and returns its digest, and those of the images.
func (s *Server) PushIndex(repository, tag string, platforms ...string) (index string, images map[string]string) {
	images = map[string]string{}
	var entries []any
	for _, platform := range platforms {
		images[platform] = s.PushImage(repository, "of-"+strings.ReplaceAll(platform, "/", "-"), platform)
		os, architecture, _ := strings.Cut(platform, "/")
		entries = append(entries, map[string]any{
			"mediaType": Manifest, "digest": images[platform], "size": 1,
			"platform": map[string]string{"os": os, "architecture": architecture},
		})
	}
	return s.Push(repository, tag, Index, map[string]any{"schemaVersion": 2, "mediaType": Index, "manifests": entries}), images
}

// Before is called before each request; true means that it wrote the response. Nil ends that.
func (s *Server) Before(f func(http.ResponseWriter, *http.Request) bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.before = f
}

// Requests are the methods and paths of all requests.
func (s *Server) Requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]string(nil), s.requests...)
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// tokenFor is the token for a scope.
func tokenFor(scope string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(digest("secret of the token service" + scope)))
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	before := s.before
	s.requests = append(s.requests, r.Method+" "+r.URL.RequestURI())
	s.mutex.Unlock()
	if before != nil && before(w, r) {
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		fail(w, http.StatusMethodNotAllowed, "UNSUPPORTED")
		return
	}
	if r.URL.Path == "/token" && s.login == Bearer {
		s.token(w, r)
		return
	}
	repository, tag, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v2/"), "/manifests/")
	switch {
	case !strings.HasPrefix(r.URL.Path, "/v2/"):
		fail(w, http.StatusNotFound, "UNSUPPORTED")
	case !s.authorized(r, repository, found):
		s.challenge(w, r, repository)
	case r.URL.Path == "/v2/":
		_, _ = w.Write([]byte("{}"))
	case !found:
		fail(w, http.StatusNotFound, "UNSUPPORTED")
	default:
		s.manifest(w, r, repository, tag)
	}
}

func (s *Server) authorized(r *http.Request, repository string, isManifest bool) bool {
	user, password, _ := r.BasicAuth()
	switch s.login {
	case Basic:
		return user == User && password == Password
	case Bearer:
		return isManifest && r.Header.Get("Authorization") == "Bearer "+tokenFor("repository:"+repository+":pull")
	}
	return r.Header.Get("Authorization") == ""
}

func (s *Server) challenge(w http.ResponseWriter, r *http.Request, repository string) {
	scheme := "https"
	if r.TLS == nil {
		scheme = "http"
	}
	value := `Basic realm="registry"`
	if s.login == Bearer {
		value = `Bearer realm="` + scheme + `://` + s.Host + `/token",service="fake",scope="repository:` + repository + `:pull"`
	}
	w.Header().Set("WWW-Authenticate", value)
	fail(w, http.StatusUnauthorized, "UNAUTHORIZED")
}

// token serves a token for one repository.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	scope := r.URL.Query().Get("scope")
	if user != User || password != Password || r.URL.Query().Get("service") != "fake" || !strings.HasSuffix(scope, ":pull") {
		fail(w, http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"token": tokenFor(scope), "expires_in": 300})
}

func (s *Server) manifest(w http.ResponseWriter, r *http.Request, repository, tag string) {
	s.mutex.Lock()
	found, ok := s.content[repository+":"+tag]
	s.mutex.Unlock()
	if !ok || !strings.Contains(r.Header.Get("Accept"), found.mediaType) {
		fail(w, http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Content-Type", found.mediaType)
	w.Header().Set("Docker-Content-Digest", digest(found.content))
	_, _ = w.Write([]byte(found.content))
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": code, "message": "SERVER-TEXT"}}})
}
