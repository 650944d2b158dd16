package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"kubeops.io/kubeops/internal/dashboard/openid"
	"kubeops.io/kubeops/internal/testkit/loginserver"
)

// signInServer is a dashboard with a provider, and a browser with cookies.
type signInServer struct {
	t        *testing.T
	provider *loginserver.Provider
	clock    *clocktesting.FakePassiveClock
	url      string
	browser  *http.Client
}

func newSignInServer(t *testing.T) *signInServer {
	t.Helper()
	w := newWorld(t)
	var handler http.Handler
	web := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, r *http.Request) { handler.ServeHTTP(writer, r) }))
	t.Cleanup(web.Close)
	s := &signInServer{t: t, url: web.URL, provider: loginserver.Start(t, web.URL+openid.CallbackPath), clock: clocktesting.NewFakePassiveClock(time.Now())}
	handler = w.start(t, Options{Clock: s.clock, OpenID: &openid.Config{
		IssuerURL: s.provider.URL, ClientID: loginserver.ClientID, ClientSecret: loginserver.ClientSecret, BaseURL: web.URL, Clock: s.clock,
		UsernameClaim: "preferred_username", UsernamePrefix: "-", GroupsClaim: "groups",
	}}).Handler()
	s.browser = s.newBrowser()
	return s
}

// insecureJar keeps cookies with Secure over http on loopback, as browsers do.
type insecureJar struct{ http.CookieJar }

// SetCookies implements http.CookieJar.
func (j insecureJar) SetCookies(at *url.URL, cookies []*http.Cookie) {
	for _, cookie := range cookies {
		cookie.Secure = false
	}
	j.CookieJar.SetCookies(at, cookies)
}

// newBrowser without cookies. It follows redirects within the dashboard and the provider, and not to pages.
func (s *signInServer) newBrowser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &http.Client{Jar: insecureJar{jar}, CheckRedirect: func(next *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(next.URL.Path, "/authorize") || strings.HasPrefix(next.URL.Path, pathSignIn+"/") {
			return nil
		}
		return http.ErrUseLastResponse
	}}
}

func (s *signInServer) get(path string) (status int, location, body string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.send(request)
}

func (s *signInServer) send(request *http.Request) (status int, location, body string) {
	s.t.Helper()
	response, err := s.browser.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var content strings.Builder
	if err := response.Write(&content); err != nil {
		s.t.Fatal(err)
	}
	_, after, _ := strings.Cut(content.String(), "\r\n\r\n")
	return response.StatusCode, response.Header.Get("Location"), after
}

func (s *signInServer) you() (You, int) {
	s.t.Helper()
	status, _, body := s.get("/api/v1/you")
	var found You
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(body[strings.Index(body, "{"):strings.LastIndex(body, "}")+1]), &found); err != nil {
			s.t.Fatal(err, body)
		}
	}
	return found, status
}

func TestSigningInAtAProvider(t *testing.T) {
	s := newSignInServer(t)
	if _, status := s.you(); status != http.StatusUnauthorized {
		t.Errorf("before: %d", status)
	}
	if _, location, _ := s.get(pathSignInOpenID + "?page=" + url.QueryEscape("/bundles?q=cart")); location != s.url+"/bundles?q=cart" {
		t.Errorf("it returns to %s", location)
	}
	found, _ := s.you()
	if found.User != "ada" || strings.Join(found.Groups, ",") != "team-shop" || found.Issuer != s.provider.URL || found.ACR != "pwd" {
		t.Errorf("%+v", found)
	}
	at, _ := url.Parse(s.url)
	for _, cookie := range s.browser.Jar.Cookies(at) {
		if cookie.Name != sessionCookie || strings.Contains(cookie.Value, "access") || strings.Contains(cookie.Value, "eyJ") {
			t.Errorf("cookie %s: %s", cookie.Name, cookie.Value)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+pathSignOut, nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, _, body := s.send(request); status != http.StatusOK || !strings.Contains(body, s.provider.URL+"/logout?") {
		t.Errorf("signing out: %d %s", status, body)
	}
	if _, status := s.you(); status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", status)
	}
}

func TestASessionOfAProviderEndsAfterEightHours(t *testing.T) {
	s := newSignInServer(t)
	s.get(pathSignInOpenID)
	s.clock.SetTime(s.clock.Now().Add(maxSession - time.Minute))
	if _, status := s.you(); status != http.StatusOK {
		t.Errorf("before its end: %d", status)
	}
	s.clock.SetTime(s.clock.Now().Add(time.Minute))
	if _, status := s.you(); status != http.StatusUnauthorized {
		t.Errorf("after its end: %d", status)
	}
}

func TestAFailedSignInShowsItsCode(t *testing.T) {
	claim := func(name string, value any) func(*signInServer) {
		return func(s *signInServer) { s.provider.Claims = func(c map[string]any) { c[name] = value } }
	}
	many := make([]string, 1900)
	for i := range many {
		many[i] = strings.Repeat("g", 40)
	}
	for name, tc := range map[string]struct {
		change func(*signInServer)
		code   string
	}{
		"another nonce":         {claim("nonce", "x"), "token"},
		"a reserved user":       {claim("preferred_username", "system:admin"), "reserved"},
		"a reserved group":      {claim("groups", []string{"system:masters"}), "reserved"},
		"too many groups":       {claim("groups", many), "size"},
		"cancelled":             {func(s *signInServer) { s.provider.AuthorizationError = "access_denied" }, "denied"},
		"a callback of nothing": {nil, "state"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSignInServer(t)
			path := pathSignInOpenID
			if tc.change == nil {
				path = openid.CallbackPath + "?code=x&state=y"
			} else {
				tc.change(s)
			}
			_, location, _ := s.get(path)
			if !strings.HasPrefix(location, s.url+"/?request=") || !strings.HasSuffix(location, "&signin="+tc.code) {
				t.Errorf("it ends at %s, want code %s", location, tc.code)
			}
			if _, status := s.you(); status != http.StatusUnauthorized {
				t.Errorf("there is a session: %d", status)
			}
		})
	}
}

// TestASignInBelongsToOneBrowserAndOneAttempt tries the return of the provider in another browser, late, and a second time.
func TestASignInBelongsToOneBrowserAndOneAttempt(t *testing.T) {
	s := newSignInServer(t)
	stop := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	begin := func() string {
		s.browser.CheckRedirect = stop
		_, authorization, _ := s.get(pathSignInOpenID)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, authorization, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, back, _ := s.send(request)
		return strings.TrimPrefix(back, s.url)
	}
	ends := func(what, back, want string) {
		t.Helper()
		if _, location, _ := s.get(back); !strings.HasSuffix(location, want) {
			t.Errorf("%s: it ends at %s, want %s", what, location, want)
		}
	}
	back := begin()
	attacked := s.browser
	s.browser = s.newBrowser()
	ends("another browser", back, "signin=state")
	s.browser = attacked
	ends("the browser itself", back, s.url+"/")
	ends("a second time", back, "signin=state")
	back = begin()
	s.clock.SetTime(s.clock.Now().Add(maxFlow))
	ends("after ten minutes", back, "signin=state")
}

func TestASignInReturnsOnlyToPagesOfTheDashboard(t *testing.T) {
	for text, want := range map[string]string{
		"/": "/", "/inspections/shop/everything?tab=gaps&finding=f%2F1": "/inspections/shop/everything?tab=gaps&finding=f%2F1",
		"/a%2Fb": "/a%2Fb", "": "/", "https://evil.example/": "/", "//evil.example": "/", "/\\evil.example": "/", "\\\\evil.example": "/",
		"/%2Fevil.example/../": "/%2Fevil.example/../", "javascript:alert(1)": "/", "evil.example": "/", "/api/v1/you": "/", "/signin/callback?code=x": "/",
		"/signout": "/signout", "/\r\nSet-Cookie:x": "/", "http:evil": "/", "/" + strings.Repeat("x", maxPage): "/", "/ok#fragment": "/ok", "///evil.example": "/",
	} {
		if got := pageOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestASignInStartsAtTheBaseURL(t *testing.T) {
	s := newSignInServer(t)
	s.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+pathSignInOpenID+"?page=/you", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example"
	if _, location, _ := s.send(request); location != s.url+pathSignInOpenID+"?base=true&page=%2Fyou" {
		t.Errorf("from another host: %s", location)
	}
	if len(s.provider.LastRequest()) > 0 {
		t.Error("the provider was asked")
	}
	request.URL.RawQuery = "base=true" // behind a proxy that changes the host, which would be a loop
	if _, location, _ := s.send(request); !strings.HasPrefix(location, s.provider.URL+"/authorize?") {
		t.Errorf("at the base URL: %s", location)
	}
}

func TestWithoutAProviderThereIsNoSuchSignIn(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{pathSignInOpenID, openid.CallbackPath + "?code=x&state=y"} {
		if got := w.get(t, "", path); got.status != http.StatusNotFound || got.header.Get("Location") != "" {
			t.Errorf("%s: %d %v", path, got.status, got.header)
		}
	}
	if got := w.get(t, "", pathSignInMethods); got.status != http.StatusOK || strings.TrimSpace(got.body) != `{"provider":""}` {
		t.Errorf("methods: %d %s", got.status, got.body)
	}
}

// FuzzAPageToReturnTo looks for addresses that lead to another site.
func FuzzAPageToReturnTo(f *testing.F) {
	for _, seed := range []string{"/", "//evil.example", "/\\evil.example", "https://evil.example", "/a?b#c", "/%2F%2Fevil.example", "\t//x", "/.//evil.example"} {
		f.Add(seed)
	}
	base, err := url.Parse("https://kubeops.example.com/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := pageOf(text)
		found, err := url.Parse("https://kubeops.example.com" + got)
		if err != nil || found.Host != base.Host || found.Scheme != "https" || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") {
			t.Errorf("%q leads to %q: %v %v", text, got, found, err)
		}
		if strings.ContainsAny(got, "\\\r\n\t") || len(got) > 4*maxPage {
			t.Errorf("%q leads to %q", text, got)
		}
	})
}
