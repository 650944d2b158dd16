package template

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// depth is how many first tokens lead to a list of templates.
	depth = 2
	// maxChildren of a node of the tree; tokens beyond share one branch.
	maxChildren = 64
	// maxLeaf is how many templates one list may hold.
	maxLeaf = 100
)

// Defaults of Options.
const (
	DefaultMaxLine      = 2 << 10
	DefaultMaxTemplates = 500
	DefaultSimilarity   = 0.75
)

// Options of a Miner. The zero value takes the defaults.
type Options struct {
	// MaxLine is how many bytes of a line are looked at.
	MaxLine int
	// MaxTemplates that one Miner keeps.
	MaxTemplates int
	// Similarity is the share of tokens that must be the same for a line to join a template. From three tokens on, one may
	// always differ.
	Similarity float64
	// Pool bounds the templates of several Miners together; nil for none.
	Pool *Pool
	// MaxMisses is how many lines of no known template are looked at closer, each for Learn and for Find: they cost most, and
	// of lines that are all different there is no end. Lines beyond join nothing. Default 20 times MaxTemplates.
	MaxMisses int
	// Clean is applied to a line before a template is made of it, so that no template holds what Clean takes away; nil for
	// nothing. It must not change what it has cleaned before.
	Clean func(string) string
}

// Template is what lines have in common.
type Template[D any] struct {
	// Count of lines that were learned.
	Count int
	// Rank makes it more valuable than templates of lower rank, whatever their counts are.
	Rank int8
	// Data of the caller.
	Data D

	tokens []string
	// used is a number that grows; of two, the template with the higher one was used later.
	used uint64
	leaf *node[D]
}

// String is the template as people read it.
func (t *Template[D]) String() string {
	return strings.ToValidUTF8(strings.Join(t.tokens, " "), "\uFFFD")
}

// Miner finds templates in lines. It is not safe for concurrent use.
type Miner[D any] struct {
	options Options
	masker  masker
	// roots by number of tokens.
	roots map[int]*node[D]
	size  int
	used  uint64
	// misses and sought count lines of no known template, of Learn and of Find.
	misses, sought int
	// evicted templates, and the lines that they had counted, or that were not looked at.
	evicted, evictedLines int
}

// node of the tree. The inner ones have children, those at the end of each path a list of templates.
type node[D any] struct {
	children map[string]*node[D]
	// rest is for tokens that are variable, and for those beyond maxChildren.
	rest *node[D]
	list []*Template[D]
}

// New makes a Miner that knows nothing yet.
func New[D any](options Options) *Miner[D] {
	if options.MaxLine <= 0 {
		options.MaxLine = DefaultMaxLine
	}
	if options.MaxTemplates <= 0 {
		options.MaxTemplates = DefaultMaxTemplates
	}
	if options.Similarity <= 0 || options.Similarity > 1 {
		options.Similarity = DefaultSimilarity
	}
	if options.MaxMisses <= 0 {
		options.MaxMisses = 20 * options.MaxTemplates
	}
	m := &Miner[D]{options: options, roots: map[int]*node[D]{}}
	if options.Pool != nil {
		options.Pool.miners = append(options.Pool.miners, m)
	}
	return m
}

// Learn finds the template of a line, or makes it one of its own, and counts the line. It is nil for lines of nothing but white
// space, and beyond MaxMisses.
func (m *Miner[D]) Learn(line string) *Template[D] {
	line = m.cut(line)
	if t := m.find(line); t != nil {
		return m.join(t)
	}
	if len(m.masker.tokens) == 0 {
		return nil
	}
	if !m.may(&m.misses) {
		m.evictedLines++
		return nil
	}
	t := m.findCleaned(line)
	if t == nil {
		t = m.create()
	}
	if t == nil {
		return nil
	}
	return m.join(t)
}

// Find is Learn for lines that are only counted where their template is known already; nil for others.
func (m *Miner[D]) Find(line string) *Template[D] {
	if m.size == 0 {
		return nil
	}
	line = m.cut(line)
	t := m.find(line)
	if t == nil && m.may(&m.sought) {
		t = m.findCleaned(line)
	}
	if t == nil {
		return nil
	}
	return m.join(t)
}

// may one more line of no known template be looked at?
func (m *Miner[D]) may(misses *int) bool {
	*misses++
	if p := m.options.Pool; p != nil {
		p.misses++
		if p.MaxMisses > 0 && p.misses > p.MaxMisses {
			return false
		}
	}
	return *misses <= m.options.MaxMisses
}

// findCleaned finds the template of a line that none was found of as it is: it may be one that was cleaned. What it has masked is
// then the cleaned line.
func (m *Miner[D]) findCleaned(line string) *Template[D] {
	if m.options.Clean == nil {
		return nil
	}
	cleaned := m.options.Clean(line)
	if cleaned == line {
		return nil
	}
	return m.find(cleaned)
}

func (m *Miner[D]) cut(line string) string {
	if len(line) > m.options.MaxLine {
		return line[:m.options.MaxLine]
	}
	return line
}

// Templates that are known, the most valuable first: by rank, by count, then by their text.
func (m *Miner[D]) Templates() []*Template[D] {
	all := m.gather()
	slices.SortFunc(all, func(a, b *Template[D]) int {
		return cmp.Or(cmp.Compare(b.Rank, a.Rank), cmp.Compare(b.Count, a.Count), slices.Compare(a.tokens, b.tokens))
	})
	return all
}

// Evicted counts templates that were given up for want of room, and the lines that had joined them or were not looked at.
func (m *Miner[D]) Evicted() (templates, lines int) { return m.evicted, m.evictedLines }

// find masks a line and returns the template that it is most similar to; nil for none.
func (m *Miner[D]) find(line string) *Template[D] {
	m.masker.mask(line)
	n := m.leaf(false)
	if n == nil {
		return nil
	}
	tolerated := m.tolerated(len(m.masker.tokens))
	best, least := -1, tolerated+1
	for i, t := range n.list {
		differ, wild := m.differing(t, tolerated)
		if differ+wild > tolerated || differ > least || differ == least && t.Count <= n.list[best].Count {
			continue
		}
		if best, least = i, differ; differ+wild == 0 {
			break
		}
	}
	if best < 0 {
		return nil
	}
	found := n.list[best]
	if best > 0 { // what comes often stands in front
		n.list[best], n.list[best-1] = n.list[best-1], found
	}
	return found
}

// tolerated is how many of so many tokens may differ.
func (m *Miner[D]) tolerated(tokens int) int {
	differ := int(float64(tokens) * (1 - m.options.Similarity))
	if tokens >= 3 {
		differ = max(1, differ)
	}
	return differ
}

// differing counts the tokens of the masked line that are not those of a template, and the wildcards it has already, up to a
// limit of both together. A template may have no more wildcards than lines may differ: else it would end as one that takes all.
func (m *Miner[D]) differing(t *Template[D], limit int) (differ, wild int) {
	for i, token := range m.masker.tokens {
		switch {
		case t.tokens[i] == wildcard:
			wild++
		case string(m.masker.text(token)) != t.tokens[i]:
			differ++
		default:
			continue
		}
		if differ+wild > limit {
			break
		}
	}
	return differ, wild
}

// join counts the masked line, and puts wildcards where it differs.
func (m *Miner[D]) join(t *Template[D]) *Template[D] {
	for i, token := range m.masker.tokens {
		if t.tokens[i] != wildcard && string(m.masker.text(token)) != t.tokens[i] {
			t.tokens[i] = wildcard
		}
	}
	m.used++
	t.Count++
	t.used = m.used
	return t
}

// create makes a template of the masked line; nil where it has no tokens.
func (m *Miner[D]) create() *Template[D] {
	if len(m.masker.tokens) == 0 {
		return nil
	}
	m.makeRoom()
	n := m.leaf(true)
	text := string(m.masker.buf)
	t := &Template[D]{tokens: make([]string, len(m.masker.tokens)), leaf: n}
	for i, token := range m.masker.tokens {
		t.tokens[i] = text[token.start:token.end]
	}
	n.list = append(n.list, t)
	m.size++
	if m.options.Pool != nil {
		m.options.Pool.used++
	}
	return t
}

// leaf is the node whose list the masked line belongs to; where it is not there yet it is made, or nil.
func (m *Miner[D]) leaf(make bool) *node[D] {
	tokens := m.masker.tokens
	n := m.roots[len(tokens)]
	if n == nil {
		if !make || len(tokens) == 0 {
			return nil
		}
		n = &node[D]{}
		m.roots[len(tokens)] = n
	}
	for _, token := range tokens[:min(depth, len(tokens))] {
		child := n.rest
		if !token.variable {
			if known := n.children[string(m.masker.text(token))]; known != nil {
				child = known
			} else if make && len(n.children) < maxChildren {
				child = &node[D]{}
				if n.children == nil {
					n.children = map[string]*node[D]{}
				}
				n.children[string(m.masker.text(token))] = child
			}
		}
		if child == nil {
			if !make {
				return nil
			}
			child = &node[D]{}
			n.rest = child
		}
		n = child
	}
	return n
}
