package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"

	"kubeops.io/kubeops/internal/dashboard/openid"
)

// openIDLine is what the flags say about the provider of sign-ins. Their names are those of the API server.
type openIDLine struct {
	config                          openid.Config
	scopes, acr, amr, secret, caPEM string
}

func (l *openIDLine) register(flags *flag.FlagSet) {
	c := &l.config
	flags.StringVar(&c.BaseURL, "base-url", "",
		"`address` of the dashboard in browsers, to which the provider returns: https, or http on loopback")
	flags.StringVar(&c.IssuerURL, "oidc-issuer-url", "", "`issuer` of the OpenID Connect provider at which viewers sign in (default: none)")
	flags.StringVar(&c.ClientID, "oidc-client-id", "", "`ID` of the dashboard at the provider")
	flags.StringVar(&l.secret, "oidc-client-secret-file", "", "`file` with the secret of the client (default: a public client)")
	flags.StringVar(&l.caPEM, "oidc-ca-file", "", "PEM `file` with the CA of the provider (default: the CAs of the machine)")
	flags.StringVar(&l.scopes, "oidc-scopes", "profile,email,groups", "`scopes` that are requested beside openid, separated by commas")
	flags.StringVar(&c.UsernameClaim, "oidc-username-claim", "sub", "`claim` with the user name")
	flags.StringVar(&c.UsernamePrefix, "oidc-username-prefix", "",
		"`prefix` of user names; - is none (default: the issuer and #, but none for claim email)")
	flags.StringVar(&c.GroupsClaim, "oidc-groups-claim", "", "`claim` with the groups (default: none)")
	flags.StringVar(&c.GroupsPrefix, "oidc-groups-prefix", "", "`prefix` of groups (default: none)")
	flags.StringVar(&l.acr, "oidc-required-acr", "",
		"`values` of claim acr of which a sign-in must have one, such as that of a second factor, separated by commas")
	flags.StringVar(&l.amr, "oidc-required-amr", "",
		"`values` of claim amr of which a sign-in must have one, for example otp,hwk, separated by commas")
}

// check what the flags state together.
func (l *openIDLine) check(insecureLocal bool) error {
	switch {
	case l.config.IssuerURL == "" && (l.config.ClientID != "" || l.secret != ""):
		return errors.New("--oidc-client-id and --oidc-client-secret-file need --oidc-issuer-url")
	case l.config.IssuerURL != "" && l.config.BaseURL == "":
		return errors.New("--oidc-issuer-url needs --base-url, to which the provider returns")
	case l.config.IssuerURL != "" && insecureLocal:
		return errors.New("--oidc-issuer-url and --insecure-local exclude each other: the latter disables sign-in")
	}
	return nil
}

// load the files. Nil without a provider.
func (l *openIDLine) load() (*openid.Config, error) {
	if l.config.IssuerURL == "" {
		return nil, nil
	}
	config := l.config
	config.Scopes, config.RequiredACR, config.RequiredAMR = list(l.scopes), list(l.acr), list(l.amr)
	if l.secret != "" {
		content, err := os.ReadFile(l.secret)
		if err != nil {
			return nil, fmt.Errorf("read the client secret: %w", err)
		}
		if config.ClientSecret = strings.TrimSpace(string(content)); config.ClientSecret == "" {
			return nil, fmt.Errorf("the client secret %s is empty", l.secret)
		}
	}
	if l.caPEM != "" {
		content, err := os.ReadFile(l.caPEM)
		if err != nil {
			return nil, fmt.Errorf("read the CA of the provider: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("%s contains no PEM certificate", l.caPEM)
		}
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		config.Transport = transport
	}
	return &config, nil
}

// list of texts that are separated by commas. It is not nil.
func list(text string) []string {
	all := []string{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}
