package chat

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/httppost"
)

// maxWeComText is the limit of Markdown in bytes.
const maxWeComText = 4096

// WeCom creates channels of type wecom: robots of WeCom groups (https://developer.work.weixin.qq.com/document/path/91770).
func WeCom(settings notify.Settings) (notify.Channel, error) {
	return newChannel(settings, v1alpha1.ChannelWeCom, service{body: weComBody, check: checkWeCom})
}

func weComBody(message notify.Message, _ signature) any {
	text := "**" + escapeMarkdown(titleOf(message)) + "**\n" + escapeMarkdown(message.Text)
	return map[string]any{"msgtype": "markdown", "markdown": map[string]string{"content": truncateBytes(text, maxWeComText)}}
}

func checkWeCom(client *httppost.Client, response httppost.Response) error {
	return checkCode(client, response, map[int]rejection{
		93000: unknownRobot, 93017: unknownRobot, 45009: rateLimited, 60020: securitySettings,
	})
}
