// Package leaks recognises secrets that stand in plain text where none should: in variables, arguments and ConfigMaps.
//
// It uses the rules of gitleaks, and adds two of its own: passwords in URLs, and plain passwords in variables whose name
// says that they are passwords. The detector of gitleaks itself is made for repositories: it compiles every rule at once
// and keeps tries of some ten megabytes. Here a rule is compiled when a text first has one of its keywords, and is tried
// only around them.
package leaks

import (
	"hash/maphash"
	"sync"
)

// Rules that are KubeOps' own, beside those of gitleaks.
const (
	// RulePasswordInURL is a password before the @ of an address.
	RulePasswordInURL = "password-in-url"
	// RulePasswordInVariable is a literal value of something that is named a password.
	RulePasswordInVariable = "password-in-variable"
	// RuleGeneric is a value that looks random, of something that is named a key, a token or a secret.
	RuleGeneric = "generic-api-key"
)

// Scanner finds secrets in text. It is safe for concurrent use.
type Scanner struct {
	rules   *ruleSet
	words   *words
	answers answers
}

// New makes a Scanner with the default rules of gitleaks. It costs some milliseconds and about a megabyte; rules are
// compiled when they are first needed.
func New() (*Scanner, error) {
	rules, err := readRules()
	if err != nil {
		return nil, err
	}
	s := &Scanner{rules: rules, answers: answers{seed: maphash.MakeSeed(), known: map[uint64]string{}}}
	s.words = newWords()
	for i := range rules.rules {
		for _, keyword := range rules.rules[i].keywords {
			s.words.add(keyword, i)
		}
	}
	for _, name := range nameWords() {
		s.words.add(name, wordOfName)
	}
	s.words.add("://", wordOfURL)
	return s, nil
}

// Scan returns the id of a rule that the text breaks, or "". A text is a variable (NAME=value), a word of a command line, or
// a key and value of a ConfigMap (key: value), which may have many lines. Of several rules the most specific is returned.
func (s *Scanner) Scan(text string) (rule string) {
	found := s.look(text)
	if len(found.spans) == 0 && len(found.names) == 0 && len(found.urls) == 0 {
		return ""
	}
	key, rule, ok := s.answers.get(text)
	if !ok {
		rule = s.judge(text, found)
		s.answers.put(key, rule)
	}
	return rule
}

// judge tries what the words of a text hint at, the most specific first.
func (s *Scanner) judge(text string, found hints) string {
	best := len(s.rules.rules)
	for _, span := range found.spans {
		if span.rule < best && s.rules.rules[span.rule].matches(s.rules, text[span.from:span.to]) {
			best = span.rule // the order of the rules decides, not that of the text
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
		case namesKey:
			if generic == "" && s.rules.generic(a) {
				generic = RuleGeneric
			}
		}
	}
	return generic
}

// maxAnswers bounds the memory of a Scanner: twice that many answers of some 40 bytes.
const maxAnswers = 8192

// answers remembers what was said of a text, by its hash, since thousands of Pods repeat the same. When it is full, the
// older half goes.
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
