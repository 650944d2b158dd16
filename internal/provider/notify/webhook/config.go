package webhook

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Config is spec.webhook.
type Config v1alpha1.WebhookReceiver

var _ notify.Resolver = Config{}

// Backend registers the type.
func Backend() notify.Backend {
	return notify.Backend{Type: Type, Configure: provider.Decode[Config, notify.Settings, notify.Channel]}
}

// Server implements notify.Config. A URL in a Secret is not known yet.
func (c Config) Server() (url, setting string) {
	if c.URLFrom != nil {
		return "", "urlFrom"
	}
	return c.URL, "url"
}

// Resolve implements notify.Resolver.
func (c Config) Resolve(ctx context.Context, secrets provider.Secrets, settings *notify.Settings) (err error) {
	endpoint := &settings.Endpoint
	endpoint.Fields.Auth = endpoint.Fields.Setting("auth")
	if endpoint.Auth, err = provider.ResolveAuth(ctx, secrets, c.Auth, endpoint.Fields.Auth); err != nil {
		return err
	}
	if c.URLFrom != nil {
		settings.SecretURL = true
		if endpoint.URL, err = secrets.Text(ctx, *c.URLFrom, endpoint.Fields.URL); err != nil {
			return err
		}
	}
	if c.SigningKey == nil {
		return nil
	}
	key, err := secrets.Text(ctx, *c.SigningKey, endpoint.Fields.Setting("signingKey"))
	settings.SigningKey = notify.Secret(key)
	return err
}

// Open implements notify.Config.
func (c Config) Open(settings notify.Settings) (notify.Channel, error) { return New(settings) }
