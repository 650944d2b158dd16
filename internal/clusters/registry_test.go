package clusters

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

const quick = 2 * time.Second

// probe once, and record the result as the controller does.
func probe(t *testing.T, r *Registry, key types.NamespacedName, access Access, timeout time.Duration) error {
	t.Helper()
	c, err := r.Open(key, access)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Probe(t.Context(), timeout)
	if err == nil {
		r.Succeeded(key)
		return nil
	}
	p := problem.As(err)
	if p == nil {
		t.Fatalf("%v is no problem", err)
	}
	r.Failed(key, p)
	return err
}

func TestAConnectionIsUsableBetweenItsFirstSuccessAndTheFifthFailure(t *testing.T) {
	server := newFake(t)
	r := newTestRegistry(t)
	key := keyOf("prod")
	var woken []types.NamespacedName
	r.OnChange(func(key types.NamespacedName) { woken = append(woken, key) })
	if _, err := r.Get(key); problem.As(err) == nil || problem.As(err).Reason != v1alpha1.ReasonNotConnected {
		t.Errorf("a cluster that was never opened: %v", err)
	}
	access := server.access(t, "token-1")
	if _, err := r.Open(key, access); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(key); err == nil || r.State(key) != Connecting {
		t.Errorf("before the first probe: %v, %s", err, r.State(key))
	}
	if err := probe(t, r, key, access, quick); err != nil || r.State(key) != Connected {
		t.Fatalf("%v, %s", err, r.State(key))
	}
	server.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	for n := 1; n <= maxFailures; n++ {
		want := Suspect
		if n == maxFailures {
			want = Disconnected
		}
		if err := probe(t, r, key, access, quick); err == nil || r.State(key) != want {
			t.Errorf("after %d failures: %v, %s", n, err, r.State(key))
		}
		if _, err := r.Get(key); (err == nil) != (n < maxFailures) {
			t.Errorf("after %d failures: %v", n, err)
		}
	}
	if _, err := r.Get(key); !strings.Contains(err.Error(), "answers with status 503") {
		t.Errorf("the cause is not in %v", err)
	}
	server.set(nil)
	if err := probe(t, r, key, access, quick); err != nil || r.State(key) != Connected {
		t.Errorf("%v, %s", err, r.State(key))
	}
	r.Drop(key)
	if r.State(key) != "" || r.Count() != 0 || len(woken) != 4 {
		t.Errorf("state %q, %d connections, woken %v", r.State(key), r.Count(), woken)
	}
}

func TestRejectedCredentialsDisconnectAtOnceAndANewTokenReconnects(t *testing.T) {
	server := newFake(t)
	r := newTestRegistry(t)
	key := keyOf("prod")
	server.set(func(w http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Authorization") != "Bearer token-2" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		server.answer(w, request)
	})
	err := probe(t, r, key, server.access(t, "token-1"), quick)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonUnauthorized || Unreachable(err) || r.State(key) != Disconnected {
		t.Errorf("got %v, %s", err, r.State(key))
	}
	if err := probe(t, r, key, server.access(t, "token-2"), quick); err != nil || r.State(key) != Connected {
		t.Errorf("got %v, %s", err, r.State(key))
	}
	if server.dialed.Load() > 2 {
		t.Errorf("a new token made %d TCP connections", server.dialed.Load())
	}
}

func TestAThousandRotationsLeaveNothingBehind(t *testing.T) {
	server := newFake(t)
	r := newTestRegistry(t)
	key := keyOf("prod")
	r.pingAfter = 100 * time.Millisecond // net/http keeps the memory of a closed connection until it would be pinged
	rotate := func(n int) {
		access := server.access(t, fmt.Sprintf("token-%d", n))
		access.TLS.ServerName = []string{"", "example.com"}[n/10%2] // every tenth rotation needs another connection
		if err := probe(t, r, key, access, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		connection, err := r.Get(key)
		if err != nil {
			t.Fatal(err)
		}
		call(t, connection, versionPath)
	}
	for n := range 100 {
		rotate(n)
	}
	settled := func() bool { return server.open.Load() <= 2 }
	await(t, settled)
	goroutines := runtime.NumGoroutine()
	memory := heap()
	for n := 100; n < 1100; n++ {
		rotate(n)
	}
	await(t, settled)
	await(t, func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	var after uint64
	await(t, func() bool {
		after = heap()
		return after < memory+1<<20
	})
	if r.Count() != 1 {
		t.Errorf("%d connections", r.Count())
	}
	if server.seen("token-1099") == 0 || server.dialed.Load() > 2*110+2 {
		t.Errorf("%d requests with the last token, %d TCP connections in all", server.seen("token-1099"), server.dialed.Load())
	}
	t.Logf("1,000 rotations, 100 of them with a new connection: %d TCP connections open of %d made, %d goroutines (%d before), %d KiB (%d before)",
		server.open.Load(), server.dialed.Load(), runtime.NumGoroutine(), goroutines, after>>10, memory>>10)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func await(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatal("the condition does not hold within 30 s")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// call a path with the connection that everyone uses.
func call(t *testing.T, c *Connection, path string) {
	t.Helper()
	httpClient := &http.Client{Transport: c.Config().Transport}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Config().Host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	var ignored map[string]any
	if err := json.NewDecoder(response.Body).Decode(&ignored); err != nil {
		t.Error(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
}

func TestACallThatRunsOutlivesTheReplacementOfItsConnection(t *testing.T) {
	server := newFake(t)
	r := newTestRegistry(t)
	key := keyOf("prod")
	began, proceed := make(chan struct{}), make(chan struct{})
	if err := probe(t, r, key, server.access(t, "token-1"), quick); err != nil {
		t.Fatal(err)
	}
	server.set(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/slow" {
			close(began)
			<-proceed
			request.URL.Path = versionPath
		}
		server.answer(w, request)
	})
	connection, err := r.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		call(t, connection, "/slow")
	}()
	<-began
	other := server.access(t, "token-1")
	other.TLS.ServerName = "example.com"
	if err := probe(t, r, key, other, quick); err != nil {
		t.Fatal(err)
	}
	close(proceed)
	<-done
	await(t, func() bool { return connection.state.closed.Err() != nil })
	if _, err := connection.Probe(t.Context(), quick); err == nil {
		t.Error("a connection that was replaced still sends")
	}
}

func TestAProbeSaysWhyThereIsNoCluster(t *testing.T) {
	const anonymous = `{"kind":"Status","message":"namespaces \"kube-system\" is forbidden: User \"system:anonymous\" cannot get"}`
	for name, tc := range map[string]struct {
		handler func(*fake, http.ResponseWriter, *http.Request)
		reason  string
		// unreachable: no API server answered.
		unreachable bool
		// limit that the message names.
		limit string
	}{
		"a page of a proxy": {func(_ *fake, w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>login</html>") }, v1alpha1.ReasonInvalidResponse, true, ""},
		"JSON of another":   {func(_ *fake, w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{"hello":1}`) }, v1alpha1.ReasonInvalidResponse, true, ""},
		"not found":         {func(_ *fake, w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }, v1alpha1.ReasonInvalidResponse, true, ""},
		"broken":            {func(_ *fake, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, v1alpha1.ReasonServerError, true, ""},
		"overloaded":        {func(_ *fake, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, v1alpha1.ReasonRateLimited, false, ""},
		"rejected":          {func(_ *fake, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, v1alpha1.ReasonUnauthorized, false, ""},
		"a redirect": {func(_ *fake, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://127.0.0.2/", http.StatusFound)
		}, v1alpha1.ReasonRedirected, true, ""},
		"silence":            {func(_ *fake, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, v1alpha1.ReasonTimeout, true, "spec.timeout"},
		"an endless version": {endless, v1alpha1.ReasonResponseTooLarge, true, "1Mi"},
		"an unknown user": {func(f *fake, w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == identityPath {
				w.WriteHeader(http.StatusForbidden)
				_, _ = fmt.Fprint(w, anonymous)
				return
			}
			f.answer(w, r)
		}, v1alpha1.ReasonUnauthorized, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := newFake(t)
			r := newTestRegistry(t)
			server.set(func(w http.ResponseWriter, request *http.Request) { tc.handler(server, w, request) })
			err := probe(t, r, keyOf("prod"), server.access(t, "s3cret-token"), quick)
			p := problem.As(err)
			if p == nil || p.Reason != tc.reason || Unreachable(err) != tc.unreachable {
				t.Fatalf("got %v (unreachable %v), want %s (%v)", err, Unreachable(err), tc.reason, tc.unreachable)
			}
			if host := server.Listener.Addr().String(); !strings.HasPrefix(p.Message, host) || strings.Contains(p.Message, "s3cret") {
				t.Errorf("message %q", p.Message)
			}
			if limit := tc.limit; !strings.Contains(p.Message, limit) {
				t.Errorf("message %q does not name %s", p.Message, limit)
			}
		})
	}
}

// endless JSON, at most 64 MiB of it.
func endless(_ *fake, w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprint(w, `{"gitVersion":"`)
	chunk := []byte(strings.Repeat("v", 64<<10))
	for range 1024 {
		if _, err := w.Write(chunk); err != nil || r.Context().Err() != nil {
			return
		}
	}
}

func TestAnIdentityOfTheCertificateReplacesNoneByUID(t *testing.T) {
	server := newFake(t)
	r := newTestRegistry(t)
	key := keyOf("prod")
	server.set(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == identityPath {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		server.answer(w, request)
	})
	c, err := r.Open(key, server.access(t, "token-1"))
	if err != nil {
		t.Fatal(err)
	}
	weak, err := c.Probe(t.Context(), quick)
	if err != nil || !strings.HasPrefix(weak.Identity, certificateIdentity) || !weak.Forbidden {
		t.Fatalf("got %+v, %v", weak, err)
	}
	for name, tc := range map[string]struct {
		before, now    string
		same, stronger bool
	}{
		"first contact":           {"", kubeSystemUID, true, true},
		"the same":                {kubeSystemUID, kubeSystemUID, true, false},
		"another":                 {kubeSystemUID, "other", false, false},
		"no longer readable":      {kubeSystemUID, weak.Identity, true, false},
		"unknown":                 {kubeSystemUID, "", true, false},
		"readable at last":        {weak.Identity, kubeSystemUID, true, true},
		"the same authority":      {weak.Identity, weak.Identity, true, false},
		"another authority":       {weak.Identity, certificateIdentity + "0", false, false},
		"nothing known as of yet": {"", "", true, true},
	} {
		same := SameCluster(tc.before, tc.now)
		stronger := Stronger(tc.before, tc.now)
		if same != tc.same || stronger != tc.stronger {
			t.Errorf("%s: same %v, stronger %v", name, same, stronger)
		}
	}
}

func TestAServerOfAKubeconfigObeysTheEgressRules(t *testing.T) {
	server := newFake(t)
	strict, err := NewRegistry(Options{})
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := url.Parse("https://169.254.169.254")
	if err != nil {
		t.Fatal(err)
	}
	for _, access := range []Access{server.access(t, "token"), {Server: metadata, Token: "token", TLS: provider.TLS{}}} {
		err := probe(t, strict, keyOf("prod"), access, quick)
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonEgressDenied {
			t.Errorf("%s: got %v", access, err)
		}
	}
	if server.dialed.Load() != 0 {
		t.Error("a loopback address was dialed")
	}
}

func TestAServerThatIsAnotherClusterIsNotConfirmed(t *testing.T) {
	server := newFake(t)
	r := newTestRegistry(t)
	key := keyOf("prod")
	access := server.access(t, "token-1")
	if err := probe(t, r, key, access, quick); err != nil {
		t.Fatal(err)
	}
	c, err := r.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	identity := func(uid string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"metadata": {"name": "kube-system", "uid": %q}}`, uid)
		}
	}
	for _, tc := range []struct {
		name, known string
		answer      http.HandlerFunc
		reason      string
	}{
		{"the same cluster", kubeSystemUID, nil, ""},
		{"another cluster", kubeSystemUID, identity("99999999-2222-3333-4444-555555555555"), v1alpha1.ReasonIdentityChanged},
		{"the namespace can no longer be read", kubeSystemUID,
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, ""},
		{"rejected credentials", kubeSystemUID,
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, v1alpha1.ReasonUnauthorized},
		{"an error of the server", kubeSystemUID,
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, v1alpha1.ReasonServerError},
		{"an identity by certificate, which cannot be compared", certificateIdentity + "abc", identity("99999999"), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c.Identified(tc.known)
			server.set(tc.answer)
			err := c.Confirm(t.Context(), quick)
			if p := problem.As(err); tc.reason == "" && err != nil || tc.reason != "" && (p == nil || p.Reason != tc.reason) {
				t.Errorf("got %v, want reason %q", err, tc.reason)
			}
		})
	}
}
