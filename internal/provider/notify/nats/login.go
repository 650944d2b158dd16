package nats

import (
	"encoding/base64"

	"github.com/nats-io/nkeys"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// credentials of a .creds file: a JWT that identifies the user, and the seed of the key pair that proves it. They never print themselves.
type credentials struct {
	jwt  string
	seed []byte
}

// String hides the secrets.
func (c *credentials) String() string { return "[redacted]" }

// GoString hides the secrets from %#v.
func (c *credentials) GoString() string { return c.String() }

func readCredentials(content string) (*credentials, error) {
	const invalid = "the Secret of spec.nats.credentials contains no .creds file with a JWT and the seed of a user; " +
		"create one: nsc generate creds"
	jwt, err := nkeys.ParseDecoratedJWT([]byte(content))
	if err != nil || jwt == "" {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil, invalid)
	}
	pair, err := nkeys.ParseDecoratedUserNKey([]byte(content))
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil, invalid)
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil, invalid)
	}
	return &credentials{jwt: jwt, seed: append([]byte(nil), seed...)}, nil
}

// sign the nonce of the server.
func (c *credentials) sign(nonce string) (string, error) {
	pair, err := nkeys.FromSeed(c.seed)
	if err != nil {
		return "", err
	}
	defer pair.Wipe()
	signature, err := pair.Sign([]byte(nonce))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(signature), nil
}

// connect is the first message of a client: https://docs.nats.io/reference/reference-protocols/nats-protocol.
type connect struct {
	Verbose      bool   `json:"verbose"`
	Pedantic     bool   `json:"pedantic"`
	TLSRequired  bool   `json:"tls_required"`
	Name         string `json:"name"`
	Lang         string `json:"lang"`
	Version      string `json:"version"`
	Protocol     int    `json:"protocol"`
	Headers      bool   `json:"headers"`
	NoResponders bool   `json:"no_responders"`
	User         string `json:"user,omitempty"`
	Password     string `json:"pass,omitempty"`
	Token        string `json:"auth_token,omitempty"`
	JWT          string `json:"jwt,omitempty"`
	Signature    string `json:"sig,omitempty"`
}

// connectOptions for a server with a nonce.
func (c *Channel) connectOptions(nonce string, useTLS bool) (connect, error) {
	options := connect{
		TLSRequired: useTLS, Name: "kubeops", Lang: "go", Version: "1", Protocol: 1, Headers: true, NoResponders: true,
		User: c.settings.Username, Password: string(c.settings.Password), Token: string(c.settings.Token),
	}
	if c.creds == nil {
		return options, nil
	}
	signature, err := c.creds.sign(nonce)
	options.JWT = c.creds.jwt
	options.Signature = signature
	return options, err
}
