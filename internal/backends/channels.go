package backends

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Channel is an open NotificationChannel.
type Channel struct {
	notify.Channel
	Redactor
}

// OpenChannel opens a client of a NotificationChannel. Its errors are problems. Close what it returns.
func (r *Resolver) OpenChannel(ctx context.Context, c *v1alpha1.NotificationChannel) (*Channel, error) {
	spec := &c.Spec
	config, err := configure(r.ChannelTypes, string(spec.Type), spec)
	if err != nil {
		return nil, err
	}
	secrets := r.Secrets.For(c.Namespace, spec.ServiceAccountName)
	settings := notify.Settings{
		Timeout: spec.MessageTimeout(), Egress: r.Egress, Metrics: r.Telemetry, Memory: r.Memory.For(c.Namespace),
	}
	endpoint := &settings.Endpoint
	endpoint.Fields = provider.Fields{TLS: "spec.tls", Timeout: "spec.timeout", Settings: "spec." + string(spec.Type)}
	url, setting := config.Server()
	endpoint.URL = url
	if setting != "" {
		endpoint.Fields.URL = endpoint.Fields.Setting(setting)
	}
	if endpoint.TLS, err = resolveTLS(ctx, secrets, spec.TLS, endpoint.Fields.TLS); err != nil {
		return nil, err
	}
	if resolver, is := config.(notify.Resolver); is {
		if err := resolver.Resolve(ctx, secrets, &settings); err != nil {
			return nil, err
		}
	}
	opened, err := config.Open(settings)
	if err != nil {
		return nil, toProblem(err)
	}
	return &Channel{Channel: opened, Redactor: newRedactor(secrets)}, nil
}

// HoldsAlerts reports whether the receiver of a NotificationChannel is a notify.AlertHolder. Its errors are problems.
func (r *Resolver) HoldsAlerts(c *v1alpha1.NotificationChannel) (bool, error) {
	config, err := configure(r.ChannelTypes, string(c.Spec.Type), &c.Spec)
	if err != nil {
		return false, err
	}
	return notify.HoldsAlerts(config), nil
}
