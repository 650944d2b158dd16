package gitsource

import (
	"bytes"
	"compress/gzip"
	"container/heap"
	"container/list"
	"encoding/gob"
	"fmt"
	"sync"
	"time"

	"kubeops.io/kubeops/internal/gitrepo"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// maxCache is the size of all folders in memory, compressed, in bytes.
	maxCache = 8 << 20
	// overhead of an entry, in bytes.
	overhead = 1 << 10
)

// entry is what is known of one folder. The zero value knows nothing.
type entry struct {
	namespace string
	revision  string
	// files of the revision, compressed; nil if no revision is known.
	files []byte
	// checked is when the repository was looked at last, and problem what came out; nil if it could be read. requested is the last
	// Request.Requested that was looked for.
	checked   time.Time
	problem   *problem.Problem
	requested string
	// used is the time of the last use, as a number of uses.
	used uint64
}

// store the files of a revision.
func (e *entry) store(files []gitrepo.File) error {
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if err := gob.NewEncoder(writer).Encode(files); err != nil {
		return fmt.Errorf("keep the files of a revision: %w", err)
	}
	if err := writer.Close(); err != nil {
		return fmt.Errorf("keep the files of a revision: %w", err)
	}
	e.files = bytes.Clone(compressed.Bytes())
	return nil
}

// content of an entry.
func (e *entry) content(next time.Duration) (Content, error) {
	c := Content{Next: next, Problem: e.problem}
	if e.files == nil {
		return c, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(e.files))
	if err == nil {
		err = gob.NewDecoder(reader).Decode(&c.Files)
	}
	if err != nil {
		return Content{}, fmt.Errorf("read the files of a revision in memory: %w", err)
	}
	c.Revision = e.revision
	return c, nil
}

func (e *entry) size() int { return len(e.files) + overhead }

// cache has entries of at most a size together. If there are more, the namespace with the most of it loses what it used longest ago. Each
// use and each loss takes a time that grows with the logarithm of the number of namespaces.
type cache struct {
	limit int

	mutex   sync.Mutex
	uses    uint64
	bytes   int
	entries map[string]*list.Element // of *kept
	// shares of the namespaces that have entries, by name and as a heap: the one that loses next is first.
	shares map[string]*share
	next   shares
}

// kept is an entry in the list of its share.
type kept struct {
	key string
	entry
}

// share is what a namespace has of a cache.
type share struct {
	namespace string
	bytes     int
	// order of use: the entry that was used longest ago is first.
	order list.List // of *kept
	// index in the heap.
	index int
}

func (s *share) oldest() *kept { return s.order.Front().Value.(*kept) }

// shares implements heap.Interface.
type shares []*share

func (s shares) Len() int { return len(s) }

// Less is true for the larger share, and of two equal ones for that with the entry that was used longest ago.
func (s shares) Less(i, j int) bool {
	if s[i].bytes != s[j].bytes {
		return s[i].bytes > s[j].bytes
	}
	return s[i].oldest().used < s[j].oldest().used
}

func (s shares) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index = i
	s[j].index = j
}

func (s *shares) Push(x any) {
	added := x.(*share)
	added.index = len(*s)
	*s = append(*s, added)
}

func (s *shares) Pop() any {
	last := len(*s) - 1
	removed := (*s)[last]
	(*s)[last] = nil
	*s = (*s)[:last]
	return removed
}

func newCache(limit int) *cache {
	return &cache{limit: limit, entries: map[string]*list.Element{}, shares: map[string]*share{}}
}

// get an entry; the zero value if there is none.
func (c *cache) get(key string) entry {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	element, ok := c.entries[key]
	if !ok {
		return entry{}
	}
	found := element.Value.(*kept)
	c.uses++
	found.used = c.uses
	owner := c.shares[found.namespace]
	owner.order.MoveToBack(element)
	heap.Fix(&c.next, owner.index)
	return found.entry
}

// put an entry.
func (c *cache) put(key, namespace string, e entry) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.remove(key)
	c.uses++
	e.used = c.uses
	e.namespace = namespace
	owner := c.shares[namespace]
	if owner == nil {
		owner = &share{namespace: namespace}
		c.shares[namespace] = owner
	}
	c.entries[key] = owner.order.PushBack(&kept{key, e})
	owner.bytes += e.size()
	c.bytes += e.size()
	if owner.order.Len() == 1 {
		heap.Push(&c.next, owner)
	} else {
		heap.Fix(&c.next, owner.index)
	}
	for c.bytes > c.limit && len(c.entries) > 0 {
		c.remove(c.next[0].oldest().key)
	}
}

func (c *cache) remove(key string) {
	element, ok := c.entries[key]
	if !ok {
		return
	}
	delete(c.entries, key)
	removed := element.Value.(*kept)
	owner := c.shares[removed.namespace]
	c.bytes -= removed.size()
	if owner.order.Len() == 1 {
		heap.Remove(&c.next, owner.index) // while it has an entry to compare
		delete(c.shares, owner.namespace)
		return
	}
	owner.order.Remove(element)
	owner.bytes -= removed.size()
	heap.Fix(&c.next, owner.index)
}
