// Package chat sends messages to chats through incoming webhooks. Each service has a file; what they share is in chat.go, text.go and
// codes.go. The URL of a webhook is all that is needed to post there, so it is a secret: errors contain its host only.
package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/httppost"
)

// Channel posts to a webhook.
type Channel struct {
	*httppost.Client
	service service
	key     notify.Secret
	now     func() time.Time
}

// service is what differs between chats.
type service struct {
	// body of a message. The signature is that of sign.
	body func(message notify.Message, signed signature) any
	// sign computes a signature with a key. Nil if the service has no signatures.
	sign func(key string, now time.Time) signature
	// check returns nil if the service accepted the message.
	check func(client *httppost.Client, response httppost.Response) error
}

// signature is sent as parameters of the query, or as fields of the body.
type signature struct {
	query     url.Values
	timestamp string
	sign      string
}

func newChannel(settings notify.Settings, channel v1alpha1.NotificationChannelType, service service) (notify.Channel, error) {
	client, err := httppost.New(settings, channel)
	if err != nil {
		return nil, err
	}
	return &Channel{Client: client, service: service, key: settings.SigningKey, now: time.Now}, nil
}

// Send posts one message.
func (c *Channel) Send(ctx context.Context, message notify.Message) error {
	var signed signature
	if c.key != "" && c.service.sign != nil {
		signed = c.service.sign(string(c.key), c.now())
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // an escaped bracket takes six bytes of the service's limit
	if err := encoder.Encode(c.service.body(message, signed)); err != nil {
		return err
	}
	response, err := c.Post(ctx, httppost.Request{
		Body: body.Bytes(), ContentType: "application/json; charset=utf-8", Query: signed.query,
	})
	if err != nil {
		return err
	}
	return c.service.check(c.Client, response)
}
