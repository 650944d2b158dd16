package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/go-logr/logr"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/dashboard/openid"
)

func TestEveryPathReadsOnly(t *testing.T) {
	w := newWorld(t)
	paths := []string{"/", "/index.html", "/you", "/healthz", pathLive, pathSignInMethods, pathSignInOpenID, openid.CallbackPath, "/api/v1/openapi.json", "/api/v1/none", "/none"}
	for _, path := range operations(t, "shop") {
		paths = append(paths, path)
	}
	for _, path := range append(paths, pathSignIn, pathSignOut) {
		posts := path == pathSignIn || path == pathSignOut
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "QUERY"} {
			if posts && method == "POST" {
				continue
			}
			got := w.request(t, method, path, "{}", func(r *http.Request) { r.Header.Set("Authorization", "Bearer olga-token") })
			if got.status != http.StatusMethodNotAllowed || got.header.Get("Content-Type") != "application/problem+json" || got.header.Get("Allow") == "" {
				t.Errorf("%s %s: %d %v", method, path, got.status, got.header)
			}
		}
		if got := w.request(t, http.MethodOptions, path, "", nil); got.status != http.StatusNoContent || posts == strings.Contains(got.header.Get("Allow"), "GET") {
			t.Errorf("OPTIONS %s: %d %v", path, got.status, got.header)
		}
	}
	for _, path := range []string{pathSignIn, pathSignOut} {
		if got := w.get(t, "olga", path); got.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, got.status)
		}
	}
}

func TestEveryAnswerHasThePolicy(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/clusters", "/none.js", "/healthz", pathSignIn, "/api/v1/you", "/api/v1/none", "/api/v1/overview", pathLive} {
		header := w.get(t, "ada", path).header
		for name, want := range map[string]string{
			"Content-Security-Policy": Policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if strings.HasPrefix(path, "/api/") && path != pathLive && header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s can be cached: %q", path, header.Get("Cache-Control"))
		}
	}
	for _, forbidden := range []string{"unsafe", "*", "http:", "https:"} {
		if strings.Contains(Policy, forbidden) {
			t.Errorf("the policy contains %s", forbidden)
		}
	}
}

func TestWithoutATokenNothingIsShown(t *testing.T) {
	w := newWorld(t)
	for id, path := range operations(t, "shop") {
		for name, value := range map[string]string{"none": "", "forged": "Bearer ada", "basic": "Basic YWRhOng=", "empty": "Bearer ", "long": "Bearer " + strings.Repeat("x", maxToken+1)} {
			got := w.request(t, http.MethodGet, path, "", func(r *http.Request) {
				if value != "" {
					r.Header.Set("Authorization", value)
				}
			})
			if got.status != http.StatusUnauthorized || strings.Contains(got.body, "cart") {
				t.Errorf("%s with token %s: %d %s", id, name, got.status, got.body)
			}
		}
	}
}

func TestPathsAndQueriesOfAnAttacker(t *testing.T) {
	w := newWorld(t)
	for path, status := range map[string]int{
		"/..%2f..%2fgo.mod":                     http.StatusNotFound,
		"/assets/..%2fsources.sha256":           http.StatusNotFound,
		"/sources.sha256":                       http.StatusNotFound,
		"/assets/none.js":                       http.StatusNotFound,
		"/%00.js":                               http.StatusNotFound,
		"/api/v1/namespaces/shop/reports/a%2fb": http.StatusUnprocessableEntity,
		"/api/v1/namespaces/shop/reports/..%2f..%2f..%2fsecrets%2fx":                    http.StatusUnprocessableEntity,
		"/api/v1/explorer/nodes/..%2f..%2fx":                                            http.StatusUnprocessableEntity,
		"/api/v1/namespaces/SHOP/reports/x":                                             http.StatusUnprocessableEntity,
		"/api/v1/namespaces/" + strings.Repeat("a", 64) + "/reports/x":                  http.StatusUnprocessableEntity,
		"/api/v1/namespaces/shop/reports/" + strings.Repeat("a", 254):                   http.StatusUnprocessableEntity,
		"/api/v1/inspections?q=" + strings.Repeat("x", 201):                             http.StatusUnprocessableEntity,
		"/api/v1/inspections?limit=501":                                                 http.StatusUnprocessableEntity,
		"/api/v1/inspections?limit=0":                                                   http.StatusUnprocessableEntity,
		"/api/v1/inspections?offset=-1":                                                 http.StatusUnprocessableEntity,
		"/api/v1/inspections?offset=99999999999999999999":                               http.StatusUnprocessableEntity,
		"/api/v1/inspections?sort=uid":                                                  http.StatusUnprocessableEntity,
		"/api/v1/inspections?namespace=..%2fkube-system":                                http.StatusUnprocessableEntity,
		"/api/v1/inspections?q=%00%ff%22%3Cscript%3E&sort=-name&offset=1000000&limit=1": http.StatusOK,
		"/api/v1/none":        http.StatusNotFound,
		"/api/v1/docs":        http.StatusNotFound,
		"/api/v1/schemas/You": http.StatusUnprocessableEntity, // no resource of Kubernetes
	} {
		got := w.get(t, "olga", path)
		if got.status != status {
			t.Errorf("%s: %d, want %d: %.200s", path, got.status, status, got.body)
		}
		if got.status >= 400 && got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", path, got.header.Get("Content-Type"))
		}
	}
	if got := w.get(t, "", "/inspections/shop/everything"); got.status != http.StatusOK || !strings.Contains(got.body, "<!doctype html>") {
		t.Errorf("a link to a page: %d %.100s", got.status, got.body)
	}
}

func TestASocketOfAnotherSiteIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, origin := range []string{"https://evil.example", "http://localhost.evil.example", "null"} {
		_, response, err := websocket.Dial(t.Context(), w.url+pathLive, &websocket.DialOptions{ //nolint:bodyclose // the library closes it
			Subprotocols: []string{protocol}, HTTPHeader: http.Header{"Authorization": {"Bearer ada-token"}, "Origin": {origin}},
		})
		if err == nil || response == nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("origin %s: %v %v", origin, response, err)
		}
	}
}

func TestInsecureLocalAnswersToThisMachineOnly(t *testing.T) {
	w := newWorld(t)
	server := w.start(t, Options{Config: w.admin, InsecureLocal: true})
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	host := func(name string) reply {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/api/v1/you", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = name
		return do(t, request)
	}
	for _, name := range []string{"evil.example", "evil.example:8090", "localhost.evil.example", "10.0.0.1:8090", "127.0.0.1.evil.example"} {
		if got := host(name); got.status != http.StatusMisdirectedRequest {
			t.Errorf("host %s: %d", name, got.status)
		}
	}
	for _, name := range []string{"localhost", "localhost:8090", "127.0.0.1:8090", "[::1]:8090", "LOCALHOST:80"} {
		var you You
		got := host(name)
		if err := json.Unmarshal([]byte(got.body), &you); err != nil || !you.InsecureLocal || you.Impersonation != "none" || !you.Permissions[0].Everywhere {
			t.Errorf("host %s: %d %s", name, got.status, got.body)
		}
	}
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	w := newWorld(t)
	server := w.start(t, Options{})
	server.requests, server.signIns = newLimiter(1e-6, 3), newLimiter(1e-6, 3)
	web := httptest.NewServer(server.Handler())
	defer web.Close()
	for method, path := range map[string]string{http.MethodGet: "/api/v1/you", http.MethodPost: pathSignIn} {
		for i := range 5 {
			request, err := http.NewRequestWithContext(t.Context(), method, web.URL+path, strings.NewReader(`{"token":"none"}`))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer none")
			got := do(t, request)
			if want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusTooManyRequests}[i < 3]; got.status != want {
				t.Errorf("%s %s, request %d: %d, want %d", method, path, i, got.status, want)
			}
		}
	}
}

func TestAPanicIsAProblemWithTheIDOfTheRequest(t *testing.T) {
	server := &Server{options: Options{Logger: logr.Discard(), Clock: clock.RealClock{}}}
	writer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/api/v1/you", nil)
	server.audited(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") })).ServeHTTP(writer, request)
	id := writer.Header().Get("X-Request-Id")
	if writer.Code != http.StatusInternalServerError || id == "" || !strings.Contains(writer.Body.String(), id) || strings.Contains(writer.Body.String(), "secret") {
		t.Errorf("%d %s %s", writer.Code, id, writer.Body)
	}
}

func TestImpersonationIsChosenByTheVersionAndThePermissions(t *testing.T) {
	for name, tc := range map[string]struct {
		served                 string
		unconstrained, limited bool
		want                   impersonation
		problem                string
	}{
		"constrained":                 {"v1.36.0", false, true, constrained, ""},
		"a later version":             {"v1.40.1-gke.1", false, true, constrained, ""},
		"both":                        {"v1.37.2", true, true, plain, ""},
		"plain on an old version":     {"v1.35.4", true, false, plain, ""},
		"an old version":              {"v1.35.4", false, true, "", "plain-impersonation"},
		"none":                        {"v1.37.2", false, false, "", "apply config/dashboard"},
		"a version that is not known": {"main", false, true, constrained, ""},
	} {
		server := &Server{options: Options{Logger: logr.Discard()}}
		err := server.choose(tc.served, tc.unconstrained, tc.limited)
		if (err != nil) != (tc.problem != "") || err != nil && !strings.Contains(err.Error(), tc.problem) || server.impersonation != tc.want {
			t.Errorf("%s: %q %v", name, server.impersonation, err)
		}
	}
}

// TestTemplatesFollowThePolicy finds what the browser would drop or refuse.
func TestTemplatesFollowThePolicy(t *testing.T) {
	refused := map[string]*regexp.Regexp{
		"a static style": regexp.MustCompile(`[^:]\bstyle="`), "v-html": regexp.MustCompile(`v-html`), "an inline handler": regexp.MustCompile(`\son[a-z]+="`),
		"a style block": regexp.MustCompile(`(?m)^<style`), "innerHTML": regexp.MustCompile(`innerHTML`),
	}
	err := filepath.WalkDir("web/src", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for what, pattern := range refused {
			if pattern.Match(content) {
				t.Errorf("%s has %s", path, what)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
