package edge

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"kubeops.io/kubeops/internal/testkit/servers"
)

const hook = "https://" + webhooksHost + "/webhooks/deliveries/deploy/push"

// TestServedByEnvoyGateway serves components edge-gateway-api and edge-envoy-gateway by a real Envoy Gateway and a real Envoy. Requests are
// counted on both sides of Envoy; behind it are servers of the test.
func TestServedByEnvoyGateway(t *testing.T) {
	if !servers.OwnNetwork(t) {
		return
	}
	dashboard := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/live" {
			w.Header().Set("X-Token", r.Header.Get("Authorization"))
			return
		}
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			return // the client sees it
		}
		_ = socket.Write(r.Context(), websocket.MessageText, []byte("beat")) // the client sees if it fails
		_, _, _ = socket.Read(r.Context())                                   // until the client closes it
		_ = socket.CloseNow()
	}
	s := newSite(t, dashboard, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	for _, tc := range []struct {
		name string
		test func(*testing.T)
	}{
		{"plain http is redirected", s.testRedirect},
		{"hosts and headers", s.testHosts},
		{"tokens of the issuer only", s.testTokens},
		{"the live view", s.testLive},
		{"deliveries", s.testDeliveries},
		{"a Pod that cannot be reached", s.testRetry},
		{"the rate limit", s.testRateLimit}, // last: it uses up the deliveries of a minute
	} {
		t.Run(tc.name, tc.test)
	}
}

// arrived is how many requests reached the servers behind the gateway.
func (s *site) arrived() int64 {
	return s.dashboard.arrived.Load() + s.second.arrived.Load() + s.webhooks.arrived.Load()
}

// want a status, and how many requests reach the servers.
func (s *site) want(t *testing.T, status int, reach int64, method, target string, headers ...string) answer {
	t.Helper()
	before := s.arrived()
	got, err := s.ask(t.Context(), method, target, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	if got.status != status {
		t.Errorf("%s %s: status %d, want %d: %.200s", method, target, got.status, status, got.body)
	}
	if arrived := s.arrived() - before; arrived != reach {
		t.Errorf("%s %s: 1 request became %d, want %d", method, target, arrived, reach)
	}
	return got
}

func (s *site) testRedirect(t *testing.T) {
	for _, host := range []string{dashboardHost, webhooksHost} {
		got := s.want(t, http.StatusMovedPermanently, 0, http.MethodGet, "http://"+host+"/some/page")
		if location := got.header.Get("Location"); location != "https://"+host+"/some/page" {
			t.Errorf("%s: redirect to %q", host, location)
		}
	}
}

func (s *site) testHosts(t *testing.T) {
	got := s.want(t, http.StatusOK, 1, http.MethodGet, "https://"+dashboardHost+"/")
	if got.header.Get("Strict-Transport-Security") != "max-age=31536000" {
		t.Errorf("headers %v", got.header)
	}
	before := s.arrived()
	if got, err := s.ask(t.Context(), http.MethodGet, "https://other.example.com/"); err == nil {
		t.Errorf("a host that the component does not name is served: %+v", got)
	}
	if arrived := s.arrived() - before; arrived != 0 {
		t.Errorf("%d requests of another host arrived", arrived)
	}
}

// testTokens: Envoy refuses tokens that are not of the issuer, and passes on those that are: the dashboard reviews them.
func (s *site) testTokens(t *testing.T) {
	const path = "https://" + dashboardHost + "/api/v1/you"
	valid := "Bearer " + token(t, s.key, issuer)
	if got := s.want(t, http.StatusOK, 1, http.MethodGet, path, "Authorization", valid); got.header.Get("X-Token") != valid {
		t.Errorf("the dashboard got the token %q", got.header.Get("X-Token"))
	}
	s.want(t, http.StatusOK, 1, http.MethodGet, path)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"another issuer": token(t, s.key, "https://other.example.com"), "another key": token(t, other, issuer), "no token": "secret",
	} {
		t.Run(name, func(t *testing.T) {
			s.want(t, http.StatusUnauthorized, 0, http.MethodGet, path, "Authorization", "Bearer "+bad)
		})
	}
}

func (s *site) testLive(t *testing.T) {
	before := s.arrived()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	socket, _, err := websocket.Dial(ctx, "wss://"+dashboardHost+"/api/v1/live", &websocket.DialOptions{ //nolint:bodyclose // the library closes it
		HTTPClient: &http.Client{Transport: s.http.Transport},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.CloseNow() }()
	if _, content, err := socket.Read(ctx); err != nil || string(content) != "beat" {
		t.Errorf("message %q: %v", content, err)
	}
	if arrived := s.arrived() - before; arrived != 1 {
		t.Errorf("1 socket became %d requests", arrived)
	}
}

func (s *site) testDeliveries(t *testing.T) {
	s.want(t, http.StatusAccepted, 1, http.MethodPost, hook)
	s.want(t, http.StatusNotFound, 0, http.MethodGet, hook)
	s.want(t, http.StatusNotFound, 0, http.MethodPost, "https://"+webhooksHost+"/metrics")
}

// testRetry: a Pod of the dashboard ends, and its endpoint is still there. No request is lost.
func (s *site) testRetry(t *testing.T) {
	get := func(ctx context.Context) error {
		return s.answers(ctx, http.MethodGet, "https://"+dashboardHost+"/", http.StatusOK)
	}
	eventually(t, "both Pods get requests", func(ctx context.Context) error {
		if err := get(ctx); err != nil || s.second.arrived.Load() > 0 && s.dashboard.arrived.Load() > 0 {
			return err
		}
		return errors.New("all requests reach one Pod")
	})
	if err := s.second.server.Close(); err != nil {
		t.Fatal(err)
	}
	before := s.dashboard.arrived.Load()
	const requests = 40
	for n := range requests {
		if err := get(t.Context()); err != nil {
			t.Errorf("request %d: %v", n, err)
		}
	}
	if arrived := s.dashboard.arrived.Load() - before; arrived != requests {
		t.Errorf("%d requests became %d", requests, arrived)
	}
}

// testRateLimit sends deliveries of one address, faster than they are allowed, until some are refused. Envoy refuses them with 429, and they do
// not reach the receiver.
func (s *site) testRateLimit(t *testing.T) {
	const limit, senders, enough = 600, 4, 50
	before := s.webhooks.arrived.Load()
	started := time.Now()
	var passed, refused, others atomic.Int64
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			for refused.Load() < enough && others.Load() == 0 && time.Since(started) < 3*time.Minute {
				got, err := s.ask(t.Context(), http.MethodPost, hook)
				switch {
				case err == nil && got.status == http.StatusTooManyRequests:
					refused.Add(1)
				case err == nil && got.status == http.StatusAccepted:
					passed.Add(1)
				default:
					others.Add(1)
					t.Errorf("status %d, error %v: %.200s", got.status, err, got.body)
				}
			}
		})
	}
	group.Wait()
	took := time.Since(started)
	t.Logf("in %s %d deliveries passed and %d were refused; %d arrived", took.Round(time.Second), passed.Load(), refused.Load(),
		s.webhooks.arrived.Load()-before)
	if refused.Load() < enough {
		t.Error("the limit refused no delivery")
	}
	// The bucket was full, and is filled evenly.
	if most := limit + int64(limit*took.Minutes()) + senders; passed.Load() > most {
		t.Errorf("%d deliveries passed, want at most %d", passed.Load(), most)
	}
	if arrived := s.webhooks.arrived.Load() - before; arrived != passed.Load() {
		t.Errorf("%d deliveries passed, and %d arrived", passed.Load(), arrived)
	}
}
