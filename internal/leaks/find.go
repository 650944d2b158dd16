package leaks

import (
	"cmp"
	"slices"
	"strings"
)

// Secret is the location of a secret in a text.
type Secret struct {
	// Rule that found it.
	Rule string
	// From and To are offsets in the text in bytes.
	From, To int
}

// Find returns the secrets in a text that gitleaks' rules recognize, in order and without overlaps. It does not return passwords in
// URLs and variables: callers know the context of the text better.
func (s *Scanner) Find(text string) []Secret {
	var found []Secret
	for _, span := range s.scanHints(text).spans {
		r := &s.rules.rules[span.rule]
		for _, at := range r.find(s.rules, text[span.from:span.to]) {
			found = append(found, Secret{r.id, span.from + at[0], span.from + at[1]})
		}
	}
	slices.SortFunc(found, func(a, b Secret) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(b.To, a.To)) })
	end := 0
	return slices.DeleteFunc(found, func(one Secret) bool {
		if one.From < end {
			return true
		}
		end = one.To
		return false
	})
}

// find returns the offsets of the secrets that a rule finds in a part of a text.
func (r *rule) find(set *ruleSet, text string) [][2]int {
	re, err := r.regex()
	if err != nil {
		return nil
	}
	var found [][2]int
	for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
		if secret := r.secret(text, strings.Trim(text[at[0]:at[1]], "\n"), at); !r.isSecret(set, text, secret, at) {
			continue
		}
		from, to := r.locate(text, at)
		found = append(found, [2]int{from, to})
	}
	return found
}

// locate returns the offsets of the secret within a match.
func (r *rule) locate(text string, at []int) (from, to int) {
	for group := 1; 2*group+1 < len(at); group++ {
		if from, to := at[2*group], at[2*group+1]; from < to && (r.group == 0 || r.group == group) {
			return from, to
		}
	}
	match := text[at[0]:at[1]]
	from = at[0] + len(match) - len(strings.TrimLeft(match, "\n"))
	return from, max(from, at[1]-(len(match)-len(strings.TrimRight(match, "\n"))))
}
