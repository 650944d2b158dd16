package chat

import (
	"strconv"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/httppost"
)

// A message of Feishu has at most 20 KB. These limits leave room for JSON.
const (
	maxFeishuText  = 9 << 10
	maxFeishuTitle = 150
)

// Feishu creates channels of type feishu: custom bots of Feishu and Lark
// (https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot).
func Feishu(settings notify.Settings) (notify.Channel, error) {
	return newChannel(settings, v1alpha1.ChannelFeishu, service{body: feishuBody, sign: signFeishu, check: checkFeishu})
}

// signFeishu signs an empty text. Its key is the time in seconds, a line break and the key of the settings.
func signFeishu(key string, now time.Time) signature {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	return signature{timestamp: timestamp, sign: hmacSHA256(timestamp+"\n"+key, "")}
}

// feishuBody is a card of plain text, in which nothing becomes a link or a mention.
func feishuBody(message notify.Message, signed signature) any {
	text := func(content string) map[string]string {
		return map[string]string{"tag": "plain_text", "content": content}
	}
	body := map[string]any{"msg_type": "interactive", "card": map[string]any{
		"config":   map[string]bool{"wide_screen_mode": true},
		"header":   map[string]any{"title": text(truncateRunes(titleOf(message), maxFeishuTitle)), "template": feishuColor(message)},
		"elements": []any{map[string]any{"tag": "div", "text": text(truncateBytes(plainText(message.Text), maxFeishuText))}},
	}}
	if signed.sign != "" {
		body["timestamp"] = signed.timestamp
		body["sign"] = signed.sign
	}
	return body
}

func feishuColor(message notify.Message) string {
	switch {
	case message.Event == notify.EventTest, message.Event == notify.EventPipeline:
		return "blue"
	case message.Severity == "":
		return "green"
	case message.Severity.Rank() == 0:
		return "red"
	}
	return "orange"
}

func checkFeishu(client *httppost.Client, response httppost.Response) error {
	return checkCode(client, response, map[int]rejection{
		19001: unknownRobot, 19021: securitySettings, 19022: securitySettings, 19024: securitySettings,
		11232: rateLimited, 11233: rateLimited,
	})
}
