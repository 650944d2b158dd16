package email

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Config is spec.email.
type Config v1alpha1.EmailReceivers

var _ notify.Resolver = Config{}

// Backend registers the type.
func Backend() notify.Backend {
	return notify.Backend{Type: Type, Configure: provider.Decode[Config, notify.Settings, notify.Channel]}
}

// Server implements notify.Config. A mail server has no URL.
func (c Config) Server() (url, setting string) { return "", "" }

// Resolve implements notify.Resolver. New sets the defaults of port and security.
func (c Config) Resolve(ctx context.Context, secrets provider.Secrets, settings *notify.Settings) error {
	settings.Email = notify.Email{
		Host: c.Host, Port: int(c.Port), Security: string(c.Security), From: c.From, To: c.To, TLS: settings.Endpoint.TLS,
	}
	if c.Auth == nil {
		return nil
	}
	username, password, err := secrets.Basic(ctx, *c.Auth, settings.Endpoint.Fields.Setting("auth"))
	settings.Email.Username = username
	settings.Email.Password = notify.Secret(password)
	return err
}

// Open implements notify.Config.
func (c Config) Open(settings notify.Settings) (notify.Channel, error) { return New(settings) }
