package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/post"
)

// dingTalk speaks to custom robots of DingTalk (https://open.dingtalk.com/document/orgapp/custom-robot-access). The signature is the
// HMAC of the time in milliseconds, a line break and the key; a message has at most 20000 bytes, in JSON, where
// quotes and line breaks count twice.
func dingTalk() dialect {
	const most = 9 << 10
	return dialect{
		sign: func(key string, now time.Time) signature {
			at := strconv.FormatInt(now.UnixMilli(), 10)
			return signature{query: url.Values{"timestamp": {at}, "sign": {mac(key, at+"\n"+key)}}}
		},
		body: func(m notify.Message, _ signature) any {
			title := quiet(titled(m))
			return map[string]any{"msgtype": "markdown", "markdown": map[string]string{
				"title": clipRunes(title, 100), "text": cut("#### "+title+"\n\n"+paragraphs(m.Text), most),
			}}
		},
		judge: func(p *post.Poster, answer post.Answer) error {
			return coded(p, answer, map[int]refusal{
				300001: unknownRobot, 300005: unknownRobot, 400013: unknownRobot, 400101: unknownRobot, 400102: unknownRobot,
				310000: security, 130101: tooMany, 410100: tooMany,
			})
		},
	}
}

// weCom speaks to robots of WeCom groups (https://developer.work.weixin.qq.com/document/path/91770). Markdown has at most 4096 bytes.
func weCom() dialect {
	const most = 4096
	return dialect{
		body: func(m notify.Message, _ signature) any {
			return map[string]any{"msgtype": "markdown", "markdown": map[string]string{"content": cut("**"+quiet(titled(m))+"**\n"+quiet(m.Text), most)}}
		},
		judge: func(p *post.Poster, answer post.Answer) error {
			return coded(p, answer, map[int]refusal{93000: unknownRobot, 93017: unknownRobot, 45009: tooMany, 60020: security})
		},
	}
}

// feishu speaks to custom bots of Feishu and Lark (https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot). The signature is
// the HMAC of nothing, with the time in seconds, a line break and the key as its key; a message has at most 20 KB. The card is
// plain text, in which nothing is a link or a mention.
func feishu() dialect {
	const most = 9 << 10
	return dialect{
		sign: func(key string, now time.Time) signature {
			at := strconv.FormatInt(now.Unix(), 10)
			return signature{timestamp: at, sign: mac(at+"\n"+key, "")}
		},
		body: func(m notify.Message, sign signature) any {
			text := func(content string) map[string]string {
				return map[string]string{"tag": "plain_text", "content": content}
			}
			body := map[string]any{"msg_type": "interactive", "card": map[string]any{
				"config":   map[string]bool{"wide_screen_mode": true},
				"header":   map[string]any{"title": text(clipRunes(titled(m), 150)), "template": color(m)},
				"elements": []any{map[string]any{"tag": "div", "text": text(cut(plain(m.Text), most))}},
			}}
			if sign.sign != "" {
				body["timestamp"], body["sign"] = sign.timestamp, sign.sign
			}
			return body
		},
		judge: func(p *post.Poster, answer post.Answer) error {
			return coded(p, answer, map[int]refusal{19001: unknownRobot, 19021: security, 19022: security, 19024: security, 11232: tooMany, 11233: tooMany})
		},
	}
}

func color(m notify.Message) string {
	switch {
	case m.Event == notify.EventTest:
		return "blue"
	case m.Severity == "":
		return "green"
	case m.Severity.Rank() == 0:
		return "red"
	}
	return "orange"
}

func mac(key, text string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// paragraphs for Markdown that joins lines.
func paragraphs(text string) string { return strings.ReplaceAll(quiet(text), "\n", "\n\n") }

// refusal is what a code says.
type refusal int

const (
	unknownRobot refusal = iota + 1
	security
	tooMany
)

// coded judges an answer that says with a code whether the message was taken, mostly with status 200.
func coded(p *post.Poster, answer post.Answer, codes map[int]refusal) error {
	var told struct {
		ErrCode    *int `json:"errcode"`
		Code       *int `json:"code"`
		StatusCode *int `json:"StatusCode"`
	}
	err := json.Unmarshal(answer.Body, &told)
	code := told.ErrCode
	for _, other := range []*int{told.Code, told.StatusCode} {
		if code == nil {
			code = other
		}
	}
	if err != nil || code == nil {
		if err := p.Taken(answer.Status); err != nil {
			return err
		}
		return p.Invalid(nil)
	}
	if *code == 0 {
		return p.Taken(answer.Status)
	}
	switch codes[*code] {
	case unknownRobot:
		return p.Taken(404)
	case security:
		return p.Rejected("refuses the message by the robot's security settings (code %d): check signingKey, its keywords, its addresses, and the manager's clock", *code)
	case tooMany:
		return p.TooMany("")
	}
	return p.Rejected("does not take the message (code %d)", *code)
}
