package redact

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"kubeops.io/kubeops/internal/leaks"
)

// rule finds one form of secret. It replaces the last group of the pattern, or the whole match if there is no group.
type rule struct {
	// id for counts.
	id      string
	pattern *regexp.Regexp
	// hints in lower case: every match contains at least one of them. The pattern is matched only on the lines with one.
	hints []string
	// pick reports whether a line may match, in place of hints.
	pick func(line string) bool
	// lines: a match can span lines, so the pattern is matched on the whole text.
	lines bool
	// secret reports whether a match is a secret; nil means always. key is the pattern's first group if it has two, else empty.
	secret func(key, value string) bool
	// each matches the secrets within the pattern's last group, with a key and a value; nil means the group is the secret.
	each *regexp.Regexp
	// label of the replacement. Default: redacted.
	label string
}

// ruleSet matches rules where their hints are. Most texts contain few hints, and a pattern is many times slower than the search for
// all hints at once.
type ruleSet struct {
	rules []rule
	words *leaks.Words
	// owners are rules by the id of a hint. single are those with a hint of one byte, picked those without hints.
	owners []int
	single map[byte][]int
	picked []int
	// scratch has *scratch: most texts are short, and many are searched.
	scratch sync.Pool
}

// scratch is the memory of a search for hints.
type scratch struct {
	// regions to match each rule on.
	regions [][]region
}

// maxScratch is how many regions of a rule are kept for the next search.
const maxScratch = 64

// empty the regions.
func (s *scratch) empty() {
	for i := range s.regions {
		if s.regions[i] = s.regions[i][:0]; cap(s.regions[i]) > maxScratch {
			s.regions[i] = nil
		}
	}
}

func newRuleSet(rules []rule) *ruleSet {
	s := &ruleSet{rules: rules, words: leaks.NewWords(), single: map[byte][]int{}}
	s.scratch.New = func() any { return &scratch{regions: make([][]region, len(rules))} }
	for i, rule := range rules {
		if rule.hints == nil {
			s.picked = append(s.picked, i)
		}
		for _, hint := range rule.hints {
			if len(hint) == 1 {
				s.single[hint[0]] = append(s.single[hint[0]], i)
				continue
			}
			s.words.Add(hint, len(s.owners))
			s.owners = append(s.owners, i)
		}
	}
	return s
}

// region is a part of a text in bytes: a line or all of it.
type region struct{ from, to int }

// find returns what the rules find, in order and without overlaps.
func (s *ruleSet) find(text string) []span {
	var spans []span
	var whole []int // rules
	hints := s.scratch.Get().(*scratch)
	defer s.scratch.Put(hints)
	for from := 0; from < len(text); {
		to := len(text)
		if to-from > chunk {
			to = lineOf(text, from+chunk).to
		}
		hints.empty()
		s.seek(text[from:to], hints.regions)
		for i, regions := range hints.regions {
			if s.rules[i].lines {
				if len(regions) > 0 && !slices.Contains(whole, i) {
					whole = append(whole, i)
				}
				continue
			}
			for _, region := range regions {
				spans = s.rules[i].appendMatches(spans, text, from+region.from, from+region.to)
			}
		}
		from = to
	}
	for _, i := range whole {
		spans = s.rules[i].appendMatches(spans, text, 0, len(text))
	}
	return union(spans)
}

// findEverywhere is find without hints.
func (s *ruleSet) findEverywhere(text string) []span {
	var spans []span
	for _, rule := range s.rules {
		if rule.lines {
			spans = rule.appendMatches(spans, text, 0, len(text))
			continue
		}
		for from := 0; from < len(text); {
			line := lineOf(text, from)
			spans = rule.appendMatches(spans, text, line.from, line.to)
			from = line.to
		}
	}
	return union(spans)
}

// chunk is how much text is searched for hints at once, in bytes: it bounds the memory for the lines to match.
const chunk = 1 << 20

// seek adds the parts of a text to match each rule on.
func (s *ruleSet) seek(text string, regions [][]region) {
	line := region{}
	add := func(i, at int) {
		if s.rules[i].lines {
			regions[i] = append(regions[i][:0], region{0, len(text)})
			return
		}
		if at >= line.to || at < line.from {
			line = lineOf(text, at)
		}
		last := len(regions[i]) - 1
		if last < 0 || regions[i][last].to < line.to {
			regions[i] = append(regions[i], line)
		}
	}
	if strings.Contains(text, "ſ") || strings.Contains(text, "\u212a") { // patterns match these letters as s and k
		for i := range s.rules {
			for from := 0; from < len(text); {
				line := lineOf(text, from)
				regions[i] = append(regions[i], line)
				from = line.to
			}
		}
		return
	}
	s.words.Each(text, func(id, at int) { add(s.owners[id], at) })
	for hint, rules := range s.single {
		for at := strings.IndexByte(text, hint); at >= 0; {
			for _, i := range rules {
				add(i, at)
			}
			next := strings.IndexByte(text[at+1:], hint)
			if next < 0 {
				break
			}
			at += 1 + next
		}
	}
	s.pick(text, add)
}

// pick adds the lines that rules without hints pick.
func (s *ruleSet) pick(text string, add func(rule, at int)) {
	for from := 0; from < len(text); {
		line := lineOf(text, from)
		for _, i := range s.picked {
			if s.rules[i].pick == nil || s.rules[i].pick(strings.TrimRight(text[line.from:line.to], " \r\n")) {
				add(i, from)
			}
		}
		from = line.to
	}
}

// lineOf returns the line of a position with its line break.
func lineOf(text string, at int) region {
	to := len(text)
	if end := strings.IndexByte(text[at:], '\n'); end >= 0 {
		to = at + end + 1
	}
	return region{strings.LastIndexByte(text[:at], '\n') + 1, to}
}

// appendMatches appends the matches of a rule in a part of a text.
func (r rule) appendMatches(spans []span, text string, start, end int) []span {
	part := text[start:end]
	add := func(key string, from, to int) {
		if !strings.HasSuffix(part[:from], "[redacted:") && (r.secret == nil || r.secret(key, part[from:to])) {
			spans = append(spans, span{start + from, start + to, r.id, r.label})
		}
	}
	for _, m := range r.pattern.FindAllStringSubmatchIndex(part, -1) {
		key := ""
		from := m[len(m)-2]
		to := m[len(m)-1]
		if len(m) > 4 {
			key = part[m[2]:m[3]]
		}
		if r.each == nil {
			add(key, from, to)
			continue
		}
		for _, e := range r.each.FindAllStringSubmatchIndex(part[from:to], -1) {
			add(part[from+e[2]:from+e[3]], from+e[4], from+e[5])
		}
	}
	return spans
}

// union sorts spans and joins those that overlap. One with a label gives way to a secret.
func union(spans []span) []span {
	slices.SortStableFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	var joined []span
	for _, s := range spans {
		if s.from >= s.to {
			continue
		}
		if len(joined) == 0 || joined[len(joined)-1].to <= s.from {
			joined = append(joined, s)
			continue
		}
		switch last := &joined[len(joined)-1]; {
		case last.label == "" && s.label == "":
			last.to = max(last.to, s.to)
		case s.label == "":
			*last = s
		}
	}
	return joined
}
