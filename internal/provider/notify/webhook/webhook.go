// Package webhook tells any server that takes CloudEvents by HTTP.
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
	"kubeops.io/kubeops/internal/provider/notify/post"
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

// Channel posts.
type Channel struct {
	*post.Poster
	key notify.Secret
}

// New checks the settings and connects nothing yet.
func New(settings notify.Settings) (notify.Channel, error) {
	poster, err := post.New(settings, v1alpha1.ChannelWebhook)
	if err != nil {
		return nil, err
	}
	return &Channel{Poster: poster, key: settings.SigningKey}, nil
}

// Send posts one event. Any status of 2xx says that it was taken, unless a page for people comes with it.
func (c *Channel) Send(ctx context.Context, m notify.Message) error {
	body, err := cloudevent.Encode(m)
	if err != nil {
		return err
	}
	header := http.Header{}
	header.Set(KeyHeader, m.Key)
	if c.key != "" {
		now := strconv.FormatInt(time.Now().Unix(), 10)
		header.Set(TimeHeader, now)
		header.Set(SignatureHeader, Signature(string(c.key), now, body))
	}
	answer, err := c.Do(ctx, post.Request{Body: body, ContentType: cloudevent.ContentType, Header: header})
	if err != nil {
		return err
	}
	return c.Accepted(answer)
}

// Signature of a body that was sent at a time, as the header has it.
func Signature(key, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
