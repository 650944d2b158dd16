package chat

import (
	"context"
	"encoding/json"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Config is the member of the spec of each chat, for example spec.slack.
type Config struct {
	v1alpha1.ChatWebhook
	open provider.Factory[notify.Settings, notify.Channel]
}

var _ notify.Resolver = Config{}

// Backend registers the type of one chat; open is Slack, Teams, DingTalk, WeCom or Feishu.
func Backend(channel v1alpha1.NotificationChannelType, open provider.Factory[notify.Settings, notify.Channel]) notify.Backend {
	return notify.Backend{Type: string(channel), Configure: func(settings json.RawMessage) (notify.Config, error) {
		decoded, err := provider.Decode[Config](settings)
		if err != nil {
			return nil, err
		}
		config := decoded.(Config)
		config.open = open
		return config, nil
	}}
}

// Server implements notify.Config. The URL is secret.
func (c Config) Server() (url, setting string) { return "", "webhookURL" }

// Resolve implements notify.Resolver.
func (c Config) Resolve(ctx context.Context, secrets provider.Secrets, settings *notify.Settings) (err error) {
	settings.SecretURL = true
	endpoint := &settings.Endpoint
	if endpoint.URL, err = secrets.Text(ctx, c.WebhookURL, endpoint.Fields.URL); err != nil || c.SigningKey == nil {
		return err
	}
	key, err := secrets.Text(ctx, *c.SigningKey, endpoint.Fields.Setting("signingKey"))
	settings.SigningKey = notify.Secret(key)
	return err
}

// Open implements notify.Config.
func (c Config) Open(settings notify.Settings) (notify.Channel, error) { return c.open(settings) }
