package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"kubeops.io/kubeops/internal/provider/notify/httppost"
)

// DingTalk, WeCom and Feishu report in the body whether they accepted a message, mostly with status 200, and DingTalk and Feishu share
// a kind of signature.

// rejection is the meaning of an error code.
type rejection int

const (
	unknownRobot rejection = iota + 1
	securitySettings
	rateLimited
)

// checkCode returns nil for the code 0, and the problem of any other code.
func checkCode(client *httppost.Client, response httppost.Response, codes map[int]rejection) error {
	code, ok := codeOf(response.Body)
	if !ok {
		if err := client.CheckStatus(response.Status); err != nil {
			return err
		}
		return client.Invalid(nil)
	}
	if code == 0 {
		return client.CheckStatus(response.Status)
	}
	switch codes[code] {
	case unknownRobot:
		return client.CheckStatus(http.StatusNotFound)
	case securitySettings:
		return client.Rejected("rejected the message because of the robot's security settings (code %d); "+
			"check the signing key, its keywords and allowed addresses, and the manager's clock", code)
	case rateLimited:
		return client.RateLimited("")
	}
	return client.Rejected("rejected the message (code %d)", code)
}

// codeOf a response: the first of the fields that the services use.
func codeOf(body []byte) (code int, ok bool) {
	var content struct {
		ErrCode    *int `json:"errcode"`
		Code       *int `json:"code"`
		StatusCode *int `json:"StatusCode"`
	}
	if json.Unmarshal(body, &content) != nil {
		return 0, false
	}
	for _, field := range []*int{content.ErrCode, content.Code, content.StatusCode} {
		if field != nil {
			return *field, true
		}
	}
	return 0, false
}

func hmacSHA256(key, text string) string {
	hash := hmac.New(sha256.New, []byte(key))
	hash.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(hash.Sum(nil))
}
