// Package openid signs viewers in at an OpenID Connect provider: authorization code flow with PKCE, state and nonce. It maps claims to a
// user and groups as the API server does, so that both know a person by the same name. It keeps no token.
package openid

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"k8s.io/utils/clock"
)

// CallbackPath is where the provider returns to, below the base URL. Register it there as redirect URI.
const CallbackPath = "/signin/callback"

// noPrefix as a prefix is none, as for --oidc-username-prefix of the API server.
const noPrefix = "-"

// Config of a provider. IssuerURL, ClientID and BaseURL are required.
type Config struct {
	// IssuerURL is the issuer of the tokens, exactly as the provider writes it. Https, or http on a loopback address.
	IssuerURL string
	// ClientID of the dashboard at the provider.
	ClientID string
	// ClientSecret of a confidential client. Default: none, for a public client.
	ClientSecret string
	// BaseURL is the address of the dashboard in browsers. The provider returns only to paths below it.
	BaseURL string
	// Scopes that are requested beside openid. Default: profile, email and groups.
	Scopes []string
	// UsernameClaim has the user name. Default: sub. For email, email_verified must be true if it is there.
	UsernameClaim string
	// UsernamePrefix of user names. Default: the issuer and #, but none for email; "-" is none.
	UsernamePrefix string
	// GroupsClaim has the groups: a text or a list of texts. Default: none, so users have no groups.
	GroupsClaim string
	// GroupsPrefix of groups. Default: none.
	GroupsPrefix string
	// RequiredACR are authentication contexts (claim acr) of which a sign-in must have one. They are requested as essential.
	RequiredACR []string
	// RequiredAMR are authentication methods (claim amr) of which a sign-in must have one, for example otp or hwk.
	RequiredAMR []string
	// Transport of requests to the provider. Default: http.DefaultTransport.
	Transport http.RoundTripper
	// Clock of token checks. Default: the clock of the machine.
	Clock clock.PassiveClock
}

// complete returns the configuration with its defaults, or what is wrong with it.
func (c Config) complete() (Config, error) {
	if c.ClientID == "" {
		return c, errors.New("the client ID is missing")
	}
	if err := secure("issuer", c.IssuerURL); err != nil {
		return c, err
	}
	if err := secure("base URL", c.BaseURL); err != nil {
		return c, err
	}
	if base, _ := url.Parse(c.BaseURL); strings.Trim(base.Path, "/") != "" || base.RawQuery != "" || base.Fragment != "" {
		return c, fmt.Errorf("the base URL %q has a path: the dashboard is served at the root of a host", c.BaseURL)
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	if c.UsernameClaim == "" {
		c.UsernameClaim = "sub"
	}
	if c.UsernamePrefix == "" && c.UsernameClaim != claimEmail {
		c.UsernamePrefix = c.IssuerURL + "#"
	}
	if c.UsernamePrefix == noPrefix {
		c.UsernamePrefix = ""
	}
	if c.Scopes == nil {
		c.Scopes = []string{"profile", "email", "groups"}
	}
	c.Scopes = append([]string{oidc.ScopeOpenID}, c.Scopes...)
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	return c, nil
}

// secure requires https: tokens and codes travel to both addresses.
func secure(what, address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" || parsed.User != nil {
		return fmt.Errorf("the %s %q is no address such as https://kubeops.example.com", what, address)
	}
	if parsed.Scheme == "https" || parsed.Scheme == "http" && isLoopback(parsed.Hostname()) {
		return nil
	}
	return fmt.Errorf("the %s %q must be https", what, address)
}

// requestTimeout of one request to the provider.
const requestTimeout = 10 * time.Second

// client of the provider. It follows no redirect, which could carry the client secret to another host.
func (c Config) client() *http.Client {
	return &http.Client{
		Timeout: requestTimeout, Transport: bounded{c.Transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
