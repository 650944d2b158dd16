// Package loginserver is an OpenID Connect provider for tests. It is strict: a request that a real provider refuses is refused here.
package loginserver

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Client of the provider.
const (
	ClientID     = "kubeops-dashboard"
	ClientSecret = "secret-of-the-client"
)

// Provider signs in everyone at once, without a page.
type Provider struct {
	// URL is the issuer.
	URL string
	// Claims changes the claims of the next ID tokens.
	Claims func(map[string]any)
	// Sign replaces how ID tokens are signed. Default: RS256 with the key of the provider.
	Sign func(claims map[string]any) string
	// Answer changes the answer of the token endpoint.
	Answer func(map[string]any)
	// Metadata changes the description of the provider.
	Metadata func(map[string]any)
	// AuthorizationError is returned in place of a code, for example access_denied.
	AuthorizationError string

	t           testing.TB
	key         *rsa.PrivateKey
	redirectURI string

	mu       sync.Mutex
	codes    map[string]url.Values // requests of authorization by their code
	requests []url.Values          // of authorization
}

// Start a provider, which returns codes only to one address.
func Start(t testing.TB, redirectURI string) *Provider {
	t.Helper()
	const bits = 2048
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	p := &Provider{t: t, key: key, redirectURI: redirectURI, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.describe)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// LastRequest of authorization.
func (p *Provider) LastRequest() url.Values {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) == 0 {
		return url.Values{}
	}
	return p.requests[len(p.requests)-1]
}

func (p *Provider) describe(w http.ResponseWriter, _ *http.Request) {
	about := map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"end_session_endpoint": p.URL + "/logout", "id_token_signing_alg_values_supported": []string{"RS256"},
	}
	if p.Metadata != nil {
		p.Metadata(about)
	}
	p.write(w, about)
}

func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	problem := ""
	switch {
	case query.Get("client_id") != ClientID || query.Get("redirect_uri") != p.redirectURI:
		problem = "another client or redirect_uri"
	case query.Get("response_type") != "code" || !strings.Contains(" "+query.Get("scope")+" ", " openid "):
		problem = "no code flow of OpenID Connect"
	case len(query.Get("state")) < 32 || len(query.Get("nonce")) < 32:
		problem = "a state or nonce that can be guessed"
	case query.Get("code_challenge_method") != "S256" || len(query.Get("code_challenge")) != 43:
		problem = "no PKCE"
	}
	if problem != "" {
		p.t.Errorf("authorization request with %s: %v", problem, query)
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	back := url.Values{"state": {query.Get("state")}}
	if p.AuthorizationError != "" {
		back.Set("error", p.AuthorizationError)
	} else {
		back.Set("code", rand.Text())
	}
	p.mu.Lock()
	p.requests = append(p.requests, query)
	p.codes[back.Get("code")] = query
	p.mu.Unlock()
	http.Redirect(w, r, p.redirectURI+"?"+back.Encode(), http.StatusSeeOther)
}

func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != ClientID || password != ClientSecret {
		w.WriteHeader(http.StatusUnauthorized)
		p.write(w, map[string]string{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	asked := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	if asked == nil || r.FormValue("grant_type") != "authorization_code" || r.FormValue("redirect_uri") != p.redirectURI ||
		challenge != asked.Get("code_challenge") {
		w.WriteHeader(http.StatusBadRequest)
		p.write(w, map[string]string{"error": "invalid_grant"})
		return
	}
	now := time.Now()
	claims := map[string]any{
		"iss": p.URL, "sub": "1f2e", "aud": ClientID, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "nonce": asked.Get("nonce"),
		"preferred_username": "ada", "email": "ada@example.com", "email_verified": true, "groups": []string{"team-shop"}, "acr": "pwd",
		"amr": []string{"pwd"}, "at_hash": hashOf("access-1"),
	}
	if p.Claims != nil {
		p.Claims(claims)
	}
	sign := p.Sign
	if sign == nil {
		sign = func(claims map[string]any) string { return p.Signed(jose.RS256, p.key, claims) }
	}
	answer := map[string]any{"access_token": "access-1", "token_type": "Bearer", "expires_in": 60, "id_token": sign(claims)}
	if p.Answer != nil {
		p.Answer(answer)
	}
	w.Header().Set("Content-Type", "application/json")
	p.write(w, answer)
}

// Signed is a token with a key that need not be the provider's.
func (p *Provider) Signed(algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	content, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	signed, err := signer.Sign(content)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		p.t.Error(err)
	}
	return text
}

// hashOf an access token, as claim at_hash has it.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

func (p *Provider) write(w http.ResponseWriter, body any) {
	if err := json.NewEncoder(w).Encode(body); err != nil {
		p.t.Error(err)
	}
}
