package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"kubeops.io/kubeops/internal/dashboard/openid"
)

func testSessions(t *testing.T, key byte, now time.Time) *sessions {
	t.Helper()
	made, err := newSessions([]byte(strings.Repeat(string(key), 32)), clocktesting.NewFakePassiveClock(now))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// sealed is a cookie with any content.
func sealed(s *sessions, content, purpose string) string {
	nonce := make([]byte, s.seal.NonceSize())
	return "1." + base64.RawURLEncoding.EncodeToString(s.seal.Seal(nonce, nonce, []byte(content), []byte(purpose)))
}

func TestOnlyACookieOfThisServerIsASession(t *testing.T) {
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	ours := testSessions(t, 'a', now)
	cookies, err := ours.create(session{User: "ada", Groups: []string{"team-shop"}}, time.Time{})
	if err != nil || len(cookies) != 1 {
		t.Fatal(len(cookies), err)
	}
	cookie := cookies[0]
	flipped := []byte(cookie.Value)
	flipped[len(flipped)/2] ^= 1
	live := fmt.Sprintf(`{"v":1,"u":"ada","e":%q}`, now.Add(time.Hour).Format(time.RFC3339))
	for name, tc := range map[string]struct {
		read  *sessions
		value string
		valid bool
	}{
		"as it was created":   {ours, cookie.Value, true},
		"sealed by hand":      {ours, sealed(ours, live, sessionCookie), true},
		"a moment before end": {testSessions(t, 'a', now.Add(maxSession-time.Second)), cookie.Value, true},
		"expired":             {testSessions(t, 'a', now.Add(maxSession)), cookie.Value, false},
		"of another key":      {testSessions(t, 'b', now), cookie.Value, false},
		"for another purpose": {ours, sealed(ours, live, "__Host-kubeops-state"), false},
		"of another version":  {ours, sealed(ours, strings.Replace(live, `"v":1`, `"v":2`, 1), sessionCookie), false},
		"changed":             {ours, string(flipped), false},
		"shortened":           {ours, cookie.Value[:len(cookie.Value)-4], false},
		"empty":               {ours, "", false},
		"of no part":          {ours, "0" + cookie.Value[1:], false},
		"of too many parts":   {ours, "99" + cookie.Value[1:], false},
		"without its parts":   {ours, "2" + cookie.Value[1:], false},
		"plain JSON":          {ours, base64.RawURLEncoding.EncodeToString([]byte(live)), false},
		"not base64":          {ours, "%%%", false},
		"over the limit":      {ours, strings.Repeat("A", maxCookie+1), false},
	} {
		request := &http.Request{Header: http.Header{"Cookie": {sessionCookie + "=" + tc.value}}}
		found, valid := tc.read.read(request)
		if valid != tc.valid || valid && found.User != "ada" {
			t.Errorf("%s: %v %+v, want %v", name, valid, found, tc.valid)
		}
	}
	if _, valid := ours.read(&http.Request{Header: http.Header{"Cookie": {"kubeops-session=" + cookie.Value}}}); valid {
		t.Error("a cookie of another name is a session")
	}
	if !cookie.Secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("the cookie is %+v", cookie)
	}
}

func TestASessionEndsWithItsToken(t *testing.T) {
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	s := testSessions(t, 'a', now)
	for expires, want := range map[time.Time]time.Duration{
		{}: maxSession, now.Add(time.Hour): time.Hour, now.Add(24 * time.Hour): maxSession,
	} {
		cookies, err := s.create(session{User: "ada"}, expires)
		if err != nil {
			t.Fatal(err)
		}
		if got := time.Duration(cookies[0].MaxAge) * time.Second; got != want {
			t.Errorf("a token until %v gives a session of %v, want %v", expires, got, want)
		}
	}
	if _, err := newSessions([]byte("short"), clocktesting.NewFakePassiveClock(now)); err == nil {
		t.Error("a key of 5 bytes is accepted")
	}
}

func TestManyGroupsAreInSeveralCookies(t *testing.T) {
	s := testSessions(t, 'a', time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC))
	groups := func(number int) (names []string) {
		for i := range number {
			names = append(names, fmt.Sprintf("group-%04d", i))
		}
		return names
	}
	for number, parts := range map[int]int{0: 1, 100: 1, 300: 2, 700: 4} {
		cookies, err := s.create(session{User: "ada", Groups: groups(number)}, time.Time{})
		if err != nil || len(cookies) != parts {
			t.Fatalf("%d groups: %d cookies, want %d: %v", number, len(cookies), parts, err)
		}
		request := &http.Request{Header: http.Header{}}
		for _, cookie := range cookies {
			if len(cookie.Value) > maxCookie {
				t.Errorf("a cookie has %d bytes", len(cookie.Value))
			}
			request.AddCookie(cookie)
		}
		for i := parts; i < maxParts; i++ {
			request.AddCookie(&http.Cookie{Name: partName(i), Value: "of-an-earlier-session"})
		}
		if found, valid := s.read(request); !valid || len(found.Groups) != number {
			t.Errorf("%d groups: %d are read, %v", number, len(found.Groups), valid)
		}
	}
	if _, err := s.create(session{User: "ada", Groups: groups(2000)}, time.Time{}); err == nil || !strings.Contains(err.Error(), "14000 bytes") {
		t.Errorf("a session of 2000 groups: %v", err)
	}
	if len(removed()) != maxParts {
		t.Error("signing out leaves cookies")
	}
}

func TestSigningIn(t *testing.T) {
	w := newWorld(t)
	w.server.signIns = newLimiter(1, 100)
	as := func(token string) string { return fmt.Sprintf(`{"token":%q}`, token) }
	json := func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }
	for name, tc := range map[string]struct {
		body   string
		change func(*http.Request)
		status int
	}{
		"a valid token":                {as(" ada-token "), json, http.StatusNoContent},
		"a forged token":               {as("ada-tokem"), json, http.StatusUnauthorized},
		"a token of system:masters":    {as("root-token"), json, http.StatusUnauthorized},
		"a request of another site":    {as("ada-token"), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		"a request of another origin":  {as("ada-token"), func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
		"no token":                     {as(""), json, http.StatusBadRequest},
		"no JSON":                      {"token=ada-token", nil, http.StatusBadRequest},
		"a token over 16 KiB":          {as(strings.Repeat("x", maxToken+1)), json, http.StatusBadRequest},
		"a body over the limit":        {as(strings.Repeat("x", 1<<20)), json, http.StatusBadRequest},
		"a token that is a path":       {as("../../ada-token"), json, http.StatusUnauthorized},
		"a token with another's token": {as("ada-token,sam-token"), json, http.StatusUnauthorized},
	} {
		got := w.request(t, http.MethodPost, pathSignIn, tc.body, tc.change)
		if got.status != tc.status || (got.header.Get("Set-Cookie") != "") != (tc.status == http.StatusNoContent) {
			t.Errorf("%s: status %d, want %d, cookie %q: %s", name, got.status, tc.status, got.header.Get("Set-Cookie"), got.body)
		}
	}
	signedIn := w.request(t, http.MethodPost, pathSignIn, as("ada-token"), json)
	cookie, _, _ := strings.Cut(signedIn.header.Get("Set-Cookie"), ";")
	if strings.Contains(cookie, "ada") {
		t.Errorf("the cookie shows its content: %s", cookie)
	}
	user := func(name, cookie, token string) {
		t.Helper()
		got := w.request(t, http.MethodGet, "/api/v1/you", "", func(r *http.Request) {
			r.Header.Set("Cookie", cookie)
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
		})
		if name == "" {
			if got.status != http.StatusUnauthorized {
				t.Errorf("cookie %.40q, token %q: status %d", cookie, token, got.status)
			}
			return
		}
		if found := userOf(t, got); found != name {
			t.Errorf("token %q: user %q, want %q", token, found, name)
		}
	}
	user("ada", cookie, "")
	user("sam", cookie, "sam-token") // the token decides
	user("", cookie, "forged-token")
	user("", cookie[:len(cookie)-2], "")
	user("", "", "")
	signedOut := w.request(t, http.MethodPost, pathSignOut, "", json)
	if header := signedOut.header.Get("Set-Cookie"); !strings.HasPrefix(header, sessionCookie+"=;") || !strings.Contains(header, "Max-Age=0") {
		t.Errorf("signing out: %d %q", signedOut.status, header)
	}
}

// userOf an answer of getYou.
func userOf(t *testing.T, got reply) string {
	t.Helper()
	var you You
	if err := json.Unmarshal([]byte(got.body), &you); err != nil {
		t.Fatalf("%v: %s", err, got.body)
	}
	return you.User
}

func TestExpiryOfATokenIsReadFromItsClaims(t *testing.T) {
	token := func(claims string) string { return "h." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".s" }
	for name, tc := range map[string]struct {
		token string
		want  time.Time
	}{
		"a JSON Web Token": {token(`{"exp":1790000000}`), time.Unix(1790000000, 0)},
		"without expiry":   {token(`{"sub":"ada"}`), time.Time{}},
		"a negative one":   {token(`{"exp":-1}`), time.Time{}},
		"a huge one":       {token(`{"exp":1e300}`), time.Time{}},
		"a text":           {token(`{"exp":"soon"}`), time.Time{}},
		"not JSON":         {token(`exp`), time.Time{}},
		"not base64":       {"h.%%.s", time.Time{}},
		"another token":    {"ada-token", time.Time{}},
	} {
		if got := expiry(tc.token); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

func TestASessionEndsWithTheTrustInItsProvider(t *testing.T) {
	kept := testSessions(t, 'k', time.Now())
	cookies, err := kept.create(session{User: "ada", Issuer: "https://login.example.com", ACR: "1", AMR: []string{"pwd"}}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	trusted := openid.Config{IssuerURL: "https://login.example.com", ClientID: "x", BaseURL: "https://kubeops.example.com"}
	another := trusted
	another.IssuerURL = "https://other.example.com"
	factor := trusted
	factor.RequiredAMR = []string{"otp"}
	context := trusted
	context.RequiredACR = []string{"2"}
	for name, tc := range map[string]struct {
		config *openid.Config
		valid  bool
	}{
		"the same": {&trusted, true}, "another provider": {&another, false}, "none": {nil, false},
		"a second factor since": {&factor, false}, "another context since": {&context, false},
	} {
		s := &Server{sessions: kept}
		if tc.config != nil {
			if s.openID, err = openid.New(*tc.config); err != nil {
				t.Fatal(err)
			}
		}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/you", nil)
		for _, cookie := range cookies {
			request.AddCookie(cookie)
		}
		if _, err := s.identify(request); (err == nil) != tc.valid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
