package nats

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Config is spec.nats.
type Config v1alpha1.NATSSubject

var _ notify.Resolver = Config{}

// Backend registers the type.
func Backend() notify.Backend {
	return notify.Backend{Type: Type, Configure: provider.Decode[Config, notify.Settings, notify.Channel]}
}

// Server implements notify.Config. The URL is not one of HTTP.
func (c Config) Server() (url, setting string) { return "", "" }

// Resolve implements notify.Resolver.
func (c Config) Resolve(ctx context.Context, secrets provider.Secrets, settings *notify.Settings) error {
	fields := settings.Endpoint.Fields
	to := &settings.NATS
	*to = notify.NATS{URL: c.URL, Subject: c.Subject, TLS: settings.Endpoint.TLS}
	switch {
	case c.Basic != nil:
		username, password, err := secrets.Basic(ctx, *c.Basic, fields.Setting("basic"))
		to.Username = username
		to.Password = notify.Secret(password)
		return err
	case c.Token != nil:
		token, err := secrets.Text(ctx, *c.Token, fields.Setting("token"))
		to.Token = notify.Secret(token)
		return err
	case c.Credentials != nil:
		content, err := secrets.Bytes(ctx, *c.Credentials, fields.Setting("credentials"))
		to.Credentials = notify.Secret(content)
		return err
	}
	return nil
}

// Open implements notify.Config.
func (c Config) Open(settings notify.Settings) (notify.Channel, error) { return New(settings) }
