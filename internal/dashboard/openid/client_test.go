package openid_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"kubeops.io/kubeops/internal/dashboard/openid"
	"kubeops.io/kubeops/internal/testkit/loginserver"
)

const base = "https://kubeops.example.com"

func start(t testing.TB, change func(*openid.Config)) (*loginserver.Provider, *openid.Client) {
	t.Helper()
	provider := loginserver.Start(t, base+openid.CallbackPath)
	config := openid.Config{
		IssuerURL: provider.URL, ClientID: loginserver.ClientID, ClientSecret: loginserver.ClientSecret, BaseURL: base + "/",
		UsernameClaim: "preferred_username", UsernamePrefix: "sso:", GroupsClaim: "groups", GroupsPrefix: "sso:",
	}
	if change != nil {
		change(&config)
	}
	client, err := openid.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return provider, client
}

// signIn as a browser does: it follows the redirect to the provider, and returns what comes back.
func signIn(t testing.TB, client *openid.Client, silent bool) (openid.Flow, url.Values) {
	t.Helper()
	address, flow, err := client.Begin(t.Context(), silent)
	if err != nil {
		t.Fatal(err)
	}
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := browser.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	back, err := response.Location()
	if err != nil {
		t.Fatal(err)
	}
	return flow, back.Query()
}

func codeOf(err error) openid.Code {
	var failure *openid.Error
	if errors.As(err, &failure) {
		return failure.Code
	}
	return ""
}

func TestAUserHasTheNameAndTheGroupsThatTheAPIServerGives(t *testing.T) {
	for name, tc := range map[string]struct {
		config func(*openid.Config)
		claims func(map[string]any)
		user   string
		groups string
		code   openid.Code
	}{
		"prefixes":          {nil, nil, "sso:ada", "sso:team-shop", ""},
		"no prefixes":       {func(c *openid.Config) { c.UsernamePrefix, c.GroupsPrefix = "-", "" }, nil, "ada", "team-shop", ""},
		"an e-mail address": {func(c *openid.Config) { c.UsernameClaim, c.UsernamePrefix = "email", "" }, nil, "ada@example.com", "sso:team-shop", ""},
		"one that is not verified": {
			func(c *openid.Config) { c.UsernameClaim = "email" }, func(c map[string]any) { c["email_verified"] = false }, "", "", openid.CodeUser,
		},
		"one that is verified as a text": {
			func(c *openid.Config) { c.UsernameClaim, c.UsernamePrefix = "email", "" }, func(c map[string]any) { c["email_verified"] = "true" },
			"ada@example.com", "sso:team-shop", "",
		},
		"one that is not verified as a text": {
			func(c *openid.Config) { c.UsernameClaim = "email" }, func(c map[string]any) { c["email_verified"] = "false" }, "", "", openid.CodeUser,
		},
		"one that is verified as a number": {
			func(c *openid.Config) { c.UsernameClaim = "email" }, func(c map[string]any) { c["email_verified"] = 1 }, "", "", openid.CodeUser,
		},
		"an e-mail address that does not matter": {nil, func(c map[string]any) { c["email_verified"] = []string{"no"} }, "sso:ada", "sso:team-shop", ""},
		"one group as a text":                    {nil, func(c map[string]any) { c["groups"] = "team-lab" }, "sso:ada", "sso:team-lab", ""},
		"no groups claim":                        {nil, func(c map[string]any) { delete(c, "groups") }, "sso:ada", "", ""},
		"groups elsewhere": {
			nil, func(c map[string]any) {
				delete(c, "groups")
				c["_claim_names"] = map[string]string{"groups": "src1"}
				c["_claim_sources"] = map[string]any{"src1": map[string]string{"endpoint": "https://graph.example.com/groups"}}
			}, "", "", openid.CodeGroups,
		},
		"groups of another type": {nil, func(c map[string]any) { c["groups"] = map[string]int{"a": 1} }, "", "", openid.CodeGroups},
		"an empty group":         {nil, func(c map[string]any) { c["groups"] = []string{""} }, "", "", openid.CodeGroups},
		"a huge group":           {nil, func(c map[string]any) { c["groups"] = strings.Repeat("x", 2000) }, "", "", openid.CodeGroups},
		"no user name":           {nil, func(c map[string]any) { delete(c, "preferred_username") }, "", "", openid.CodeUser},
		"an empty user name":     {nil, func(c map[string]any) { c["preferred_username"] = "" }, "", "", openid.CodeUser},
		"a number as user name":  {nil, func(c map[string]any) { c["preferred_username"] = 7 }, "", "", openid.CodeUser},
	} {
		t.Run(name, func(t *testing.T) {
			provider, client := start(t, tc.config)
			provider.Claims = tc.claims
			flow, back := signIn(t, client, false)
			found, err := client.Finish(t.Context(), flow, back)
			if codeOf(err) != tc.code || (err == nil) != (tc.code == "") || err == nil && (found.User != tc.user || strings.Join(found.Groups, ",") != tc.groups) {
				t.Errorf("%+v %v, want %s %s %q", found, err, tc.user, tc.groups, tc.code)
			}
		})
	}
	provider, client := start(t, func(c *openid.Config) { c.UsernameClaim, c.UsernamePrefix = "", "" })
	flow, back := signIn(t, client, false)
	if found, err := client.Finish(t.Context(), flow, back); err != nil || found.User != provider.URL+"#1f2e" {
		t.Errorf("by default: %+v %v", found, err)
	}
}

func TestATokenThatIsNotForThisSignInIsRefused(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set := func(name string, value any) func(*loginserver.Provider) {
		return func(p *loginserver.Provider) { p.Claims = func(c map[string]any) { c[name] = value } }
	}
	for name, tamper := range map[string]func(*loginserver.Provider){
		"another nonce":             set("nonce", "of-another-sign-in"),
		"no nonce":                  set("nonce", ""),
		"another audience":          set("aud", "another-client"),
		"no audience":               set("aud", []string{}),
		"two audiences":             set("aud", []string{loginserver.ClientID, "another-client"}),
		"issued to another client":  set("azp", "another-client"),
		"another issuer":            set("iss", "https://evil.example"),
		"expired":                   set("exp", time.Now().Add(-time.Second).Unix()),
		"not valid yet":             set("nbf", time.Now().Add(time.Hour).Unix()),
		"of another access token":   set("at_hash", base64.RawURLEncoding.EncodeToString(make([]byte, 16))),
		"with another access token": func(p *loginserver.Provider) { p.Answer = func(a map[string]any) { a["access_token"] = "access-2" } },
		"no ID token":               func(p *loginserver.Provider) { p.Answer = func(a map[string]any) { delete(a, "id_token") } },
		"the access token as ID token": func(p *loginserver.Provider) {
			p.Answer = func(a map[string]any) { a["id_token"] = a["access_token"] }
		},
		"signed by another key": func(p *loginserver.Provider) {
			p.Sign = func(c map[string]any) string { return p.Signed(jose.RS256, other, c) }
		},
		"signed with the client secret": func(p *loginserver.Provider) {
			p.Sign = func(c map[string]any) string {
				return p.Signed(jose.HS256, []byte(loginserver.ClientSecret+loginserver.ClientSecret), c)
			}
		},
		"alg none": func(p *loginserver.Provider) {
			p.Sign = func(c map[string]any) string { return unsigned(t, c) }
			p.Metadata = func(m map[string]any) {
				m["id_token_signing_alg_values_supported"] = []string{"none", "HS256", "RS256"}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			provider, client := start(t, nil)
			tamper(provider)
			flow, back := signIn(t, client, false)
			if found, err := client.Finish(t.Context(), flow, back); codeOf(err) != openid.CodeToken {
				t.Errorf("%+v %v, want code %s", found, err, openid.CodeToken)
			} else if strings.Contains(err.Error(), "eyJ") {
				t.Errorf("the error contains a token: %v", err)
			}
		})
	}
}

func unsigned(t *testing.T, claims map[string]any) string {
	t.Helper()
	content, err := json.Marshal(claims)
	if err != nil {
		t.Error(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(content) + "."
}

func TestAnAnswerThatIsNotOfThisSignInIsRefused(t *testing.T) {
	_, client := start(t, nil)
	first, firstBack := signIn(t, client, false)
	second, secondBack := signIn(t, client, false)
	with := func(values url.Values, name, value string) url.Values {
		changed := url.Values{}
		for key, all := range values {
			changed[key] = slices.Clone(all)
		}
		changed.Set(name, value)
		return changed
	}
	for name, tc := range map[string]struct {
		flow openid.Flow
		back url.Values
		code openid.Code
	}{
		"the state of another sign-in":  {first, secondBack, openid.CodeState},
		"no state":                      {first, with(firstBack, "state", ""), openid.CodeState},
		"no sign-in in progress":        {openid.Flow{}, url.Values{"code": {"x"}}, openid.CodeState},
		"of another issuer":             {first, with(firstBack, "iss", "https://evil.example"), openid.CodeState},
		"the code of another sign-in":   {first, with(secondBack, "state", first.State), openid.CodeUnavailable},
		"a forged code":                 {second, with(secondBack, "code", "forged"), openid.CodeUnavailable},
		"without a code":                {second, with(secondBack, "code", ""), openid.CodeUnavailable},
		"an error of the provider":      {second, with(secondBack, "error", "access_denied"), openid.CodeDenied},
		"no session at the provider":    {second, with(secondBack, "error", "login_required"), openid.CodeEnded},
		"an error with another's state": {first, with(secondBack, "error", "access_denied"), openid.CodeState},
	} {
		if found, err := client.Finish(t.Context(), tc.flow, tc.back); codeOf(err) != tc.code {
			t.Errorf("%s: %+v %v, want %s", name, found, err, tc.code)
		}
	}
	if _, err := client.Finish(t.Context(), first, firstBack); err != nil {
		t.Errorf("the sign-in itself: %v", err)
	}
	if _, err := client.Finish(t.Context(), first, firstBack); codeOf(err) != openid.CodeUnavailable {
		t.Errorf("the same code again: %v", err)
	}
}

func TestASecondFactorCanBeRequired(t *testing.T) {
	for name, tc := range map[string]struct {
		acr, amr []string
		claims   map[string]any
		code     openid.Code
	}{
		"not required":           {nil, nil, nil, ""},
		"acr as required":        {[]string{"mfa"}, nil, map[string]any{"acr": "mfa"}, ""},
		"one of several acr":     {[]string{"mfa", "hw"}, nil, map[string]any{"acr": "hw"}, ""},
		"acr of a password":      {[]string{"mfa"}, nil, nil, openid.CodeFactor},
		"no acr":                 {[]string{"mfa"}, nil, map[string]any{"acr": ""}, openid.CodeFactor},
		"amr as required":        {nil, []string{"otp", "hwk"}, map[string]any{"amr": []string{"pwd", "otp"}}, ""},
		"amr of a password":      {nil, []string{"otp"}, nil, openid.CodeFactor},
		"amr as one text":        {nil, []string{"otp"}, map[string]any{"amr": "otp"}, ""},
		"acr right, amr missing": {[]string{"mfa"}, []string{"otp"}, map[string]any{"acr": "mfa", "amr": nil}, openid.CodeFactor},
	} {
		t.Run(name, func(t *testing.T) {
			provider, client := start(t, func(c *openid.Config) { c.RequiredACR, c.RequiredAMR = tc.acr, tc.amr })
			provider.Claims = func(c map[string]any) {
				for claim, value := range tc.claims {
					c[claim] = value
				}
			}
			flow, back := signIn(t, client, false)
			if _, err := client.Finish(t.Context(), flow, back); codeOf(err) != tc.code {
				t.Errorf("%v, want %q", err, tc.code)
			}
			wanted := provider.LastRequest()
			if asks := strings.Contains(wanted.Get("claims"), `"essential":true`); asks != (tc.acr != nil) || wanted.Get("acr_values") != strings.Join(tc.acr, " ") {
				t.Errorf("the request is %v", wanted)
			}
		})
	}
}

func TestASilentSignInAsksForNoInput(t *testing.T) {
	provider, client := start(t, nil)
	provider.AuthorizationError = "login_required"
	flow, back := signIn(t, client, true)
	if provider.LastRequest().Get("prompt") != "none" {
		t.Errorf("the request is %v", provider.LastRequest())
	}
	if _, err := client.Finish(t.Context(), flow, back); codeOf(err) != openid.CodeEnded {
		t.Error(err)
	}
}

func TestAProviderThatIsNotTheConfiguredOne(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another issuer":           func(m map[string]any) { m["issuer"] = "https://evil.example" },
		"a token endpoint on http": func(m map[string]any) { m["token_endpoint"] = "http://evil.example/token" },
		"a page on http":           func(m map[string]any) { m["authorization_endpoint"] = "http://evil.example/" },
		"a script as page":         func(m map[string]any) { m["authorization_endpoint"] = "javascript:alert(1)" },
		"a huge description":       func(m map[string]any) { m["x"] = strings.Repeat("x", 2<<20) },
	} {
		provider, client := start(t, nil)
		provider.Metadata = change
		if _, _, err := client.Begin(t.Context(), false); codeOf(err) != openid.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
		provider.Metadata = nil
		if _, _, err := client.Begin(t.Context(), false); err != nil {
			t.Errorf("%s: it is not tried again: %v", name, err)
		}
	}
}

func TestNoOneWaitsForASignInOfAnother(t *testing.T) {
	provider, client := start(t, nil)
	asked, answer := make(chan struct{}), make(chan struct{})
	provider.Metadata = func(map[string]any) {
		close(asked) // a second request would panic
		<-answer
	}
	ended := make(chan error, 10)
	begin := func(ctx context.Context) {
		_, _, err := client.Begin(ctx, false)
		ended <- err
	}
	gone, leave := context.WithCancel(t.Context())
	go begin(gone)
	<-asked
	leave() // who came first does not wait, and the others do not fail with it
	if err := <-ended; codeOf(err) != openid.CodeUnavailable {
		t.Error(err)
	}
	const others = 5
	for range others {
		go begin(t.Context())
	}
	close(answer)
	for range others {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestSessionsEndAtTheProvider(t *testing.T) {
	provider, client := start(t, nil)
	address, err := url.Parse(client.EndSession(t.Context()))
	if err != nil || !strings.HasPrefix(address.String(), provider.URL+"/logout?") ||
		address.Query().Get("client_id") != loginserver.ClientID || address.Query().Get("post_logout_redirect_uri") != base+"/" {
		t.Errorf("%v %v", address, err)
	}
	for name, end := range map[string]any{"none": nil, "a script": "javascript:alert(1)", "http": "http://evil.example/"} {
		provider, client := start(t, nil)
		provider.Metadata = func(m map[string]any) { m["end_session_endpoint"] = end }
		if got := client.EndSession(t.Context()); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAConfigurationIsChecked(t *testing.T) {
	for name, tc := range map[string]struct {
		change  func(*openid.Config)
		problem string
	}{
		"complete":               {func(*openid.Config) {}, ""},
		"http on loopback":       {func(c *openid.Config) { c.BaseURL = "http://127.0.0.1:8090" }, ""},
		"no client":              {func(c *openid.Config) { c.ClientID = "" }, "client ID"},
		"no issuer":              {func(c *openid.Config) { c.IssuerURL = "" }, "issuer"},
		"an issuer on http":      {func(c *openid.Config) { c.IssuerURL = "http://login.example.com" }, "must be https"},
		"a base URL on http":     {func(c *openid.Config) { c.BaseURL = "http://kubeops.example.com" }, "must be https"},
		"a base URL with a path": {func(c *openid.Config) { c.BaseURL = base + "/kubeops" }, "has a path"},
		"a password in the URL":  {func(c *openid.Config) { c.BaseURL = "https://a:b@kubeops.example.com" }, "no address"},
		"no address":             {func(c *openid.Config) { c.BaseURL = "kubeops.example.com" }, "no address"},
	} {
		config := openid.Config{IssuerURL: "https://login.example.com", ClientID: "x", BaseURL: base}
		tc.change(&config)
		_, err := openid.New(config)
		if (err == nil) != (tc.problem == "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
			t.Errorf("%s: %v, want %q", name, err, tc.problem)
		}
	}
}

// FuzzClaims looks for claims of a signed token that end the process, or give a name that was not checked.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		`{"preferred_username":"ada","groups":["a"],"acr":"mfa","amr":["pwd"]}`, `{"preferred_username":1,"groups":{"a":[]}}`, `{"groups":null,"amr":""}`,
		`{"preferred_username":"ada","groups":[["a"]],"azp":7,"_claim_names":[]}`,
	} {
		f.Add(seed)
	}
	provider, client := start(f, nil)
	f.Fuzz(func(t *testing.T, more string) {
		var extra map[string]any
		if json.Unmarshal([]byte(more), &extra) != nil {
			return
		}
		provider.Claims = func(claims map[string]any) {
			for name, value := range extra {
				claims[name] = value
			}
		}
		flow, back := signIn(t, client, false)
		found, err := client.Finish(t.Context(), flow, back)
		if err == nil && (!strings.HasPrefix(found.User, "sso:") || len(found.User) == len("sso:") || slices.Contains(found.Groups, "sso:")) {
			t.Errorf("%s: %+v", more, found)
		}
		if err != nil && codeOf(err) == "" {
			t.Errorf("%s: an error without a code: %v", more, err)
		}
	})
}
