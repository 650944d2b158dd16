// Package chat tells groups of people in chats, through the webhooks of their robots. A webhook's URL is all that one needs to write
// there, so that no error shows more of it than the host.
package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/post"
)

// Channel posts to a webhook.
type Channel struct {
	*post.Poster
	kind dialect
	key  notify.Secret
	now  func() time.Time
}

// dialect is what the robots of one chat want to hear, and what they answer.
type dialect struct {
	// body of a message; the signature is that of sign.
	body func(m notify.Message, sign signature) any
	// sign computes a signature with a key, where the chat knows one.
	sign func(key string, now time.Time) signature
	// judge says whether an answer of status 2xx or 4xx took the message; nil where it did.
	judge func(p *post.Poster, answer post.Answer) error
}

// signature as query parameters and as fields of the body.
type signature struct {
	query           url.Values
	timestamp, sign string
}

// Slack makes channels of type slack.
func Slack(settings notify.Settings) (notify.Channel, error) {
	return open(settings, v1alpha1.ChannelSlack, slack())
}

// Teams makes channels of type teams.
func Teams(settings notify.Settings) (notify.Channel, error) {
	return open(settings, v1alpha1.ChannelTeams, teams())
}

// DingTalk makes channels of type dingtalk.
func DingTalk(settings notify.Settings) (notify.Channel, error) {
	return open(settings, v1alpha1.ChannelDingTalk, dingTalk())
}

// WeCom makes channels of type wecom.
func WeCom(settings notify.Settings) (notify.Channel, error) {
	return open(settings, v1alpha1.ChannelWeCom, weCom())
}

// Feishu makes channels of type feishu.
func Feishu(settings notify.Settings) (notify.Channel, error) {
	return open(settings, v1alpha1.ChannelFeishu, feishu())
}

func open(settings notify.Settings, channel v1alpha1.NotificationChannelType, kind dialect) (notify.Channel, error) {
	poster, err := post.New(settings, channel)
	if err != nil {
		return nil, err
	}
	return &Channel{Poster: poster, kind: kind, key: settings.SigningKey, now: time.Now}, nil
}

// Send posts one message.
func (c *Channel) Send(ctx context.Context, m notify.Message) error {
	var sign signature
	if c.key != "" && c.kind.sign != nil {
		sign = c.kind.sign(string(c.key), c.now())
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // an escaped bracket counts six times
	if err := encoder.Encode(c.kind.body(m, sign)); err != nil {
		return err
	}
	answer, err := c.Do(ctx, post.Request{Body: body.Bytes(), ContentType: "application/json; charset=utf-8", Query: sign.query})
	if err != nil {
		return err
	}
	return c.kind.judge(c.Poster, answer)
}
