package chat

import (
	"strings"

	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/post"
)

// slack speaks the incoming webhooks of Slack (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). The blocks
// are plain text, in which nothing is a link or a mention; text is what notifications show, and what servers without blocks, such as
// Mattermost, have.
func slack() dialect {
	type text struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	type block struct {
		Type string `json:"type"`
		Text text   `json:"text"`
	}
	const header, section, sections = 150, 3000, 10 // limits of Slack; what is longer is refused as a whole
	return dialect{
		body: func(m notify.Message, _ signature) any {
			title := titled(m)
			blocks := []block{{"header", text{"plain_text", clipRunes(title, header)}}}
			for _, piece := range pieces(plain(m.Text), section, sections) {
				if strings.TrimSpace(piece) != "" {
					blocks = append(blocks, block{"section", text{"plain_text", piece}})
				}
			}
			return struct {
				Text   string  `json:"text"`
				Blocks []block `json:"blocks"`
			}{cut(quiet(title+"\n"+m.Text), section), blocks}
		},
		judge: func(p *post.Poster, answer post.Answer) error {
			switch said := strings.TrimSpace(string(answer.Body)); said {
			case "invalid_token", "action_prohibited", "posting_to_general_channel_denied", "team_disabled", "user_not_found":
				return p.Taken(401)
			case "no_service", "no_service_id", "no_active_hooks", "channel_not_found", "channel_is_archived", "no_team":
				return p.Taken(404)
			case "invalid_payload", "invalid_blocks", "no_text", "too_many_attachments", "missing_text_or_fallback_or_attachments":
				return p.Rejected("does not take the message (%s)", said)
			}
			return p.Accepted(answer)
		},
	}
}

// teams speaks to workflows of Microsoft Teams that begin when a webhook request is received
// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using). A message has at most 28 KB.
func teams() dialect {
	type block struct {
		Type   string `json:"type"`
		Text   string `json:"text"`
		Weight string `json:"weight,omitempty"`
		Size   string `json:"size,omitempty"`
		Wrap   bool   `json:"wrap"`
	}
	const most, blocks = 9 << 10, 80
	return dialect{
		body: func(m notify.Message, _ signature) any {
			list := []block{{"TextBlock", quiet(titled(m)), "Bolder", "Medium", true}}
			lines := strings.Split(cut(quiet(m.Text), most), "\n")
			for _, line := range lines[:min(len(lines), blocks)] {
				if strings.TrimSpace(line) != "" {
					list = append(list, block{Type: "TextBlock", Text: line, Wrap: true})
				}
			}
			card := map[string]any{
				"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": list,
				"msteams": map[string]string{"width": "Full"},
			}
			return map[string]any{"type": "message", "attachments": []any{map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}}}
		},
		judge: func(p *post.Poster, answer post.Answer) error {
			if err := p.Accepted(answer); err != nil {
				return err
			}
			// Connectors say with 200 that they passed nothing on.
			said := string(answer.Body)
			switch {
			case strings.Contains(said, "429"):
				return p.TooMany("")
			case strings.Contains(said, "failed"), strings.Contains(said, "error"):
				return p.Rejected("took the message and could not pass it on to the channel; look at the workflow's run history")
			}
			return nil
		},
	}
}

func clipRunes(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}
