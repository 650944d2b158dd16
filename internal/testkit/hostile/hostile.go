// Package hostile has servers that misbehave, each in one way, with the reason that a backend must return. Every backend of every
// contract runs against all of them.
package hostile

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// Deadline of a call under test, long enough for a busy machine. The backend under test gets Timeout.
const Deadline = 10 * time.Second

// Timeout and MaxBytes of the backend under test.
const (
	Timeout  = time.Second
	MaxBytes = 1 << 20
)

// Password of every call. No error may contain it.
const Password = "correct-horse-battery"

// Misbehaviour of a server.
type Misbehaviour struct {
	Name string
	// Handler answers every request.
	Handler http.HandlerFunc
	// TLS serves with a certificate that is not trusted.
	TLS bool
	// Reasons that are correct. The first is the best.
	Reasons []string
}

// Misbehaviours of the servers.
func Misbehaviours() []Misbehaviour {
	status := func(code int, reason string) Misbehaviour {
		handler := func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = fmt.Fprint(w, "<html>"+Password+"</html>")
		}
		return Misbehaviour{Name: fmt.Sprintf("answers %d", code), Reasons: []string{reason}, Handler: handler}
	}
	return []Misbehaviour{
		status(http.StatusUnauthorized, v1alpha1.ReasonUnauthorized),
		status(http.StatusForbidden, v1alpha1.ReasonForbidden),
		status(http.StatusNotFound, v1alpha1.ReasonNotFound),
		status(http.StatusTooManyRequests, v1alpha1.ReasonRateLimited),
		status(http.StatusInternalServerError, v1alpha1.ReasonServerError),
		status(http.StatusBadGateway, v1alpha1.ReasonServerError),
		status(http.StatusServiceUnavailable, v1alpha1.ReasonServerError),
		{
			Name: "answers an error without an end", Reasons: []string{v1alpha1.ReasonServerError},
			Handler: func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
				endless(w, r)
			},
		},
		{
			Name: "answers HTML", Reasons: []string{v1alpha1.ReasonInvalidResponse},
			Handler: text("text/html", "<!doctype html><title>Sign in</title>"),
		},
		{Name: "answers nothing", Reasons: []string{v1alpha1.ReasonInvalidResponse}, Handler: text("application/json", "")},
		{
			Name: "answers broken JSON", Reasons: []string{v1alpha1.ReasonInvalidResponse, v1alpha1.ReasonUnreachable},
			Handler: text("application/json", `{"status":"success","data":{"result":[{"hits":`),
		},
		{
			Name: "answers JSON of another shape", Reasons: []string{v1alpha1.ReasonInvalidResponse},
			Handler: text("application/json", `["a", 1, null]`),
		},
		{Name: "answers more than is read", Reasons: []string{v1alpha1.ReasonResponseTooLarge}, Handler: endless},
		{
			Name: "answers a small gzip that is large", Reasons: []string{v1alpha1.ReasonResponseTooLarge, v1alpha1.ReasonInvalidResponse},
			Handler: bomb,
		},
		{Name: "never answers", Reasons: []string{v1alpha1.ReasonTimeout}, Handler: silent},
		{Name: "drips bytes", Reasons: []string{v1alpha1.ReasonTimeout}, Handler: drip},
		{Name: "breaks off", Reasons: []string{v1alpha1.ReasonUnreachable, v1alpha1.ReasonInvalidResponse}, Handler: breakOff},
		{Name: "redirects to another host", Reasons: []string{v1alpha1.ReasonRedirected}, Handler: redirect("http://example.com/")},
		{
			Name: "redirects to cloud metadata", Reasons: []string{v1alpha1.ReasonRedirected},
			Handler: redirect("http://169.254.169.254/latest/meta-data/"),
		},
		{Name: "redirects in a circle", Reasons: []string{v1alpha1.ReasonRedirected}, Handler: redirect("/again")},
		{
			Name: "has a certificate that is not trusted", TLS: true, Reasons: []string{v1alpha1.ReasonTLSFailed},
			Handler: text("application/json", "{}"),
		},
	}
}

// Run calls each misbehaving server and checks the error: the reason, the deadline, and that no message contains the password. The
// call creates a backend for the endpoint, with Timeout, MaxBytes and loopback allowed, and uses it. Except lists misbehaviours that
// the call cannot detect, because a correct response looks the same.
func Run(t *testing.T, call func(ctx context.Context, endpoint provider.Endpoint) error, except ...string) {
	for _, m := range Misbehaviours() {
		if slices.Contains(except, m.Name) {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(m.Handler)
			if m.TLS {
				server.StartTLS()
			} else {
				server.Start()
			}
			t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
			check(t, m.Reasons, call, provider.Endpoint{URL: server.URL, Auth: provider.Auth{Username: "kubeops", Password: Password}})
		})
	}
	t.Run("has plain HTTP where TLS is expected", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(text("application/json", "{}"))
		t.Cleanup(server.Close)
		check(t, []string{v1alpha1.ReasonTLSFailed}, call, provider.Endpoint{URL: strings.Replace(server.URL, "http:", "https:", 1)})
	})
	t.Run("is not there", func(t *testing.T) {
		t.Parallel()
		check(t, []string{v1alpha1.ReasonUnreachable}, call, provider.Endpoint{URL: "http://" + servers.FreeAddress(t)})
	})
	t.Run("is at a name that does not exist", func(t *testing.T) {
		t.Parallel()
		check(
			t, []string{v1alpha1.ReasonNameNotResolved, v1alpha1.ReasonTimeout}, call,
			provider.Endpoint{URL: "http://no-such-host.invalid:9090"},
		)
	})
	for _, address := range []string{
		"http://169.254.169.254", "http://[fe80::1]:80", "http://0.0.0.0:80", "http://100.100.100.200", "http://[::ffff:169.254.169.254]",
	} {
		t.Run("is at "+address, func(t *testing.T) {
			t.Parallel()
			check(t, []string{v1alpha1.ReasonEgressDenied}, call, provider.Endpoint{URL: address})
		})
	}
}

func check(t *testing.T, reasons []string, call func(context.Context, provider.Endpoint) error, endpoint provider.Endpoint) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	err := call(ctx, endpoint)
	if ctx.Err() != nil {
		t.Fatalf("the call was not over within %s", Deadline)
	}
	p := problem.As(err)
	if p == nil {
		t.Fatalf("got %v, want a problem with reason %v", err, reasons)
	}
	right := false
	for _, reason := range reasons {
		right = right || p.Reason == reason
	}
	if !right {
		t.Errorf("got reason %s, want one of %v: %v", p.Reason, reasons, err)
	}
	if strings.Contains(err.Error(), Password) || strings.Contains(err.Error(), "Sign in") {
		t.Errorf("the error quotes the password or the answer: %v", err)
	}
}

func text(contentType, content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = fmt.Fprint(w, content)
	}
}

func redirect(target string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) }
}

// endless JSON, valid up to the present position.
func endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprint(w, `{"status":"`)
	chunk := strings.Repeat("x", 64<<10)
	for sent := 0; sent < 5<<30 && r.Context().Err() == nil; sent += len(chunk) {
		if _, err := fmt.Fprint(w, chunk); err != nil {
			return
		}
	}
}

// bomb decompresses to 256 MiB.
func bomb(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	_, _ = packed.Write([]byte(`{"status":"`))
	chunk := []byte(strings.Repeat("x", 1<<20))
	for range 256 {
		if _, err := packed.Write(chunk); err != nil || r.Context().Err() != nil {
			return
		}
		// Flush, or a slow machine causes a timeout instead.
		_ = packed.Flush()
		_ = http.NewResponseController(w).Flush()
	}
	_ = packed.Close()
}

// silent waits until the client disconnects, which the server notices only after reading the request's body.
func silent(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func drip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		if _, err := fmt.Fprint(w, " "); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-ticker.C:
		}
	}
}

func breakOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = fmt.Fprint(w, `{"status":`)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
