package chat

import (
	"net/http"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/httppost"
)

// Limits of Slack. It rejects a message as a whole if one is exceeded.
const (
	maxSlackHeader   = 150
	maxSlackSection  = 3000
	maxSlackSections = 10
)

// Slack creates channels of type slack: incoming webhooks of Slack
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks) and of servers that are compatible, such as Mattermost.
func Slack(settings notify.Settings) (notify.Channel, error) {
	return newChannel(settings, v1alpha1.ChannelSlack, service{body: slackBody, check: checkSlack})
}

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type slackBlock struct {
	Type string    `json:"type"`
	Text slackText `json:"text"`
}

// slackMessage has the content twice: Blocks are plain text, in which nothing becomes a link or a mention. Text is shown in notifications
// and by servers without blocks.
type slackMessage struct {
	Text   string       `json:"text"`
	Blocks []slackBlock `json:"blocks"`
}

func slackBody(message notify.Message, _ signature) any {
	title := titleOf(message)
	blocks := []slackBlock{{"header", slackText{"plain_text", truncateRunes(title, maxSlackHeader)}}}
	for _, part := range splitText(plainText(message.Text), maxSlackSection, maxSlackSections) {
		if strings.TrimSpace(part) != "" {
			blocks = append(blocks, slackBlock{"section", slackText{"plain_text", part}})
		}
	}
	return slackMessage{Text: truncateBytes(escapeMarkdown(title+"\n"+message.Text), maxSlackSection), Blocks: blocks}
}

func checkSlack(client *httppost.Client, response httppost.Response) error {
	switch code := strings.TrimSpace(string(response.Body)); code {
	case "invalid_token", "action_prohibited", "posting_to_general_channel_denied", "team_disabled", "user_not_found":
		return client.CheckStatus(http.StatusUnauthorized)
	case "no_service", "no_service_id", "no_active_hooks", "channel_not_found", "channel_is_archived", "no_team":
		return client.CheckStatus(http.StatusNotFound)
	case "invalid_payload", "invalid_blocks", "no_text", "too_many_attachments", "missing_text_or_fallback_or_attachments":
		return client.Rejected("rejected the message (%s)", code)
	}
	return client.CheckResponse(response)
}
