package registry_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/registry"
	"kubeops.io/kubeops/internal/testkit/ociregistry"
)

// open the repository shop/web of a server.
func open(t *testing.T, s *ociregistry.Server, change ...func(*registry.Remote)) *registry.Repository {
	t.Helper()
	remote := registry.Remote{
		Repository: s.Host + "/shop/web", Username: ociregistry.User, Password: ociregistry.Password, CA: s.CA, PlainHTTP: s.CA == nil,
		Fields: provider.Fields{URL: "image.repository", Auth: "image.secretRef"},
	}
	for _, f := range change {
		f(&remote)
	}
	repository, err := registry.Open(remote, registry.Options{Egress: provider.Egress{AllowLoopback: true}, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(repository.Close)
	return repository
}

func anonymous(r *registry.Remote) {
	r.Username = ""
	r.Password = ""
}

func TestATagIsItsDigestWithEachLogin(t *testing.T) {
	for name, s := range map[string]*ociregistry.Server{
		"basic":             ociregistry.New(t, ociregistry.Basic),
		"token":             ociregistry.New(t, ociregistry.Bearer),
		"token without TLS": ociregistry.NewPlain(t, ociregistry.Bearer),
	} {
		t.Run(name, func(t *testing.T) {
			want := s.PushImage("shop/web", "1.2", "first")
			r := open(t, s)
			if err := r.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, err := r.Digest(t.Context(), "1.2", ""); err != nil || got != want {
				t.Errorf("%s, %v; want %s", got, err, want)
			}
			moved := s.PushImage("shop/web", "1.2", "second")
			if got, err := r.Digest(t.Context(), "1.2", ""); err != nil || got != moved || got == want {
				t.Errorf("a tag that was moved is %s, %v; want %s", got, err, moved)
			}
		})
	}
	s := ociregistry.New(t, ociregistry.Anonymous)
	want := s.PushImage("shop/web", "1.2", "first")
	if got, err := open(t, s, anonymous).Digest(t.Context(), "1.2", ""); err != nil || got != want {
		t.Errorf("anonymous: %s, %v", got, err)
	}
}

func TestAnIndexIsItsOwnDigestOrThatOfAPlatform(t *testing.T) {
	s := ociregistry.New(t, ociregistry.Bearer)
	index, images := s.PushIndex("shop/web", "1.2", "linux/amd64", "linux/arm64")
	single := s.PushImage("shop/web", "single", "one")
	r := open(t, s)
	for _, c := range []struct{ tag, platform, want, reason string }{
		{"1.2", "", index, ""},
		{"1.2", "linux/amd64", images["linux/amd64"], ""},
		{"1.2", "linux/arm64", images["linux/arm64"], ""},
		{"1.2", "linux/s390x", "", v1alpha1.ReasonImageNotFound},
		{"1.2", "windows/amd64", "", v1alpha1.ReasonImageNotFound},
		{"single", "", single, ""},
		{"single", "linux/amd64", "", v1alpha1.ReasonImageNotFound},
	} {
		got, err := r.Digest(t.Context(), c.tag, c.platform)
		reason := ""
		if p := problem.As(err); p != nil {
			reason = p.Reason
		}
		if got != c.want || reason != c.reason {
			t.Errorf("tag %s, platform %q: %s, %v; want %s %s", c.tag, c.platform, got, err, c.want, c.reason)
		}
	}
}

// refuse answers requests for manifests.
func refuse(status int, header ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte("SERVER-TEXT"))
		return true
	}
}

func TestAFailureNamesItsCauseAndTheNextStep(t *testing.T) {
	for name, c := range map[string]struct {
		before func(http.ResponseWriter, *http.Request) bool
		change func(*registry.Remote)
		tag    string
		action problem.Action
		reason string
		text   string
	}{
		"no such tag": {tag: "9.9", action: problem.UserMustAct, reason: v1alpha1.ReasonImageNotFound, text: "has no tag 9.9"},
		"no tag":      {tag: "a b", action: problem.UserMustAct, reason: v1alpha1.ReasonInvalidSpec, text: `"a b" is not a valid tag`},
		"a path":      {tag: "../x", action: problem.UserMustAct, reason: v1alpha1.ReasonInvalidSpec, text: "is not a valid tag"},
		"a digest":    {tag: "sha256:00", action: problem.UserMustAct, reason: v1alpha1.ReasonInvalidSpec, text: "is not a valid tag"},
		"wrong password": {
			change: func(r *registry.Remote) { r.Password = "wrong" }, action: problem.UserMustAct, reason: v1alpha1.ReasonUnauthorized,
			text: "rejected the credentials",
		},
		"no password": {change: anonymous, action: problem.UserMustAct, reason: v1alpha1.ReasonUnauthorized, text: "requires credentials"},
		"denied": {
			before: refuse(http.StatusForbidden), action: problem.UserMustAct, reason: v1alpha1.ReasonForbidden, text: "denied access",
		},
		"server error": {before: refuse(http.StatusBadGateway), action: problem.Retry, reason: v1alpha1.ReasonServerError, text: "(502)"},
		"too many requests": {
			before: refuse(http.StatusTooManyRequests, "Retry-After", "42"), action: problem.Wait, reason: v1alpha1.ReasonRateLimited,
			text: "limits the rate",
		},
		"redirect": {
			before: refuse(http.StatusTemporaryRedirect, "Location", "https://elsewhere.example.com/"), action: problem.UserMustAct,
			reason: v1alpha1.ReasonRedirected, text: "redirects to another host",
		},
		"too large": {
			before: refuse(http.StatusOK, "Content-Length", "99999999"), action: problem.Retry, reason: v1alpha1.ReasonResponseTooLarge,
			text: "size limit",
		},
		"unknown authority": {
			change: func(r *registry.Remote) { r.CA = nil }, action: problem.Retry, reason: v1alpha1.ReasonTLSFailed, text: "unknown authority",
		},
		"no image": {
			before: refuse(http.StatusOK, "Content-Type", "text/html"), action: problem.UserMustAct, reason: v1alpha1.ReasonInvalidResponse,
			text: "is not an image",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := ociregistry.New(t, ociregistry.Bearer)
			s.PushImage("shop/web", "1.2", "first")
			s.Before(c.before)
			if c.change == nil {
				c.change = func(*registry.Remote) {}
			}
			if c.tag == "" {
				c.tag = "1.2"
			}
			got, err := open(t, s, c.change).Digest(t.Context(), c.tag, "")
			p := problem.As(err)
			if p == nil || p.Reason != c.reason || p.Action != c.action || !strings.Contains(p.Message, c.text) {
				t.Fatalf("%s, %+v", got, err)
			}
			if strings.Contains(p.Message, "SERVER-TEXT") || strings.Contains(p.Message, "wrong") {
				t.Errorf("the message quotes a response or a secret: %s", p.Message)
			}
			if c.action == problem.Wait && p.After != 42*time.Second {
				t.Errorf("it is tried again after %s, and the registry wants 42s", p.After)
			}
		})
	}
}

func TestLoginsGoToNoAddressThatIsNeverCalled(t *testing.T) {
	for _, realm := range []string{
		"http://169.254.169.254/token", "https://[::ffff:169.254.169.254]/token", "https://metadata.google.internal/token", "https://0xa9fea9fe/token",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+realm+`",service="a"`)
			w.WriteHeader(http.StatusUnauthorized)
		}))
		repository, err := registry.Open(registry.Remote{
			Repository: strings.TrimPrefix(server.URL, "http://") + "/shop", Username: "u", Password: "s3cret-password", PlainHTTP: true,
		}, registry.Options{Egress: provider.Egress{AllowLoopback: true}, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		_, err = repository.Digest(t.Context(), "1.2", "")
		repository.Close()
		server.Close()
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonEgressDenied || p.Action != problem.UserMustAct ||
			!strings.Contains(p.Message, "never called") {
			t.Errorf("%s: %v", realm, err)
		}
	}
}

// A registry of one tenant must not take the memory of the manager.
func TestManifestsOfManyEntriesTakeLittleMemory(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat("{},", 1<<20), ",")
	for name, c := range map[string]struct{ mediaType, content, platform, reason string }{
		"layers": {mediaType: ociregistry.Manifest, content: `{"layers":[` + many + `]}`},
		"images": {mediaType: ociregistry.Index, content: `{"manifests":[` + many + `]}`},
		"images to choose": {
			mediaType: ociregistry.Index, content: `{"manifests":[` + many + `]}`, platform: "linux/amd64",
			reason: v1alpha1.ReasonInvalidResponse,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := ociregistry.New(t, ociregistry.Bearer)
			want := s.Push("shop/web", "1.2", c.mediaType, c.content)
			r := open(t, s)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, err := r.Digest(t.Context(), "1.2", c.platform)
			runtime.ReadMemStats(&after)
			if p := problem.As(err); c.reason == "" && (err != nil || got != want) || c.reason != "" && (p == nil || p.Reason != c.reason) {
				t.Errorf("%s, %v", got, err)
			}
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 48<<20 {
				t.Errorf("%d KiB allocate %d MiB", len(c.content)>>10, allocated>>20)
			}
		})
	}
}

func TestARegistryWithTLSIsNeverCalledWithoutIt(t *testing.T) {
	plain := ociregistry.NewPlain(t, ociregistry.Basic)
	plain.PushImage("shop/web", "1.2", "first")
	got, err := open(t, plain, func(r *registry.Remote) { r.PlainHTTP = false }).Digest(t.Context(), "1.2", "")
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonTLSFailed || len(plain.Requests()) > 0 {
		t.Errorf("%s, %v, requests %v", got, err, plain.Requests())
	}
	secure := ociregistry.New(t, ociregistry.Bearer)
	secure.PushImage("shop/web", "1.2", "first")
	secure.Before(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+plain.Host+`/token",service="fake"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	if got, err := open(t, secure).Digest(t.Context(), "1.2", ""); err == nil || len(plain.Requests()) > 0 {
		t.Errorf("the credentials go to a token service without TLS: %s, %v, requests %v", got, err, plain.Requests())
	}
}

func TestForbiddenAddressesAreNotCalled(t *testing.T) {
	s := ociregistry.New(t, ociregistry.Anonymous)
	r, err := registry.Open(registry.Remote{Repository: s.Host + "/shop/web", CA: s.CA}, registry.Options{})
	if err == nil {
		_, err = r.Digest(t.Context(), "1.2", "")
	}
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonEgressDenied || len(s.Requests()) > 0 {
		t.Errorf("%v, requests %v", err, s.Requests())
	}
}
