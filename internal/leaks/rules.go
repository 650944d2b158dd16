package leaks

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// ruleFile is the part of gitleaks' configuration that matters for text without a file.
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

// ruleSet are the rules with what they share.
type ruleSet struct {
	rules []rule
	// allow is for all rules; the generic rule has its own besides.
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
	// long secrets span many lines.
	long bool
	// regex compiles at its first use.
	regex func() (*regexp.Regexp, error)
}

type allowlist struct {
	// target is what the regexes are tried on: secret, match or line.
	target  string
	regexes func() ([]*regexp.Regexp, error)
	stop    *words
}

// readRules reads the default rules of gitleaks. Rules about files are left out, and those about what is no secret by itself.
func readRules() (*ruleSet, error) {
	var file ruleFile
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &file); err != nil {
		return nil, fmt.Errorf("read the rules of gitleaks: %w", err)
	}
	set := &ruleSet{allow: newAllowlist(file.Allowlist)}
	for _, r := range file.Rules {
		var allow []allowlist
		for _, a := range r.Allowlists {
			if !strings.EqualFold(a.Condition, "AND") || len(a.Paths) == 0 { // text has no path
				allow = append(allow, newAllowlist(a))
			}
		}
		if r.ID == RuleGeneric {
			set.genericAllow, set.genericEntropy = allow, r.Entropy
			continue
		}
		if r.Regex == "" || r.Path != "" || notSecret(r.ID) {
			continue
		}
		made := rule{id: r.ID, entropy: r.Entropy, group: r.SecretGroup, allow: allow, long: r.ID == "private-key", regex: compileLater(r.Regex)}
		for _, k := range r.Keywords {
			if len(k) < 2 {
				return nil, fmt.Errorf("the keyword %q of rule %s is too short", k, r.ID)
			}
			made.keywords = append(made.keywords, strings.ToLower(k))
		}
		if len(made.keywords) == 0 {
			return nil, fmt.Errorf("the rule %s has no keyword", r.ID)
		}
		set.rules = append(set.rules, made)
	}
	if set.genericEntropy == 0 || len(set.rules) < 100 {
		return nil, fmt.Errorf("the rules of gitleaks are not as expected: %d rules, generic entropy %v", len(set.rules), set.genericEntropy)
	}
	return set, nil
}

// notSecret are rules about names of accounts and public keys, which may well be told.
func notSecret(id string) bool {
	return strings.HasSuffix(id, "-id") && id != "alibaba-access-key-id" || strings.HasSuffix(id, "-public-key") || id == "new-relic-browser-api-token"
}

func compileLater(expression string) func() (*regexp.Regexp, error) {
	return sync.OnceValues(func() (*regexp.Regexp, error) { return regexp.Compile(expression) })
}

func newAllowlist(a ruleAllowlist) allowlist {
	made := allowlist{target: a.RegexTarget, regexes: sync.OnceValues(func() ([]*regexp.Regexp, error) {
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
		made.stop = newWords()
		for _, s := range a.StopWords {
			if len(s) > 1 {
				made.stop.add(strings.ToLower(s), 0)
			}
		}
	}
	return made
}

// allows says whether a match is known to be none. A list that cannot be read allows everything.
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

// matches tries one rule on a part of a text.
func (r *rule) matches(set *ruleSet, text string) bool {
	re, err := r.regex()
	if err != nil { // not of this dialect; a test sees to it that there is none
		return false
	}
	for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
		if r.means(set, text, r.secret(text, strings.Trim(text[at[0]:at[1]], "\n"), at), at) {
			return true
		}
	}
	return false
}

// means says whether a match is a secret: it looks random enough, and no list allows it.
func (r *rule) means(set *ruleSet, text, secret string, at []int) bool {
	match := strings.Trim(text[at[0]:at[1]], "\n")
	if r.entropy > 0 && entropy(secret) <= r.entropy || placeholder(secret) || namesDigest(match) {
		return false
	}
	line := lineAround(text, at[0], at[1])
	allowed := set.allow.allows(secret, match, line)
	for _, a := range r.allow {
		allowed = allowed || a.allows(secret, match, line)
	}
	return !allowed
}

// secret is the part of a match that the rule means: its group, or the first that is not empty, or all of it.
func (r *rule) secret(text, match string, at []int) string {
	for group := 1; 2*group+1 < len(at); group++ {
		if from, to := at[2*group], at[2*group+1]; from < to && (r.group == 0 || r.group == group) {
			return text[from:to]
		}
	}
	return match
}

// generic judges a value that is named a key, a token or a secret: it must look random.
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

// entropy is Shannon's, in bits for each byte.
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
