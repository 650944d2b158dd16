package chat

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/httppost"
)

// A message of DingTalk has at most 20000 bytes of JSON, in which quotes and line breaks take two.
const (
	maxDingTalkText  = 9 << 10
	maxDingTalkTitle = 100
)

// DingTalk creates channels of type dingtalk: custom robots of DingTalk
// (https://open.dingtalk.com/document/orgapp/custom-robot-access).
func DingTalk(settings notify.Settings) (notify.Channel, error) {
	return newChannel(settings, v1alpha1.ChannelDingTalk, service{body: dingTalkBody, sign: signDingTalk, check: checkDingTalk})
}

// signDingTalk signs the time in milliseconds, a line break and the key.
func signDingTalk(key string, now time.Time) signature {
	timestamp := strconv.FormatInt(now.UnixMilli(), 10)
	return signature{query: url.Values{"timestamp": {timestamp}, "sign": {hmacSHA256(key, timestamp+"\n"+key)}}}
}

func dingTalkBody(message notify.Message, _ signature) any {
	title := escapeMarkdown(titleOf(message))
	// DingTalk's Markdown joins lines, so each becomes a paragraph.
	paragraphs := strings.ReplaceAll(escapeMarkdown(message.Text), "\n", "\n\n")
	return map[string]any{"msgtype": "markdown", "markdown": map[string]string{
		"title": truncateRunes(title, maxDingTalkTitle),
		"text":  truncateBytes("#### "+title+"\n\n"+paragraphs, maxDingTalkText),
	}}
}

func checkDingTalk(client *httppost.Client, response httppost.Response) error {
	return checkCode(client, response, map[int]rejection{
		300001: unknownRobot, 300005: unknownRobot, 400013: unknownRobot, 400101: unknownRobot, 400102: unknownRobot,
		310000: securitySettings, 130101: rateLimited, 410100: rateLimited,
	})
}
