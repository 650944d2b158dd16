package redact

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// Rules of this package. Those of gitleaks have gitleaks' ids.
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
	RuleStatement     = "statement"
	RuleHash          = "password-hash"
	RuleFile          = "credential-file"
	RuleAgain         = "secret-again"
	RuleRandom        = "random-value"
	// RuleUnsettled is a whole text, which did not settle after maxPasses.
	RuleUnsettled = "unsettled-text"
	RuleEmail     = "email"
	RuleIP        = "ip-address"
)

// secretRules returns the rules in order: each one sees the text that the previous one left.
func secretRules() []rule {
	return slices.Concat(
		formatRules(), headerRules(), statementRules(), callRules(), settingRules(), fileRules(), addressRules(), shellRules(),
	)
}

// formatRules recognize secrets by their form.
func formatRules() []rule {
	return []rule{
		// PEM blocks of private keys, also if a log truncated them, and with \n for line breaks in JSON.
		{
			id: RulePrivateKey, hints: []string{"-----begin"}, lines: true,
			pattern: regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?:(?:[^-]|-[^-])*?-----END [A-Z ]*PRIVATE KEY` +
				`(?: BLOCK)?-----|` +
				`(?:[ \t]*(?:\r?\n|\\r|\\n)+[ \t]*(?:[\w-]+: [^\n\\]*|[A-Za-z0-9+/=]+)?)*)`),
		},
		// Data of a Secret, and credentials of a kubeconfig or a registry: base64 that no other rule recognizes.
		{
			id: RuleKubeconfig, hints: []string{"client-key-data", "id-token", "refresh-token"},
			pattern: regexp.MustCompile(`\b(?:client-key-data|id-token|refresh-token)["']?\s*:\s*["']?([A-Za-z0-9+/=._-]{16,})`),
		},
		{
			id: RuleRegistryAuth, hints: []string{".dockerc"},
			pattern: regexp.MustCompile(`(?:\.dockerconfigjson|\.dockercfg)["']?\s*:\s*["']?([A-Za-z0-9+/=]{16,})`),
		},
		{
			id: RuleRegistryAuth, hints: []string{`auth\"`, `auth"`, "identitytoken"},
			pattern: regexp.MustCompile(`\\?"(?:auth|identitytoken)\\?"\s*:\s*\\?"([A-Za-z0-9+/=._-]{8,})`),
		},
		// user:password@ in URLs, where the password may contain an @, and the DSN of Go's MySQL driver.
		{
			id: RulePasswordInURL, hints: []string{"://"}, secret: isURLPassword,
			pattern: regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/@:]*:([^\s/]+)@`),
		},
		{
			id: RulePasswordInURL, hints: []string{"@tcp(", "@unix("}, secret: isValue,
			pattern: regexp.MustCompile(`\b[\w.-]+:([^\s:@/]+)@(?:tcp|unix)\(`),
		},
		// JSON Web Tokens, such as ServiceAccount tokens.
		{
			id:      RuleToken,
			pattern: regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?`),
			hints:   []string{"eyj"},
		},
		// Keys with a known format where gitleaks' rules are too strict: AWS; GitHub, GitLab, Slack, Google, Docker Hub and keys with
		// the prefix sk-; and webhook paths, which are credentials.
		{id: RuleKeyForm, pattern: regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), hints: []string{"akia", "asia"}},
		{
			id: RuleKeyForm,
			hints: []string{
				"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "aiza", "sk-", "dckr_pat_", "hvs.",
				"hvb.", "hvr.", "k_live_", "k_test_", "ya29.",
			},
			pattern: regexp.MustCompile(`\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|` +
				`glpat-[A-Za-z0-9_-]{16,}(?:\.[0-9a-z]{2}\.[0-9a-z]{7,12})?|` +
				`xox[abeprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|sk-[A-Za-z0-9_-]{20,}|dckr_pat_[A-Za-z0-9_-]{20,}|` +
				`hv[sbr]\.[A-Za-z0-9_-]{20,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}[\w-]*|ya29\.[\w-]{20,})`),
		},
		vendorRule(),
		markedRule(),
		gatewayRule(),
		{
			id: RuleKeyForm, hints: []string{"hooks.slack.com", "/api/webhooks", "webhook.office.com", "qyapi.weixin", "open-apis/bot"},
			pattern: regexp.MustCompile(`(?i)\b(?:hooks\.slack\.com/(?:services|workflows)|discord(?:app)?\.com/api/webhooks|` +
				`[a-z0-9-]+\.webhook\.office\.com/webhookb2|qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=|open\.(?:feishu\.cn|` +
				`larksuite\.com)/open-apis/bot/v2/hook)/?([\w/@%.-]{12,})`),
		},
		{id: RuleKeyForm, pattern: regexp.MustCompile(`\bAGE-SECRET-KEY-1[0-9A-Za-z]{40,}`), hints: []string{"age-secret-key"}},
		// Tableau.
		{
			id: RuleKeyForm, hints: []string{"==:"},
			pattern: regexp.MustCompile(`(?:^|[^\w+/=])([A-Za-z0-9+/]{22}==:[A-Za-z0-9]{32})\b`),
		},
		{id: RuleKeyForm, pattern: regexp.MustCompile(`(?:\bbot|\b)([0-9]{8,10}:AA[A-Za-z0-9_-]{33})`), hints: []string{":aa"}},
	}
}

// vendorRule recognizes keys by prefixes that their vendors document: New Relic, Bitbucket, LangSmith, Rootly, Shippo, Mailgun,
// LaunchDarkly, AppSync, SpectralOps, BestTime, Alibaba Cloud and Octopus Deploy.
func vendorRule() rule {
	return rule{
		id: RuleKeyForm,
		hints: []string{
			"nrak-", "bbdc-", "atbb", "atctt", "lsv2_", "rootly_", "shippo_", "key-", "sdk-", "api-", "da2-", "spu-", "pri_", "ltai",
		},
		pattern: regexp.MustCompile(`\b(?:NRAK-[A-Z0-9]{27}\b|BBDC-[\w+/@-]{40,}|ATBB[A-Za-z0-9_=.-]{24,}|ATCTT[\w=.-]{60,}|` +
			`lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}|rootly_[0-9a-f]{64}|shippo_(?:live|test)_[0-9a-f]{40}|key-[0-9a-z]{32}\b|` +
			`(?:sdk|api)-[0-9a-z]{8}-(?:[0-9a-z]{4}-){3}[0-9a-z]{12}\b|da2-[a-z0-9]{26}\b|spu-[0-9a-z]{32}\b|pri_[0-9a-f]{32}\b|` +
			`LTAI[A-Za-z0-9]{12,26}\b|API-[A-Z0-9]{25,32}\b)`),
	}
}

func emailRule() rule {
	return rule{
		id: RuleEmail, label: "email", hints: []string{"@"},
		pattern: regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}`),
	}
}

func ipRules() []rule {
	address := func(_, value string) bool { // loopback and "all addresses" are the same everywhere
		parsed, err := netip.ParseAddr(value)
		return err == nil && !parsed.IsLoopback() && !parsed.IsUnspecified()
	}
	return []rule{
		{id: RuleIP, label: "ip", pattern: regexp.MustCompile(`\b\d{1,3}(?:\.\d{1,3}){3}\b`), secret: address},
		{id: RuleIP, label: "ip", pattern: regexp.MustCompile(`(?i)\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\b`), secret: address},
	}
}

// known is one encoding of a known secret and its replacement.
type known struct{ form, replacement string }

// replace replaces the secret in a text, except within pseudonyms: the word redacted may be a secret.
func (k known) replace(text string, counts Counts) string {
	if !strings.Contains(text, k.form) {
		return text
	}
	return outsideMarks(text, func(part string) string {
		counts.add(RuleKnown, strings.Count(part, k.form))
		return strings.ReplaceAll(part, k.form, k.replacement)
	})
}

// minKnown is the minimum length of a known secret in bytes.
const minKnown = 6

// knownForms returns secrets as they are and in base64 of both alphabets, with and without padding. The longest come first, in case
// a secret is part of another.
func knownForms(secrets []string) []known {
	var forms []known
	for _, s := range secrets {
		if len(s) < minKnown {
			continue
		}
		replacement := pseudonym("redacted", s)
		for _, form := range []string{
			s, base64.StdEncoding.EncodeToString([]byte(s)), base64.RawStdEncoding.EncodeToString([]byte(s)),
			base64.URLEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)),
		} {
			forms = append(forms, known{form, replacement})
		}
	}
	slices.SortFunc(forms, func(a, b known) int {
		return cmp.Or(cmp.Compare(len(b.form), len(a.form)), strings.Compare(a.form, b.form))
	})
	return slices.CompactFunc(forms, func(a, b known) bool { return a.form == b.form })
}
