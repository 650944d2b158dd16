package chat

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/provider/notify"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/notify"
)

// requireNoMarkup fails if a text that a chat renders as Markdown would mention someone or contain a link.
func requireNoMarkup(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		for _, forbidden := range []string{
			"<!", "<@", "@all", "@everyone", "@channel", "@here", "@所有人", "](", "<at", "\u202E", "\x00", "\u200b", "\u2060", "\x1b",
		} {
			if strings.Contains(text, forbidden) {
				t.Errorf("the text contains %q: %.200q", forbidden, text)
			}
		}
		if !utf8.ValidString(text) {
			t.Errorf("invalid UTF-8: %q", text)
		}
	}
}

func decode(t *testing.T, body []byte, into any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		t.Errorf("%v: %s", err, body)
	}
}

type typed struct{ Type, Text string }

func TestSlackGetsPlainTextWithinItsLimits(t *testing.T) {
	conformance.Run(t, conformance.Subject{
		New: Slack, Path: "/services/T0/B0/" + conformance.Hidden, Taken: "ok", TakesAnything: true,
		Check: func(t *testing.T, m notify.Message, r *http.Request, body []byte) {
			var sent struct {
				Text   string
				Blocks []struct {
					Type string
					Text typed
				}
			}
			decode(t, body, &sent)
			requireNoMarkup(t, sent.Text)
			if len(sent.Blocks) == 0 || len(sent.Blocks) > 50 || sent.Blocks[0].Type != "header" {
				t.Fatalf("blocks: %+v", sent.Blocks)
			}
			for i, block := range sent.Blocks {
				limit := 3000
				if i == 0 {
					limit = 150
				}
				if block.Text.Type != "plain_text" || block.Text.Text == "" || utf8.RuneCountInString(block.Text.Text) > limit {
					t.Errorf("block %d: %+v", i, block)
				}
			}
			title := strings.TrimSuffix(sent.Blocks[0].Text.Text, "…")
			if m.Title != "" && !strings.Contains(m.Title, "\x00") && !strings.HasPrefix(m.Title, title) {
				t.Errorf("the title is %q", title)
			}
		},
		Refusals: []conformance.Refusal{
			{Status: 403, Body: "invalid_token", Reason: v1alpha1.ReasonUnauthorized},
			{Status: 403, Body: "action_prohibited", Reason: v1alpha1.ReasonUnauthorized},
			{Status: 404, Body: "no_service", Reason: v1alpha1.ReasonNotFound},
			{Status: 410, Body: "channel_is_archived", Reason: v1alpha1.ReasonNotFound},
			{Status: 400, Body: "invalid_payload", Reason: v1alpha1.ReasonRejected},
			{Status: 500, Body: "rollup_error", Reason: v1alpha1.ReasonServerError},
		},
	})
}

func TestTeamsGetsACardWithinItsLimits(t *testing.T) {
	const failed = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error "
	conformance.Run(t, conformance.Subject{
		New: Teams, Path: "/workflows/x?api-version=1&sig=" + conformance.Hidden, Taken: "", TakesAnything: true, MaxBytes: 28 << 10,
		Check: func(t *testing.T, _ notify.Message, r *http.Request, body []byte) {
			var sent struct {
				Type        string
				Attachments []struct {
					ContentType string
					Content     struct {
						Schema        string `json:"$schema"`
						Type, Version string
						Body          []struct {
							Type, Text, Weight, Size string
							Wrap                     bool
						}
						MSTeams struct{ Width string }
					}
				}
			}
			decode(t, body, &sent)
			if sent.Type != "message" || len(sent.Attachments) != 1 {
				t.Fatalf("got %s", body)
			}
			attachment := sent.Attachments[0]
			if attachment.ContentType != "application/vnd.microsoft.card.adaptive" || attachment.Content.Type != "AdaptiveCard" {
				t.Fatalf("got %s", body)
			}
			for _, block := range attachment.Content.Body {
				requireNoMarkup(t, block.Text)
				if block.Type != "TextBlock" || block.Text == "" {
					t.Errorf("block %+v", block)
				}
			}
			if r.URL.Query().Get("sig") != conformance.Hidden {
				t.Errorf("query %s", r.URL.RawQuery)
			}
		},
		Refusals: []conformance.Refusal{
			{Status: 200, Body: failed + "429 with ContextId x", Reason: v1alpha1.ReasonRateLimited},
			{Status: 200, Body: failed + "403", Reason: v1alpha1.ReasonRejected},
			{Status: 200, Body: failed + "403 with ContextId tcid=0,server=DB3PEPF00002429,cv=4290.1", Reason: v1alpha1.ReasonRejected},
			{Status: 200, Body: failed + "503 with ContextId 429", Reason: v1alpha1.ReasonServerError},
			{Status: 200, Body: "Summary or Text is required: an error in 429 bytes.", Reason: v1alpha1.ReasonRejected},
			{Status: 200, Body: `{"error":{"statusCode":429,"message":"Rate limit is exceeded."}}`, Reason: v1alpha1.ReasonRateLimited},
			{Status: 400, Body: `{"error":{"code":"TriggerInputSchemaMismatch"}}`, Reason: v1alpha1.ReasonRejected},
			{Status: 401, Body: `{"error":{"code":"DirectApiAuthorizationRequired"}}`, Reason: v1alpha1.ReasonUnauthorized},
		},
	})
}

func TestDingTalkGetsMarkdownWithinItsLimits(t *testing.T) {
	conformance.Run(t, conformance.Subject{
		New: DingTalk, Path: "/robot/send?access_token=" + conformance.Hidden, Taken: `{"errcode":0,"errmsg":"ok"}`, MaxBytes: 20000,
		Check: func(t *testing.T, _ notify.Message, r *http.Request, body []byte) {
			var sent struct {
				MsgType  string
				Markdown struct{ Title, Text string }
			}
			decode(t, body, &sent)
			requireNoMarkup(t, sent.Markdown.Title, sent.Markdown.Text)
			query := r.URL.Query()
			if sent.MsgType != "markdown" || query.Get("access_token") != conformance.Hidden {
				t.Errorf("got %s?%s", sent.MsgType, r.URL.RawQuery)
			}
			timestamp, err := strconv.ParseInt(query.Get("timestamp"), 10, 64)
			if err != nil || time.Since(time.UnixMilli(timestamp)).Abs() > time.Minute {
				t.Errorf("timestamp %q", query.Get("timestamp"))
			}
			if query.Get("sign") != hmacSHA256(conformance.Key, query.Get("timestamp")+"\n"+conformance.Key) {
				t.Errorf("signed %q", query.Get("sign"))
			}
		},
		Refusals: []conformance.Refusal{
			{Status: 200, Body: `{"errcode":310000,"errmsg":"sign not match"}`, Reason: v1alpha1.ReasonRejected},
			{Status: 200, Body: `{"errcode":300001,"errmsg":"token is not exist"}`, Reason: v1alpha1.ReasonNotFound},
			{Status: 200, Body: `{"errcode":130101,"errmsg":"send too fast"}`, Reason: v1alpha1.ReasonRateLimited},
			{Status: 200, Body: `{"errcode":40035,"errmsg":"x"}`, Reason: v1alpha1.ReasonRejected},
		},
	})
}

func TestWeComGetsMarkdownWithinItsLimits(t *testing.T) {
	conformance.Run(t, conformance.Subject{
		New: WeCom, Path: "/cgi-bin/webhook/send?key=" + conformance.Hidden, Taken: `{"errcode":0,"errmsg":"ok"}`,
		Check: func(t *testing.T, _ notify.Message, r *http.Request, body []byte) {
			var sent struct {
				MsgType  string
				Markdown struct{ Content string }
			}
			decode(t, body, &sent)
			requireNoMarkup(t, sent.Markdown.Content)
			if sent.MsgType != "markdown" || len(sent.Markdown.Content) > 4096 || sent.Markdown.Content == "" {
				t.Errorf("%s of %d bytes", sent.MsgType, len(sent.Markdown.Content))
			}
		},
		Refusals: []conformance.Refusal{
			{Status: 200, Body: `{"errcode":93000,"errmsg":"invalid webhook url"}`, Reason: v1alpha1.ReasonNotFound},
			{Status: 200, Body: `{"errcode":45009,"errmsg":"api freq out of limit"}`, Reason: v1alpha1.ReasonRateLimited},
			{Status: 200, Body: `{"errcode":40058,"errmsg":"x"}`, Reason: v1alpha1.ReasonRejected},
		},
	})
}

func TestFeishuGetsACardWithinItsLimits(t *testing.T) {
	conformance.Run(t, conformance.Subject{
		New: Feishu, Path: "/open-apis/bot/v2/hook/" + conformance.Hidden, Taken: `{"code":0,"msg":"success","data":{}}`,
		MaxBytes: 20 << 10,
		Check: func(t *testing.T, m notify.Message, _ *http.Request, body []byte) {
			var sent struct {
				Timestamp, Sign string
				MsgType         string `json:"msg_type"`
				Card            struct {
					Config struct {
						Wide bool `json:"wide_screen_mode"`
					}
					Header struct {
						Title    struct{ Tag, Content string }
						Template string
					}
					Elements []struct {
						Tag  string
						Text struct{ Tag, Content string }
					}
				}
			}
			decode(t, body, &sent)
			title := sent.Card.Header.Title
			if sent.MsgType != "interactive" || title.Tag != "plain_text" || title.Content == "" {
				t.Errorf("got %s", body)
			}
			if elements := sent.Card.Elements; len(elements) != 1 || elements[0].Text.Tag != "plain_text" {
				t.Errorf("got %s", body)
			}
			if sent.Sign != hmacSHA256(sent.Timestamp+"\n"+conformance.Key, "") {
				t.Errorf("signed %q at %q", sent.Sign, sent.Timestamp)
			}
			want := map[notify.Event]string{
				notify.EventTest: "blue", notify.EventFixed: "green", notify.EventReport: "red", notify.EventFinding: "red",
			}[m.Event]
			if got := sent.Card.Header.Template; got != want {
				t.Errorf("%s is %s, want %s", m.Event, got, want)
			}
		},
		Refusals: []conformance.Refusal{
			{
				Status: 200, Body: `{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}`,
				Reason: v1alpha1.ReasonRejected,
			},
			{Status: 400, Body: `{"code":9499,"msg":"Bad Request"}`, Reason: v1alpha1.ReasonRejected},
			{Status: 200, Body: `{"code":11232,"msg":"too many"}`, Reason: v1alpha1.ReasonRateLimited},
			{Status: 200, Body: `{"code":19001,"msg":"incoming webhook access token invalid"}`, Reason: v1alpha1.ReasonNotFound},
		},
	})
}

// TestSignaturesAreThoseOfTheDocumentation: computed once with `openssl dgst -sha256 -hmac KEY -binary | base64`.
func TestSignaturesAreThoseOfTheDocumentation(t *testing.T) {
	now := time.UnixMilli(1700000000000)
	query := signDingTalk("this-is-a-key", now).query
	if query.Get("sign") != "3RwWVXo13Uyt3Kd71gdBplYeCqBH52Bf6qLBeozb8Xs=" || query.Get("timestamp") != "1700000000000" {
		t.Errorf("DingTalk: %v", query)
	}
	signed := signFeishu("this-is-a-key", now)
	if signed.sign != "yUK9qvAhvLimUuuXdBNwvHE/CtMHHhJ7gx3G0h1rnFc=" || signed.timestamp != "1700000000" {
		t.Errorf("Feishu: %+v", signed)
	}
}

// FuzzText checks that any text stays within its limits and mentions no one.
func FuzzText(f *testing.F) {
	for _, m := range conformance.Messages() {
		f.Add(m.Text, 100)
	}
	f.Add("](@@here<!channel>\u202e\u200b@\u200ball][x]: y", 50)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 20 + max(limit, 0)%5000
		requireNoMarkup(t, escapeMarkdown(text))
		if shown := strings.ReplaceAll(plainText(text), "\n", ""); !printable.Is(shown) {
			t.Errorf("plain text is %q", shown)
		}
		if truncated := truncateBytes(plainText(text), limit); len(truncated) > limit || !utf8.ValidString(truncated) {
			t.Errorf("truncated to %d bytes: %q", limit, truncated)
		}
		parts := splitText(plainText(text), limit, 5)
		for _, part := range parts {
			if len(part) > limit || !utf8.ValidString(part) {
				t.Errorf("a part of %d bytes, %d allowed: %q", len(part), limit, part)
			}
		}
		if len(parts) > 5 {
			t.Errorf("%d parts", len(parts))
		}
	})
}
