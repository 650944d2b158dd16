package chat

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/httppost"
)

// A message of Teams has at most 28 KB. These limits leave room for JSON.
const (
	maxTeamsText   = 9 << 10
	maxTeamsBlocks = 80
)

// Teams creates channels of type teams: workflows of Microsoft Teams that are triggered by a webhook
// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using).
func Teams(settings notify.Settings) (notify.Channel, error) {
	return newChannel(settings, v1alpha1.ChannelTeams, service{body: teamsBody, check: checkTeams})
}

type teamsBlock struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	Weight string `json:"weight,omitempty"`
	Size   string `json:"size,omitempty"`
	Wrap   bool   `json:"wrap"`
}

func teamsBody(message notify.Message, _ signature) any {
	blocks := []teamsBlock{{"TextBlock", escapeMarkdown(titleOf(message)), "Bolder", "Medium", true}}
	lines := strings.Split(truncateBytes(escapeMarkdown(message.Text), maxTeamsText), "\n")
	for _, line := range lines[:min(len(lines), maxTeamsBlocks)] {
		if strings.TrimSpace(line) != "" {
			blocks = append(blocks, teamsBlock{Type: "TextBlock", Text: line, Wrap: true})
		}
	}
	card := map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": blocks,
		"msteams": map[string]string{"width": "Full"},
	}
	return map[string]any{"type": "message", "attachments": []any{
		map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "content": card},
	}}
}

func checkTeams(client *httppost.Client, response httppost.Response) error {
	if err := client.CheckResponse(response); err != nil {
		return err
	}
	// Connectors respond with 200 even if they did not forward the message.
	body := string(response.Body)
	if !strings.Contains(body, "failed") && !strings.Contains(body, "error") {
		return nil
	}
	switch status := statusIn(body); {
	case status == http.StatusTooManyRequests:
		return client.RateLimited("")
	case status >= http.StatusInternalServerError:
		return client.CheckStatus(status)
	case status > 0:
		return client.Rejected("accepted the message but did not post it to the channel (%d); check the workflow's run history", status)
	}
	return client.Rejected("accepted the message but did not post it to the channel; check the workflow's run history")
}

// statusIn returns the status that a text names as one, such as "returned HTTP error 429 with ContextId ..."; zero without one. Other
// numbers, such as those of an id, are none.
func statusIn(text string) int {
	named := regexp.MustCompile(`(?i)\b(?:HTTP|status)(?:[ _-]?(?:error|status|code)){0,2}["']?[ :=]+["']?([45]\d\d)\b`)
	found := named.FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	status, _ := strconv.Atoi(found[1]) // three digits
	return status
}
