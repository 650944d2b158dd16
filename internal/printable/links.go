package printable

import (
	"regexp"
	"strings"
)

// linkPatterns are what clients of chats and mail turn into links and mentions. What is written before and after the
// brackets stays; the character in between gets brackets, the usual way to write a link that is not one: http[:]//x, www[.]x, a[@]b.
//
//   - a scheme before //, and the schemes without //: Slack, Teams, Mattermost and mail clients link any of them
//   - www. at the start of a word
//   - an address of mail, user@example.com
func linkPatterns() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*)(:)(//)`),
		regexp.MustCompile(`(?i)\b(mailto|tel|sms|sip|javascript|data|callto|skype|msteams|slack|xmpp|magnet)(:)([^\s:])`),
		regexp.MustCompile(`(?i)(\bwww)(\.)()`),
		regexp.MustCompile(`(?i)([\p{L}\p{N}._%+-])(@)([\p{L}\p{N}-]+\.[\p{L}\p{N}])`),
	}
}

// mentionPatterns are mentions of everyone, anywhere, and of a name at the start of a word.
func mentionPatterns() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`(?i)()(@)(all|here|channel|everyone|team|group|所有人)`),
		regexp.MustCompile(`((?:^|[^\p{L}\p{N}._/@-]))(@)([\p{L}\p{N}_<"])`),
	}
}

// Unlinked returns a text in which clients of chats and mail find no link, address or mention: their colon, dot or at sign gets
// brackets. Apply it to text of a cluster before it is put together with links that are meant as such.
func Unlinked(s string) string {
	if !mayLink(s) {
		return s
	}
	for _, pattern := range linkPatterns() {
		s = pattern.ReplaceAllString(s, "$1[$2]$3")
	}
	return Unmentioned(s)
}

// Unmentioned returns a text in which chats find no mention of someone or of all, such as @here, @channel, @所有人 and @user: the at sign
// gets brackets. Links stay.
func Unmentioned(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	for _, pattern := range mentionPatterns() {
		s = pattern.ReplaceAllString(s, "$1[$2]$3")
	}
	return s
}

// mayLink is a cheap test that most texts fail.
func mayLink(s string) bool {
	for i := range len(s) {
		switch s[i] {
		case '@':
			return true
		case ':':
			if i+1 < len(s) && s[i+1] != ' ' {
				return true
			}
		case '.':
			if i >= 3 && strings.EqualFold(s[i-3:i], "www") {
				return true
			}
		}
	}
	return false
}
