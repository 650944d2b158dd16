package alertmanager

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Config is spec.alertmanager.
type Config v1alpha1.AlertmanagerReceiver

var (
	_ notify.Resolver    = Config{}
	_ notify.AlertHolder = Config{}
)

// Backend registers the type.
func Backend() notify.Backend {
	return notify.Backend{Type: Type, Configure: provider.Decode[Config, notify.Settings, notify.Channel]}
}

// Server implements notify.Config.
func (c Config) Server() (url, setting string) { return c.URL, "url" }

// HoldsAlerts implements notify.AlertHolder.
func (c Config) HoldsAlerts() bool { return true }

// Resolve implements notify.Resolver.
func (c Config) Resolve(ctx context.Context, secrets provider.Secrets, settings *notify.Settings) (err error) {
	settings.Labels = c.Labels
	endpoint := &settings.Endpoint
	endpoint.Fields.Auth = endpoint.Fields.Setting("auth")
	endpoint.Auth, err = provider.ResolveAuth(ctx, secrets, c.Auth, endpoint.Fields.Auth)
	return err
}

// Open implements notify.Config.
func (c Config) Open(settings notify.Settings) (notify.Channel, error) { return New(settings) }
