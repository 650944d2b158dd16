package leaks

import (
	"cmp"
	"slices"
	"strings"
)

// Secret is one that stands in a text.
type Secret struct {
	// Rule that found it.
	Rule string
	// From and To are its place in the text, in bytes.
	From, To int
}

// Find returns all secrets of a text that the rules of gitleaks know by their form, in their order and without overlaps. Passwords
// in URLs and in variables are not among them: who looks for those knows better what the text is.
func (s *Scanner) Find(text string) []Secret {
	var found []Secret
	for _, span := range s.look(text).spans {
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

// find returns where the secrets are that a rule finds in a part of a text.
func (r *rule) find(set *ruleSet, text string) [][2]int {
	re, err := r.regex()
	if err != nil {
		return nil
	}
	var found [][2]int
	for _, at := range re.FindAllStringSubmatchIndex(text, -1) {
		if secret := r.secret(text, strings.Trim(text[at[0]:at[1]], "\n"), at); !r.means(set, text, secret, at) {
			continue
		}
		from, to := r.place(text, at)
		found = append(found, [2]int{from, to})
	}
	return found
}

// place of the part of a match that is secret.
func (r *rule) place(text string, at []int) (from, to int) {
	for group := 1; 2*group+1 < len(at); group++ {
		if from, to := at[2*group], at[2*group+1]; from < to && (r.group == 0 || r.group == group) {
			return from, to
		}
	}
	match := text[at[0]:at[1]]
	from = at[0] + len(match) - len(strings.TrimLeft(match, "\n"))
	return from, max(from, at[1]-(len(match)-len(strings.TrimRight(match, "\n"))))
}
