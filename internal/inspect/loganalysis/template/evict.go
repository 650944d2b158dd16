package template

import (
	"cmp"
	"slices"
)

// Pool bounds the templates of several Miners together. It is not safe for concurrent use.
type Pool struct {
	// Max templates.
	Max int
	// MaxMisses of all Miners together; see Options.MaxMisses. Zero means no limit.
	MaxMisses int

	used   int
	misses int
	miners []evictor
}

// evictor is a Miner of any data.
type evictor interface {
	held() int
	evict(n int)
}

func (m *Miner[D]) held() int { return m.size }

// makeRoom for another template in the Miner, in its list, and in the pool, where the largest Miner evicts some.
func (m *Miner[D]) makeRoom() {
	if m.size >= m.options.MaxTemplates {
		m.evict(m.size/10 + 1)
	}
	if n := m.leaf(false); n != nil && len(n.list) >= maxLeaf {
		worst := slices.Clone(n.list)
		slices.SortFunc(worst, byValue)
		m.drop(worst[:maxLeaf/10])
	}
	p := m.options.Pool
	if p == nil || p.Max <= 0 || p.used < p.Max {
		return
	}
	largest := p.miners[0]
	for _, other := range p.miners[1:] {
		if other.held() > largest.held() {
			largest = other
		}
	}
	largest.evict(largest.held()/10 + 1)
}

// byValue orders templates by value, the least valuable first.
func byValue[D any](a, b *Template[D]) int {
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Count, b.Count), cmp.Compare(a.used, b.used))
}

// evict removes the n least valuable templates.
func (m *Miner[D]) evict(n int) {
	all := m.gather()
	slices.SortFunc(all, byValue)
	m.drop(all[:min(n, len(all))])
}

func (m *Miner[D]) drop(templates []*Template[D]) {
	for _, t := range templates {
		i := slices.Index(t.leaf.list, t)
		t.leaf.list = slices.Delete(t.leaf.list, i, i+1)
		m.size--
		m.evicted++
		m.evictedLines += t.Count
		if m.options.Pool != nil {
			m.options.Pool.used--
		}
	}
	if m.size == 0 {
		clear(m.roots)
	}
}

// gather returns all templates and prunes empty branches, so the tree does not grow with evicted templates.
func (m *Miner[D]) gather() []*Template[D] {
	all := make([]*Template[D], 0, m.size)
	for tokens, n := range m.roots {
		if all = n.gather(all); n.empty() {
			delete(m.roots, tokens)
		}
	}
	return all
}

func (n *node[D]) gather(all []*Template[D]) []*Template[D] {
	for key, child := range n.children {
		if all = child.gather(all); child.empty() {
			delete(n.children, key)
		}
	}
	if n.rest != nil {
		if all = n.rest.gather(all); n.rest.empty() {
			n.rest = nil
		}
	}
	return append(all, n.list...)
}

func (n *node[D]) empty() bool { return len(n.list) == 0 && len(n.children) == 0 && n.rest == nil }

// Used returns the number of templates.
func (p *Pool) Used() int { return p.used }
