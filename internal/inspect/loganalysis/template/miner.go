package template

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// depth is the number of first tokens that lead to a list of templates.
	depth = 2
	// maxChildren per node; further tokens share one branch.
	maxChildren = 64
	// maxLeaf templates per list.
	maxLeaf = 100
)

// Defaults of Options.
const (
	DefaultMaxLine      = 2 << 10
	DefaultMaxTemplates = 500
	DefaultSimilarity   = 0.75
)

// Options of a Miner. Zero values mean defaults.
type Options struct {
	// MaxLine bytes of a line are used.
	MaxLine int
	// MaxTemplates of the Miner.
	MaxTemplates int
	// Similarity is the minimum share of equal tokens for a line to join a template. With three or more tokens, one may always
	// differ.
	Similarity float64
	// Pool bounds the templates of several Miners together; nil for none.
	Pool *Pool
	// MaxMisses limits the lines without a known template, separately for Learn and Find: they are the most expensive, and their
	// number is unbounded. Further ones are ignored. Default 20 times MaxTemplates.
	MaxMisses int
	// Clean is applied to a line before it becomes a template, for example to redact secrets; nil for none. It must be idempotent.
	Clean func(string) string
}

// Template is the common part of lines.
type Template[D any] struct {
	// Count of lines that were learned.
	Count int
	// Rank has precedence over Count in the value of a template.
	Rank int8
	// Data of the caller.
	Data D

	tokens []string
	// used is a sequence number of the last use.
	used uint64
	leaf *node[D]
}

// String returns the template in readable form.
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
	// misses and sought count lines without a known template, of Learn and of Find.
	misses, sought int
	// evicted templates, and evictedLines, their lines and those beyond MaxMisses.
	evicted, evictedLines int
}

// node of the tree. Inner nodes have children, leaves a list of templates.
type node[D any] struct {
	children map[string]*node[D]
	// rest is the branch of variable tokens and of those beyond maxChildren.
	rest *node[D]
	list []*Template[D]
}

// New creates an empty Miner.
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

// Learn finds or creates the template of a line and counts the line. It returns nil for blank lines and beyond MaxMisses.
func (m *Miner[D]) Learn(line string) *Template[D] {
	line = m.cut(line)
	if t := m.find(line); t != nil {
		return m.join(t)
	}
	if len(m.masker.tokens) == 0 {
		return nil
	}
	if !m.allowMiss(&m.misses) {
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

// Find is like Learn, but returns nil for lines without a known template.
func (m *Miner[D]) Find(line string) *Template[D] {
	if m.size == 0 {
		return nil
	}
	line = m.cut(line)
	t := m.find(line)
	if t == nil && m.allowMiss(&m.sought) {
		t = m.findCleaned(line)
	}
	if t == nil {
		return nil
	}
	return m.join(t)
}

// allowMiss counts a line without a known template and reports whether it is within MaxMisses.
func (m *Miner[D]) allowMiss(misses *int) bool {
	*misses++
	if p := m.options.Pool; p != nil {
		p.misses++
		if p.MaxMisses > 0 && p.misses > p.MaxMisses {
			return false
		}
	}
	return *misses <= m.options.MaxMisses
}

// findCleaned finds the template of the cleaned line, after none was found for the original one. The masker then contains the cleaned
// line.
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

// Templates returns all templates, the most valuable first: by rank, count and text.
func (m *Miner[D]) Templates() []*Template[D] {
	all := m.gather()
	slices.SortFunc(all, func(a, b *Template[D]) int {
		return cmp.Or(cmp.Compare(b.Rank, a.Rank), cmp.Compare(b.Count, a.Count), slices.Compare(a.tokens, b.tokens))
	})
	return all
}

// Evicted returns the number of evicted templates, and of their lines plus those beyond MaxMisses.
func (m *Miner[D]) Evicted() (templates, lines int) { return m.evicted, m.evictedLines }

// find masks a line and returns the most similar template, or nil.
func (m *Miner[D]) find(line string) *Template[D] {
	m.masker.mask(line)
	n := m.leaf(false)
	if n == nil {
		return nil
	}
	tolerated := m.tolerated(len(m.masker.tokens))
	best := -1
	minDiffer := tolerated + 1
	for i, t := range n.list {
		differ, wild := m.differing(t, tolerated)
		if differ+wild > tolerated || differ > minDiffer || differ == minDiffer && t.Count <= n.list[best].Count {
			continue
		}
		if best, minDiffer = i, differ; differ+wild == 0 {
			break
		}
	}
	if best < 0 {
		return nil
	}
	found := n.list[best]
	if best > 0 { // move frequent templates to the front
		n.list[best], n.list[best-1] = n.list[best-1], found
	}
	return found
}

// tolerated returns how many of so many tokens may differ.
func (m *Miner[D]) tolerated(tokens int) int {
	differ := int(float64(tokens) * (1 - m.options.Similarity))
	if tokens >= 3 {
		differ = max(1, differ)
	}
	return differ
}

// differing counts the tokens of the masked line that differ from a template, and the template's wildcards, up to a limit of both
// together. Wildcards count, since a template would otherwise degenerate into one that matches everything.
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

// join counts the masked line and replaces differing tokens with wildcards.
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

// create creates a template from the masked line; nil if it has no tokens.
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

// leaf returns the node for the masked line. If there is none, it creates the node or returns nil.
func (m *Miner[D]) leaf(create bool) *node[D] {
	tokens := m.masker.tokens
	n := m.roots[len(tokens)]
	if n == nil {
		if !create || len(tokens) == 0 {
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
			} else if create && len(n.children) < maxChildren {
				child = &node[D]{}
				if n.children == nil {
					n.children = map[string]*node[D]{}
				}
				n.children[string(m.masker.text(token))] = child
			}
		}
		if child == nil {
			if !create {
				return nil
			}
			child = &node[D]{}
			n.rest = child
		}
		n = child
	}
	return n
}
