package leaks

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// ruleFile is the part of gitleaks' configuration that applies to text outside of files.
type ruleFile struct {
	Allowlist ruleAllowlist
	Rules     []struct {
		ID, Regex, Path string
		SecretGroup     int
		Entropy         float64
		Keywords        []string
		Allowlists      []ruleAllowlist
	}
}

type ruleAllowlist struct {
	Condition, RegexTarget    string
	Regexes, StopWords, Paths []string
}

// ruleSet is the rules with their shared allowlists.
type ruleSet struct {
	rules []rule
	// allow applies to all rules; the generic rule has additional lists.
	allow          allowlist
	genericAllow   []allowlist
	genericEntropy float64
}

type rule struct {
	id       string
	keywords []string
	entropy  float64
	group    int
	allow    []allowlist
	// long: the secret spans many lines.
	long bool
	// regex is compiled on first use.
	regex func() (*regexp.Regexp, error)
}

type allowlist struct {
	// target of the regexes: secret, match or line.
	target  string
	regexes func() ([]*regexp.Regexp, error)
	stop    *Words
}

// readRules parses the default rules of gitleaks. It skips rules about files and about values that are not secret on their own.
func readRules() (*ruleSet, error) {
	var file ruleFile
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &file); err != nil {
		return nil, fmt.Errorf("parse the rules of gitleaks: %w", err)
	}
	set := &ruleSet{allow: newAllowlist(file.Allowlist)}
	for _, r := range file.Rules {
		var allow []allowlist
		for _, a := range r.Allowlists {
			if !strings.EqualFold(a.Condition, "AND") || len(a.Paths) == 0 { // a text has no path
				allow = append(allow, newAllowlist(a))
			}
		}
		if r.ID == RuleGeneric {
			set.genericAllow = allow
			set.genericEntropy = r.Entropy
			continue
		}
		if r.Regex == "" || r.Path != "" || notSecret(r.ID) {
			continue
		}
		compiled := rule{
			id: r.ID, entropy: r.Entropy, group: r.SecretGroup, allow: allow, long: r.ID == "private-key", regex: compileLater(r.Regex),
		}
		for _, k := range r.Keywords {
			if len(k) < 2 {
				return nil, fmt.Errorf("rule %[2]s of gitleaks: keyword %[1]q is shorter than 2 bytes", k, r.ID)
			}
			compiled.keywords = append(compiled.keywords, strings.ToLower(k))
		}
		if len(compiled.keywords) == 0 {
			return nil, fmt.Errorf("rule %s of gitleaks has no keywords", r.ID)
		}
		set.rules = append(set.rules, compiled)
	}
	if set.genericEntropy == 0 || len(set.rules) < 100 {
		return nil, fmt.Errorf("unexpected rules of gitleaks: %d rules, generic entropy %v", len(set.rules), set.genericEntropy)
	}
	return set, nil
}

// notSecret reports whether a rule matches account names or public keys, which are not secret.
func notSecret(id string) bool {
	return strings.HasSuffix(id, "-id") && id != "alibaba-access-key-id" || strings.HasSuffix(id, "-public-key") ||
		id == "new-relic-browser-api-token"
}

func compileLater(expression string) func() (*regexp.Regexp, error) {
	return sync.OnceValues(func() (*regexp.Regexp, error) { return regexp.Compile(expression) })
}

func newAllowlist(a ruleAllowlist) allowlist {
	list := allowlist{target: a.RegexTarget, regexes: sync.OnceValues(func() ([]*regexp.Regexp, error) {
		var compiled []*regexp.Regexp
		for _, expression := range a.Regexes {
			re, err := regexp.Compile(expression)
			if err != nil {
				return nil, err
			}
			compiled = append(compiled, re)
		}
		return compiled, nil
	})}
	if len(a.StopWords) > 0 {
		list.stop = NewWords()
		for _, s := range a.StopWords {
			if len(s) > 1 {
				list.stop.Add(strings.ToLower(s), 0)
			}
		}
	}
	return list
}

// allows reports whether a match is a known false positive. A list that does not compile allows everything.
func (a allowlist) allows(secret, match, line string) bool {
	target := secret
	switch a.target {
	case "match":
		target = match
	case "line":
		target = line
	}
	regexes, err := a.regexes()
	if err != nil {
		return true
	}
	for _, re := range regexes {
		if re.MatchString(target) {
			return true
		}
	}
	return a.stop != nil && a.stop.containsAny(secret)
}

// matches reports whether a rule finds a secret in a part of a text.
func (r *rule) matches(set *ruleSet, text string) bool {
	re, err := r.regex()
	if err != nil { // a test checks that every rule compiles
		return false
	}
	for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
		if r.isSecret(set, text, r.secret(text, strings.Trim(text[at[0]:at[1]], "\n"), at), at) {
			return true
		}
	}
	return false
}

// isSecret reports whether a match is a secret: it looks random enough, and no allowlist matches.
func (r *rule) isSecret(set *ruleSet, text, secret string, at []int) bool {
	match := strings.Trim(text[at[0]:at[1]], "\n")
	if r.entropy > 0 && entropy(secret) <= r.entropy || Placeholder(secret) || namesDigest(match) {
		return false
	}
	line := lineAround(text, at[0], at[1])
	allowed := set.allow.allows(secret, match, line)
	for _, a := range r.allow {
		allowed = allowed || a.allows(secret, match, line)
	}
	return !allowed
}

// secret returns the secret part of a match: the rule's group, or the first non-empty group, or the whole match.
func (r *rule) secret(text, match string, at []int) string {
	for group := 1; 2*group+1 < len(at); group++ {
		if from, to := at[2*group], at[2*group+1]; from < to && (r.group == 0 || r.group == group) {
			return text[from:to]
		}
	}
	return match
}

// generic reports whether a value that is named a key, token or secret looks random.
func (s *ruleSet) generic(a assignment) bool {
	if !a.randomLooking() || entropy(a.value) <= s.genericEntropy {
		return false
	}
	match := a.name + "=" + a.value
	if s.allow.allows(a.value, match, match) {
		return false
	}
	for _, list := range s.genericAllow {
		if list.allows(a.value, match, match) {
			return false
		}
	}
	return true
}

// bearer is the scheme of authorization before a token.
const bearer = "bearer "

// bearerToken reports whether a token that looks random follows the scheme at a position of a text.
func (s *ruleSet) bearerToken(text string, at int) bool {
	value := strings.TrimLeft(text[at+len(bearer):], " ")
	end := strings.IndexFunc(value, func(r rune) bool {
		return !strings.ContainsRune("._~+/=-", r) && (r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r))
	})
	if end >= 0 {
		value = value[:end]
	}
	return s.generic(assignment{name: "bearer", value: value})
}

// entropy is the Shannon entropy in bits per byte.
func entropy(text string) float64 {
	var counts [256]int
	for i := range len(text) {
		counts[text[i]]++
	}
	var sum float64
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(text))
			sum -= p * math.Log2(p)
		}
	}
	return sum
}

func lineAround(text string, from, to int) string {
	start := strings.LastIndexByte(text[:from], '\n') + 1
	if end := strings.IndexByte(text[to:], '\n'); end >= 0 {
		return text[start : to+end]
	}
	return text[start:]
}
