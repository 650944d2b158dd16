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

func (m *Miner[D]) held() int { return len(m.all) }

// makeRoom for another template in the Miner, in its buckets, and in the pool, where the largest Miner evicts some.
func (m *Miner[D]) makeRoom() {
	if len(m.all) >= m.options.MaxTemplates {
		m.evict(len(m.all)/10 + 1)
	}
	for _, b := range m.around() {
		if b != nil && len(b.exact) >= maxBucket {
			worst := slices.Clone(b.exact)
			slices.SortFunc(worst, byValue)
			m.drop(worst[:maxBucket/10])
		}
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

// roomToFind reports whether another template of Find has room, or takes the place of others of Find: it must not evict one that was
// learned, of this Miner or of another in the pool.
func (m *Miner[D]) roomToFind() bool {
	p := m.options.Pool
	full := len(m.all) >= m.options.MaxTemplates || p != nil && p.Max > 0 && p.used >= p.Max
	for _, b := range m.around() {
		full = full || b != nil && len(b.exact) >= maxBucket
	}
	if !full {
		return true
	}
	var found []*Template[D]
	for _, t := range m.all {
		if t.Rank < 0 {
			found = append(found, t)
		}
	}
	if len(found) == 0 {
		return false
	}
	m.drop(found)
	return m.roomToFind()
}

// byValue orders templates by value, the least valuable first.
func byValue[D any](a, b *Template[D]) int {
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.Count, b.Count), cmp.Compare(a.used, b.used))
}

// evict removes the n least valuable templates.
func (m *Miner[D]) evict(n int) {
	all := slices.Clone(m.all)
	slices.SortFunc(all, byValue)
	m.drop(all[:min(n, len(all))])
}

func (m *Miner[D]) drop(templates []*Template[D]) {
	for _, t := range templates {
		m.remove(t)
		if t.Rank >= 0 { // the others are of Find
			m.evicted++
			m.evictedLines += t.Count
		}
	}
}

// remove removes a template.
func (m *Miner[D]) remove(t *Template[D]) {
	m.unindex(t)
	end := len(m.all) - 1
	m.all[t.slot] = m.all[end]
	m.all[t.slot].slot = t.slot
	m.all[end] = nil
	m.all = m.all[:end]
	if m.options.Pool != nil {
		m.options.Pool.used--
	}
}

// Used returns the number of templates.
func (p *Pool) Used() int { return p.used }
