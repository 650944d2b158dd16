// Package webhook posts CloudEvents to any HTTP server.
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/cloudevent"
	"kubeops.io/kubeops/internal/provider/notify/httppost"
)

// Headers of a request.
const (
	// KeyHeader is the idempotency key of the message.
	KeyHeader = "Idempotency-Key"
	// TimeHeader is when the request was signed, in seconds since 1970.
	TimeHeader = "X-KubeOps-Timestamp"
	// SignatureHeader is sha256= and the HMAC in hexadecimal of the timestamp, a dot and the body.
	SignatureHeader = "X-KubeOps-Signature"
)

// Type of the channel.
const Type = string(v1alpha1.ChannelWebhook)

// Channel posts to one URL.
type Channel struct {
	*httppost.Client
	key notify.Secret
}

// New validates the settings and connects nothing yet.
func New(settings notify.Settings) (notify.Channel, error) {
	client, err := httppost.New(settings, v1alpha1.ChannelWebhook)
	if err != nil {
		return nil, err
	}
	return &Channel{Client: client, key: settings.SigningKey}, nil
}

// Send posts one event. The server accepted it if the status is 2xx and the body is not HTML.
func (c *Channel) Send(ctx context.Context, message notify.Message) error {
	body, err := cloudevent.Encode(message)
	if err != nil {
		return err
	}
	header := http.Header{}
	header.Set(KeyHeader, message.Key)
	if c.key != "" {
		now := strconv.FormatInt(time.Now().Unix(), 10)
		header.Set(TimeHeader, now)
		header.Set(SignatureHeader, Signature(string(c.key), now, body))
	}
	response, err := c.Post(ctx, httppost.Request{Body: body, ContentType: cloudevent.ContentType, Header: header})
	if err != nil {
		return err
	}
	return c.CheckResponse(response)
}

// Signature of a timestamp and a body, in the form of the header.
func Signature(key, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
