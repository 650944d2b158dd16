package redact

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Rules of this package, beside those of gitleaks, which go by its ids.
const (
	RuleKnown         = "known-secret"
	RulePrivateKey    = "private-key"
	RulePasswordInURL = "password-in-url"
	RuleAuthorization = "authorization-header"
	RuleCookie        = "cookie"
	RuleToken         = "json-web-token"
	RuleKeyForm       = "key-by-form"
	RuleNamed         = "named-secret"
	RuleSecretData    = "kubernetes-secret-data"
	RuleKubeconfig    = "kubeconfig"
	RuleRegistryAuth  = "registry-auth"
	RuleCommand       = "command-line"
	RuleEmail         = "email"
	RuleIP            = "ip-address"
)

// secretKey matches names under which secrets are written, as they stand in env, YAML, JSON, flags and logs.
const secretKey = `([A-Za-z0-9_.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|auth[_-]?key|account[_-]?key|signing[_-]?key|encryption[_-]?key|connection[_-]?string)[A-Za-z0-9_-]*)`

// secretHints are the parts of which every name that secretKey matches has one.
func secretHints() []string {
	return []string{"pass", "pwd", "secret", "token", "key", "credential", "authorization", "connection"}
}

// secretRules are in their order: a later one sees what an earlier one left.
func secretRules() []rule {
	named := func(pattern string, secret func(key, value string) bool) rule {
		return rule{id: RuleNamed, pattern: regexp.MustCompile(`(?i)` + secretKey + pattern), hints: secretHints(), secret: secret}
	}
	return []rule{
		// PEM blocks of private keys, also when a log cut their end, and with line ends written as \n within JSON.
		{id: RulePrivateKey, pattern: regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\z)`), hints: []string{"-----begin"}},
		// What a Secret holds, and the credentials of a kubeconfig or a registry: base64, which no other rule reads.
		{id: RuleKubeconfig, pattern: regexp.MustCompile(`\b(?:client-key-data|id-token|refresh-token)["']?\s*:\s*["']?([A-Za-z0-9+/=._-]{16,})`), hints: []string{"client-key-data", "id-token", "refresh-token"}},
		{id: RuleRegistryAuth, pattern: regexp.MustCompile(`(?:\.dockerconfigjson|\.dockercfg)["']?\s*:\s*["']?([A-Za-z0-9+/=]{16,})`), hints: []string{".dockerc"}},
		{id: RuleRegistryAuth, pattern: regexp.MustCompile(`\\?"(?:auth|identitytoken)\\?"\s*:\s*\\?"([A-Za-z0-9+/=._-]{8,})`), hints: []string{`auth\"`, `auth"`, "identitytoken"}},
		// user:password@ in URLs; a password may itself hold an @. And the DSN of Go's MySQL driver.
		{id: RulePasswordInURL, pattern: regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/@:]*:([^\s/]+)@`), hints: []string{"://"}, secret: meant},
		{id: RulePasswordInURL, pattern: regexp.MustCompile(`\b[\w.-]+:([^\s:@/]+)@(?:tcp|unix)\(`), hints: []string{"@tcp(", "@unix("}, secret: meant},
		// HTTP authorization: with a scheme in any text, and whatever stands in the header of that name.
		{id: RuleAuthorization, pattern: regexp.MustCompile(`(?i)\b(?:bearer|basic)\s+([A-Za-z0-9._~+/=-]{8,})`), hints: []string{"bearer", "basic"}, secret: tokenLike},
		{id: RuleAuthorization, pattern: regexp.MustCompile(`(?i)authorization["']?\s*[:=]\s*["'\[]?(?:[a-z0-9-]+\s+)([^\s"',\]]{6,})`), hints: []string{"authorization"}, secret: tokenLike},
		// Cookies are the keys of sessions.
		{id: RuleCookie, pattern: regexp.MustCompile(`(?i)\bcookie["']?\s*[:=]\s*["'\[]*[\w.-]+=([^\s;"',\]]{6,})`), hints: []string{"cookie"}, secret: meant},
		{id: RuleCookie, pattern: regexp.MustCompile(`(?i)\b(?:session_?id|jsessionid|phpsessid|connect\.sid|sid|csrftoken)=([^\s;"',&\]]{6,})`), hints: []string{"sid", "sessionid", "session_id", "csrftoken"}, secret: meant},
		// JSON Web Tokens, such as those of ServiceAccounts.
		{id: RuleToken, pattern: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`), hints: []string{"eyj"}},
		// Keys with a form of their own, where the rules of gitleaks are stricter than what people have: AWS; GitHub, GitLab, Slack,
		// Google, Docker Hub, those that begin with sk-, and the paths of webhooks, which are keys themselves.
		{id: RuleKeyForm, pattern: regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), hints: []string{"akia", "asia"}},
		{id: RuleKeyForm, pattern: regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abeprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|sk-[A-Za-z0-9_-]{20,}|dckr_pat_[A-Za-z0-9_-]{20,}|hv[sbr]\.[A-Za-z0-9_-]{20,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,})`),
			hints: []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "aiza", "sk-", "dckr_pat_", "hvs.", "hvb.", "hvr.", "k_live_", "k_test_"}},
		{id: RuleKeyForm, pattern: regexp.MustCompile(`(?i)\b(?:hooks\.slack\.com/(?:services|workflows)|discord(?:app)?\.com/api/webhooks|[a-z0-9-]+\.webhook\.office\.com/webhookb2|qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=|open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook)/?([\w/@%.-]{12,})`),
			hints: []string{"hooks.slack.com", "/api/webhooks", "webhook.office.com", "qyapi.weixin", "open-apis/bot"}},
		{id: RuleKeyForm, pattern: regexp.MustCompile(`(?:\bbot|\b)([0-9]{8,10}:AA[A-Za-z0-9_-]{33})`), hints: []string{":aa"}},
		// Programs that take a password by itself.
		{id: RuleCommand, pattern: regexp.MustCompile(`\b(?:curl|wget|http)\b[^\n|;]*?\s(?:-u|--user)[ =]?["']?[^\s:"']+:([^\s"']+)`), hints: []string{"curl", "wget", "http"}, secret: meant},
		{id: RuleCommand, pattern: regexp.MustCompile(`\bsshpass\s+-p\s*["']?([^\s"']+)`), hints: []string{"sshpass"}, secret: meant},
		{id: RuleCommand, pattern: regexp.MustCompile(`\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n|;]*?\s-p([^\s"']+)`), hints: []string{"mysql", "mariadb"}, secret: meant},
		// "key": "value", key: 'value', key="value with spaces", JSON within JSON, and XML.
		named(`["']?\s*(?:[:=]|=>)\s*"((?:[^"\\]|\\.)+)"`, givenTo),
		named(`["']?\s*(?:[:=]|=>)\s*'([^']+)'`, givenTo),
		named(`\\+"\s*:\s*\\+"([^"\\]+)`, givenTo),
		named(`>([^<\s][^<]*)</`, givenTo),
		// key=value and --key=value, --key value.
		named(`=([^\s"'&,;>][^\s"'&,;]*)`, givenTo),
		named(`\s+=\s+([^\s"'&,;]+)`, beside),
		{id: RuleNamed, pattern: regexp.MustCompile(`(?i)--?(pass(?:word|phrase)?|[\w-]*(?:password|token|secret|api-key))\s+["']?([^\s"'-][^\s"']*)`), hints: []string{"-pass", "password", "token", "secret", "api-key"}, secret: beside},
		// password "value", password 'value', password is value: in words.
		{id: RuleNamed, pattern: regexp.MustCompile(`(?i)\b(passwords?|passphrase|pwd)\s+(?:is\s+|was\s+|of\s+)?["'` + "`" + `]([^\s"'` + "`" + `]{4,})["'` + "`" + `]`), hints: []string{"password", "passphrase", "pwd"}, secret: beside},
		// key: value and "key":123; prose has a colon after such names as well ("invalid token: not found").
		named(`(?:["']:\s*|:\s+)([^\s"',;{}\[\]]+)`, beside),
		// Password:value, as Go prints structs; token-service:1.2 is an image.
		{id: RuleNamed, pattern: regexp.MustCompile(`(?i)\b([a-z0-9_]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api_?key)):([^\s"',;{}\[\]/]+)`), hints: secretHints(), secret: beside},
		// Variables of Pods: the name in one line, the value in the next.
		{id: RuleNamed, pattern: regexp.MustCompile(`(?i)name["']?:\s*["']?` + secretKey + `["']?,?\s+["']?value["']?:\s*["']?([^\s"']+)`), hints: secretHints(), secret: givenTo},
		{id: RuleNamed, pattern: regexp.MustCompile(`(?i)"name":\s*"` + secretKey + `",\s*"value":\s*"([^"]+)"`), hints: secretHints(), secret: givenTo},
	}
}

func emailRule() rule {
	return rule{id: RuleEmail, as: "email", pattern: regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`), hints: []string{"@"}}
}

func ipRules() []rule {
	address := func(_, value string) bool { _, err := netip.ParseAddr(value); return err == nil }
	return []rule{
		{id: RuleIP, as: "ip", pattern: regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`), secret: address},
		{id: RuleIP, as: "ip", pattern: regexp.MustCompile(`(?i)\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\b`), secret: address},
	}
}

// known is one form of a secret that is known to be one, and what stands for it.
type known struct{ form, stand string }

// leastKnown is how long a secret must be to be looked for as such, in bytes.
const leastKnown = 6

// knownForms of secrets: as they are, and in base64 of both alphabets with and without padding. The longest come first, so that a
// secret that is part of another does not break it.
func knownForms(secrets []string) []known {
	var forms []known
	for _, s := range secrets {
		if len(s) < leastKnown {
			continue
		}
		stand := pseudonym("redacted", s)
		for _, form := range []string{
			s, base64.StdEncoding.EncodeToString([]byte(s)), base64.RawStdEncoding.EncodeToString([]byte(s)),
			base64.URLEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)),
		} {
			forms = append(forms, known{form, stand})
		}
	}
	slices.SortFunc(forms, func(a, b known) int {
		return cmp.Or(cmp.Compare(len(b.form), len(a.form)), strings.Compare(a.form, b.form))
	})
	return slices.CompactFunc(forms, func(a, b known) bool { return a.form == b.form })
}
