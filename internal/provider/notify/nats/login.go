package nats

import (
	"encoding/base64"

	"github.com/nats-io/nkeys"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// credentials of a .creds file: a JWT that says who we are, and a key pair that proves it. It never prints itself.
type credentials struct {
	jwt  string
	seed []byte
}

// String hides it.
func (c *credentials) String() string { return "[redacted]" }

// GoString hides it from %#v.
func (c *credentials) GoString() string { return c.String() }

func readCredentials(content string) (*credentials, error) {
	const wrong = "the Secret that spec.nats.credentials names holds no .creds file with a JWT and the seed of a user; make one with: nsc generate creds"
	jwt, err := nkeys.ParseDecoratedJWT([]byte(content))
	if err != nil || jwt == "" {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil, wrong)
	}
	pair, err := nkeys.ParseDecoratedUserNKey([]byte(content))
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil, wrong)
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil, wrong)
	}
	return &credentials{jwt: jwt, seed: append([]byte(nil), seed...)}, nil
}

// sign what the server asks to be signed.
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

// connect is the first that a client says; https://docs.nats.io/reference/reference-protocols/nats-protocol.
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

// hello of the channel to a server with a nonce.
func (c *Channel) hello(nonce string, secure bool) (connect, error) {
	hello := connect{
		TLSRequired: secure, Name: "kubeops", Lang: "go", Version: "1", Protocol: 1, Headers: true, NoResponders: true,
		User: c.settings.Username, Password: string(c.settings.Password), Token: string(c.settings.Token),
	}
	if c.creds == nil {
		return hello, nil
	}
	signature, err := c.creds.sign(nonce)
	hello.JWT, hello.Signature = c.creds.jwt, signature
	return hello, err
}
