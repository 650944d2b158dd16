package openid

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// Client signs viewers in. It finds the provider at the first sign-in, so that the dashboard starts without it.
type Client struct {
	config Config

	found  atomic.Pointer[endpoints]
	flight singleflight.Group
}

// endpoints of a provider that was found.
type endpoints struct {
	provider *oidc.Provider
	// end is where sessions of the provider end. Empty without one.
	end string
	// style of authenticating at the token endpoint. It is not found by trying: a code is valid for one attempt.
	style oauth2.AuthStyle
}

// Flow is a sign-in in progress. The browser keeps it, encrypted, until the provider returns.
type Flow struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
}

// New checks a configuration. It makes no request.
func New(config Config) (*Client, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	return &Client{config: config}, nil
}

// BaseURL of the dashboard, without a slash at the end.
func (c *Client) BaseURL() string { return c.config.BaseURL }

// Issuer of the tokens.
func (c *Client) Issuer() string { return c.config.IssuerURL }

// Begin returns the address of the provider's sign-in. A silent one asks for a session that exists, without showing a page.
func (c *Client) Begin(ctx context.Context, silent bool) (address string, flow Flow, err error) {
	found, err := c.discover(ctx)
	if err != nil {
		return "", flow, err
	}
	flow = Flow{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
	options := []oauth2.AuthCodeOption{oidc.Nonce(flow.Nonce), oauth2.S256ChallengeOption(flow.Verifier)}
	if silent {
		options = append(options, oauth2.SetAuthURLParam("prompt", "none"))
	}
	if len(c.config.RequiredACR) > 0 {
		wanted, err := essential(c.config.RequiredACR)
		if err != nil {
			return "", flow, err
		}
		options = append(options, oauth2.SetAuthURLParam("claims", wanted),
			oauth2.SetAuthURLParam("acr_values", strings.Join(c.config.RequiredACR, " ")))
	}
	return c.exchanger(found).AuthCodeURL(flow.State, options...), flow, nil
}

// essential is the parameter claims, which requires one of some authentication contexts.
func essential(values []string) (string, error) {
	type wanted struct {
		Essential bool     `json:"essential"`
		Values    []string `json:"values"`
	}
	content, err := json.Marshal(map[string]map[string]wanted{"id_token": {"acr": {true, values}}})
	return string(content), err
}

// Finish exchanges what the provider returned, and verifies the token. Errors are of type *Error.
func (c *Client) Finish(ctx context.Context, flow Flow, returned url.Values) (Identity, error) {
	if flow.State == "" || subtle.ConstantTimeCompare([]byte(returned.Get("state")), []byte(flow.State)) != 1 {
		return Identity{}, failure(CodeState, "the state is of no sign-in in progress")
	}
	switch reason := returned.Get("error"); {
	case reason == "login_required", reason == "interaction_required", reason == "consent_required":
		return Identity{}, failure(CodeEnded, "the provider has no session")
	case reason != "":
		return Identity{}, failure(CodeDenied, "the provider returned error %.100q", reason)
	}
	// RFC 9207: an answer of another provider is refused before its code is sent anywhere.
	if issuer := returned.Get("iss"); issuer != "" && issuer != c.config.IssuerURL {
		return Identity{}, failure(CodeState, "the answer is of another issuer")
	}
	found, err := c.discover(ctx)
	if err != nil {
		return Identity{}, err
	}
	exchanged, err := c.exchanger(found).Exchange(c.with(ctx), returned.Get("code"), oauth2.VerifierOption(flow.Verifier))
	if err != nil {
		return Identity{}, failure(CodeUnavailable, "exchange the code: %s", describe(err))
	}
	return c.verify(ctx, found, flow, exchanged)
}

func (c *Client) verify(ctx context.Context, found *endpoints, flow Flow, exchanged *oauth2.Token) (Identity, error) {
	raw, ok := exchanged.Extra("id_token").(string)
	if !ok {
		return Identity{}, failure(CodeToken, "the provider returned no ID token")
	}
	verifier := found.provider.Verifier(&oidc.Config{ClientID: c.config.ClientID, Now: c.config.Clock.Now})
	token, err := verifier.Verify(c.with(ctx), raw)
	if err != nil {
		return Identity{}, failure(CodeToken, "verify the ID token: %w", err)
	}
	if flow.Nonce == "" || subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(flow.Nonce)) != 1 {
		return Identity{}, failure(CodeToken, "the nonce is of another sign-in")
	}
	if token.AccessTokenHash != "" {
		if err := token.VerifyAccessToken(exchanged.AccessToken); err != nil {
			return Identity{}, failure(CodeToken, "the ID token belongs to another access token: %w", err)
		}
	}
	return c.identity(token)
}

// describe an error of the token endpoint without the response, which can contain tokens.
func describe(err error) string {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return fmt.Sprintf("the provider returned %.100q (%.100q)", refused.Response.Status, refused.ErrorCode)
	}
	return err.Error()
}

// EndSession is where the session of the provider ends. Empty if it has no such address, or does not answer.
func (c *Client) EndSession(ctx context.Context) string {
	found, err := c.discover(ctx)
	if err != nil || found.end == "" {
		return ""
	}
	address, err := url.Parse(found.end)
	if err != nil || secure("end session endpoint", found.end) != nil {
		return ""
	}
	query := address.Query()
	query.Set("client_id", c.config.ClientID)
	query.Set("post_logout_redirect_uri", c.config.BaseURL+"/")
	address.RawQuery = query.Encode()
	return address.String()
}

// discover the provider once. A failed attempt is repeated at the next sign-in; those who wait for it get its result, and none waits for
// another one after it.
func (c *Client) discover(ctx context.Context) (*endpoints, error) {
	if found := c.found.Load(); found != nil {
		return found, nil
	}
	result := c.flight.DoChan("", func() (any, error) { return c.find(context.WithoutCancel(ctx)) })
	select {
	case <-ctx.Done():
		return nil, failure(CodeUnavailable, "find the provider: %w", ctx.Err())
	case got := <-result:
		found, _ := got.Val.(*endpoints)
		return found, got.Err
	}
}

func (c *Client) find(ctx context.Context) (*endpoints, error) {
	if found := c.found.Load(); found != nil {
		return found, nil
	}
	provider, err := oidc.NewProvider(c.with(ctx), c.config.IssuerURL)
	if err != nil {
		return nil, failure(CodeUnavailable, "find the provider: %w", err)
	}
	var more struct {
		End     string   `json:"end_session_endpoint"`
		Methods []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, failure(CodeUnavailable, "find the provider: %w", err)
	}
	endpoint := provider.Endpoint()
	for what, address := range map[string]string{"authorization endpoint": endpoint.AuthURL, "token endpoint": endpoint.TokenURL} {
		if err := secure(what, address); err != nil {
			return nil, failure(CodeUnavailable, "find the provider: %w", err)
		}
	}
	found := &endpoints{provider, more.End, c.style(more.Methods)}
	c.found.Store(found)
	return found, nil
}

// style of the client: basic authentication is what a provider has that names no methods. A public client sends its ID only.
func (c *Client) style(methods []string) oauth2.AuthStyle {
	if c.config.ClientSecret == "" || len(methods) > 0 && !slices.Contains(methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

func (c *Client) exchanger(found *endpoints) *oauth2.Config {
	endpoint := found.provider.Endpoint()
	endpoint.AuthStyle = found.style
	return &oauth2.Config{
		ClientID: c.config.ClientID, ClientSecret: c.config.ClientSecret, Endpoint: endpoint,
		RedirectURL: c.config.BaseURL + CallbackPath, Scopes: c.config.Scopes,
	}
}

// with makes the libraries use the bounded client.
func (c *Client) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, c.config.client())
}
