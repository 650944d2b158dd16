// Package leaks recognizes plain-text secrets in environment variables, arguments and ConfigMaps.
//
// It uses the rules of gitleaks and adds two: passwords in URLs, and literal passwords in variables that are named as one. The
// detector of gitleaks is designed for repositories: it compiles all rules at once and keeps tries of about ten megabytes. This
// package compiles a rule when a text first contains one of its keywords, and matches it only around them.
package leaks

import (
	"hash/maphash"
	"slices"
	"sync"
)

// Rules of KubeOps in addition to those of gitleaks.
const (
	// RulePasswordInURL is a password before the @ of a URL.
	RulePasswordInURL = "password-in-url"
	// RulePasswordInVariable is a literal value whose name says that it is a password.
	RulePasswordInVariable = "password-in-variable"
	// RuleGeneric is a value that looks random and whose name, or scheme of authorization, says that it is a key, token or secret.
	RuleGeneric = "generic-api-key"
)

// Scanner finds secrets in text. It is safe for concurrent use.
type Scanner struct {
	rules   *ruleSet
	words   *Words
	answers answers
}

// New creates a Scanner with the default rules of gitleaks. It takes some milliseconds and about a megabyte; rules are compiled on
// first use.
func New() (*Scanner, error) {
	rules, err := readRules()
	if err != nil {
		return nil, err
	}
	s := &Scanner{rules: rules, answers: answers{seed: maphash.MakeSeed(), known: map[uint64]string{}}}
	s.words = NewWords()
	for i := range rules.rules {
		for _, keyword := range rules.rules[i].keywords {
			s.words.Add(keyword, i)
		}
	}
	for _, name := range nameWords() {
		s.words.Add(name, wordOfName)
	}
	s.words.Add("://", wordOfURL)
	s.words.Add(bearer, wordOfBearer)
	return s, nil
}

// Scan returns the id of the most specific rule that matches the text, or "". A text is a variable (NAME=value), a command-line
// argument, or a key and value of a ConfigMap (key: value, possibly many lines).
func (s *Scanner) Scan(text string) (rule string) {
	found := s.scanHints(text)
	if len(found.spans) == 0 && len(found.names) == 0 && len(found.urls) == 0 && len(found.bearers) == 0 {
		return ""
	}
	key, rule, ok := s.answers.get(text)
	if !ok {
		rule = s.match(text, found)
		s.answers.put(key, rule)
	}
	return rule
}

// match tries the rules that the hints point to, the most specific first.
func (s *Scanner) match(text string, found hints) string {
	best := len(s.rules.rules)
	for _, span := range found.spans {
		if span.rule < best && s.rules.rules[span.rule].matches(s.rules, text[span.from:span.to]) {
			best = span.rule // the order of the rules decides, not the position in the text
		}
	}
	if best < len(s.rules.rules) {
		return s.rules.rules[best].id
	}
	for _, at := range found.urls {
		if passwordInURL(text, at) {
			return RulePasswordInURL
		}
	}
	generic := ""
	if slices.ContainsFunc(found.bearers, func(at int) bool { return s.rules.bearerToken(text, at) }) {
		generic = RuleGeneric
	}
	for _, at := range found.names {
		a, ok := parseAssignment(text, at)
		if !ok {
			continue
		}
		switch a.kind() {
		case namesPassword:
			if a.literalPassword() {
				return RulePasswordInVariable
			}
		case namesAny:
			if a.literalWord() {
				return RulePasswordInVariable
			}
		case namesKey:
			if generic == "" && s.rules.generic(a) {
				generic = RuleGeneric
			}
		}
	}
	return generic
}

// maxAnswers bounds the memory of a Scanner: it keeps at most twice as many answers, of about 40 bytes each.
const maxAnswers = 8192

// answers caches results by the hash of the text, since thousands of Pods repeat the same ones. When it is full, the older half is
// dropped.
type answers struct {
	seed       maphash.Seed
	mu         sync.Mutex
	known, old map[uint64]string
}

func (a *answers) get(text string) (key uint64, rule string, ok bool) {
	key = maphash.String(a.seed, text)
	a.mu.Lock()
	defer a.mu.Unlock()
	if rule, ok = a.known[key]; !ok {
		rule, ok = a.old[key]
	}
	return key, rule, ok
}

func (a *answers) put(key uint64, rule string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxAnswers {
		a.known, a.old = map[uint64]string{}, a.known
	}
	a.known[key] = rule
}
