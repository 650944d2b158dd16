package template

import (
	"cmp"
	"slices"
	"strings"

	"kubeops.io/kubeops/internal/inspect/loganalysis/header"
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
	// Similarity is the minimum share of tokens that the lines of a template have in common. With three or more tokens, one may always
	// vary.
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

	// header of the first line, in which only the level is constant.
	header string
	level  header.Level
	// text is the tokens with spaces between them.
	text   string
	tokens []pattern
	// hashes of the tokens.
	hashes []uint32
	// used is a sequence number of the last use.
	used uint64
	// first and last are the buckets of the template; last is that of templates with neither token.
	first, last *bucket[D]
	// slot is the index in Miner.all.
	slot int
	// seen is the number of the last search that found the template.
	seen uint64
}

// pattern is a token of a template. A wildcard has a constant prefix and suffix, such as name= of name=<*>, and may stand for a value
// rather than a word.
type pattern struct {
	text        string
	wild, value bool
	// plain is true for a word of lower case letters.
	plain          bool
	prefix, suffix uint16
}

// String returns the template in readable form.
func (t *Template[D]) String() string {
	text := t.text
	if t.header != "" {
		text = t.header + " " + text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// Miner finds templates in lines. It is not safe for concurrent use.
type Miner[D any] struct {
	options Options
	merge   func(into, from *D)
	masker  masker
	// exact templates without a wildcard by their text, and buckets by a token.
	exact   map[exactKey]*Template[D]
	buckets map[bucketKey]*bucket[D]
	all     []*Template[D]
	used    uint64
	// search is the number of the current search for similar templates, near what it found.
	search uint64
	near   []similar[D]
	// plain are the tokens of the masked line with only lower case letters, as bits.
	plain uint64
	// hashes of the tokens of the masked line.
	hashes []uint32
	// misses and sought count lines without a known template, of Learn and of Find.
	misses, sought int
	// evicted templates, and evictedLines, their lines and those beyond MaxMisses.
	evicted, evictedLines int
}

// New creates an empty Miner. It passes the data of templates that turn out to be one to merge; nil drops the data of the second.
func New[D any](options Options, merge func(into, from *D)) *Miner[D] {
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
	m := &Miner[D]{options: options, merge: merge, exact: map[exactKey]*Template[D]{}, buckets: map[bucketKey]*bucket[D]{}}
	if options.Pool != nil {
		options.Pool.miners = append(options.Pool.miners, m)
	}
	return m
}

// Learn finds or creates the template of a line and counts the line. It returns nil for blank lines and beyond MaxMisses. A template is
// valid until the next call, which may merge it into another.
func (m *Miner[D]) Learn(line string) *Template[D] {
	line = m.cut(line)
	if t := m.find(line); t != nil {
		return m.count(t)
	}
	if len(m.masker.tokens) == 0 {
		return nil
	}
	if !m.allowMiss(&m.misses) {
		m.evictedLines++
		return nil
	}
	t := m.findCleaned(line)
	if len(m.masker.tokens) == 0 {
		return nil
	}
	if t == nil {
		t = m.join()
	}
	if t == nil {
		t = m.create()
	}
	return m.count(t)
}

// Find is like Learn, but returns nil for lines that are not similar to a known template. A line that is similar to one, but in
// which another word is in the place of a constant, gets a template of Rank -1: several of them show that the word varies.
func (m *Miner[D]) Find(line string) *Template[D] {
	if len(m.all) == 0 {
		return nil
	}
	line = m.cut(line)
	t := m.find(line)
	if t == nil && m.allowMiss(&m.sought) {
		t = m.findCleaned(line)
		if t == nil && len(m.masker.tokens) > 0 {
			if t = m.join(); t == nil && len(m.near) > 0 && m.roomToFind() {
				t = m.create()
				t.Rank = -1
			}
		}
	}
	if t == nil {
		return nil
	}
	return m.count(t)
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
	all := slices.Clone(m.all)
	slices.SortFunc(all, func(a, b *Template[D]) int {
		if c := cmp.Or(cmp.Compare(b.Rank, a.Rank), cmp.Compare(b.Count, a.Count)); c != 0 {
			return c
		}
		return cmp.Compare(a.String(), b.String())
	})
	return all
}

// Evicted returns the number of evicted templates, and of their lines plus those beyond MaxMisses.
func (m *Miner[D]) Evicted() (templates, lines int) { return m.evicted, m.evictedLines }

// count counts a line of a template.
func (m *Miner[D]) count(t *Template[D]) *Template[D] {
	m.used++
	t.Count++
	t.used = m.used
	return t
}

// tolerated returns how many of so many tokens may vary.
func (m *Miner[D]) tolerated(tokens int) int {
	varying := int(float64(tokens) * (1 - m.options.Similarity))
	if tokens >= 3 {
		varying = max(1, varying)
	}
	return varying
}

// create creates a template from the masked line, which has tokens.
func (m *Miner[D]) create() *Template[D] {
	m.makeRoom()
	t := &Template[D]{
		header: headerText(m.masker.header), level: m.masker.level,
		text: string(m.masker.body()), tokens: make([]pattern, len(m.masker.tokens)), hashes: slices.Clone(m.hashes),
	}
	for i, token := range m.masker.tokens {
		text := t.text[token.start:token.end]
		t.tokens[i] = pattern{text: text, plain: isPlain(text)}
	}
	t.slot = len(m.all)
	m.all = append(m.all, t)
	m.index(t)
	if m.options.Pool != nil {
		m.options.Pool.used++
	}
	return t
}
