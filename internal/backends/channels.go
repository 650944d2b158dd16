package backends

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/secretref"
)

// Channel is an open NotificationChannel.
type Channel struct {
	notify.Channel
	Redactor
}

// OpenChannel makes a client of a NotificationChannel. Its errors are problems. Close what it returns.
func (r *Resolver) OpenChannel(ctx context.Context, c *v1alpha1.NotificationChannel) (*Channel, error) {
	spec := &c.Spec
	secrets := r.Secrets.For(c.Namespace, spec.ServiceAccountName)
	settings := notify.Settings{
		Timeout: spec.MessageTimeout(), Egress: r.Egress, Metrics: r.Telemetry, Memory: r.Memory.For(c.Namespace),
	}
	fields := provider.Fields{TLS: "spec.tls", Timeout: "spec.timeout", Settings: "spec." + string(spec.Type)}
	tls, err := resolveTLS(ctx, secrets, spec.TLS, fields.TLS)
	if err != nil {
		return nil, err
	}
	settings.Endpoint.Fields = fields
	settings.Endpoint.TLS, settings.Email.TLS, settings.NATS.TLS = tls, tls, tls
	if err := channelSettings(ctx, secrets, spec, &settings); err != nil {
		return nil, err
	}
	opened, err := r.ChannelTypes.New(string(spec.Type), settings)
	if err != nil {
		return nil, toProblem(err)
	}
	return &Channel{Channel: opened, Redactor: newRedactor(secrets)}, nil
}

// channelSettings resolves the member of the union that the type names.
func channelSettings(ctx context.Context, secrets *secretref.Reader, spec *v1alpha1.NotificationChannelSpec, to *notify.Settings) error {
	switch {
	case spec.Slack != nil:
		return chat(ctx, secrets, spec.Slack, "spec.slack", to)
	case spec.Teams != nil:
		return chat(ctx, secrets, spec.Teams, "spec.teams", to)
	case spec.DingTalk != nil:
		return chat(ctx, secrets, spec.DingTalk, "spec.dingtalk", to)
	case spec.WeCom != nil:
		return chat(ctx, secrets, spec.WeCom, "spec.wecom", to)
	case spec.Feishu != nil:
		return chat(ctx, secrets, spec.Feishu, "spec.feishu", to)
	case spec.Webhook != nil:
		return webhook(ctx, secrets, spec.Webhook, to)
	case spec.Alertmanager != nil:
		return receiver(ctx, secrets, spec.Alertmanager, to)
	case spec.Email != nil:
		return email(ctx, secrets, spec.Email, to)
	case spec.NATS != nil:
		return nats(ctx, secrets, spec.NATS, to)
	}
	return nil
}

func chat(ctx context.Context, secrets *secretref.Reader, chat *v1alpha1.ChatWebhook, field string, to *notify.Settings) (err error) {
	to.Endpoint.Fields.URL = field + ".webhookURL"
	if to.Endpoint.URL, err = secrets.Text(ctx, chat.WebhookURL, to.Endpoint.Fields.URL); err != nil {
		return err
	}
	to.SecretURL = true
	return signing(ctx, secrets, chat.SigningKey, field, to)
}

func signing(ctx context.Context, secrets *secretref.Reader, key *v1alpha1.SecretKeyReference, field string, to *notify.Settings) error {
	if key == nil {
		return nil
	}
	text, err := secrets.Text(ctx, *key, field+".signingKey")
	to.SigningKey = notify.Secret(text)
	return err
}

func webhook(ctx context.Context, secrets *secretref.Reader, w *v1alpha1.WebhookReceiver, to *notify.Settings) error {
	fields := &to.Endpoint.Fields
	fields.URL, fields.Auth = fields.Setting("url"), fields.Setting("auth")
	endpoint, err := resolve(ctx, secrets, w.Auth, nil, *fields)
	if err != nil {
		return err
	}
	to.Endpoint.Auth = endpoint.Auth
	to.Endpoint.URL = w.URL
	if w.URLFrom != nil {
		fields.URL = fields.Setting("urlFrom")
		if to.Endpoint.URL, err = secrets.Text(ctx, *w.URLFrom, fields.URL); err != nil {
			return err
		}
		to.SecretURL = true
	}
	return signing(ctx, secrets, w.SigningKey, "spec.webhook", to)
}

func receiver(ctx context.Context, secrets *secretref.Reader, a *v1alpha1.AlertmanagerReceiver, to *notify.Settings) error {
	fields := &to.Endpoint.Fields
	fields.URL, fields.Auth = fields.Setting("url"), fields.Setting("auth")
	endpoint, err := resolve(ctx, secrets, a.Auth, nil, *fields)
	to.Endpoint.Auth = endpoint.Auth
	to.Endpoint.URL = a.URL
	to.Labels = a.Labels
	return err
}

func email(ctx context.Context, secrets *secretref.Reader, e *v1alpha1.EmailReceivers, to *notify.Settings) error {
	m := &to.Email
	m.Host = e.Host
	m.Port = int(e.Port)
	m.Security = string(e.Security)
	m.From = e.From
	m.To = e.To
	if m.Security == "" {
		m.Security = string(v1alpha1.EmailStartTLS)
	}
	if m.Port == 0 {
		if m.Port = 587; e.Security == v1alpha1.EmailTLS {
			m.Port = 465
		}
	}
	if e.Auth == nil {
		return nil
	}
	username, password, err := secrets.Basic(ctx, *e.Auth, "spec.email.auth")
	m.Username = username
	m.Password = notify.Secret(password)
	return err
}

func nats(ctx context.Context, secrets *secretref.Reader, n *v1alpha1.NATSSubject, to *notify.Settings) (err error) {
	to.NATS.URL, to.NATS.Subject = n.URL, n.Subject
	switch {
	case n.Basic != nil:
		var password string
		to.NATS.Username, password, err = secrets.Basic(ctx, *n.Basic, "spec.nats.basic")
		to.NATS.Password = notify.Secret(password)
	case n.Token != nil:
		var token string
		token, err = secrets.Text(ctx, *n.Token, "spec.nats.token")
		to.NATS.Token = notify.Secret(token)
	case n.Credentials != nil:
		var content []byte
		content, err = secrets.Bytes(ctx, *n.Credentials, "spec.nats.credentials")
		to.NATS.Credentials = notify.Secret(content)
	}
	return err
}
