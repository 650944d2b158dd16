package gitsource

import (
	"bytes"
	"compress/gzip"
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
	// checked is when the repository was looked at last, and problem what came out; nil if it could be read.
	checked time.Time
	problem *problem.Problem
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

// cache has entries of at most a size together. If there are more, the namespace with the most of it loses what it used longest ago.
type cache struct {
	limit int

	mutex   sync.Mutex
	uses    uint64
	bytes   int
	entries map[string]entry
}

func newCache(limit int) *cache {
	return &cache{limit: limit, entries: map[string]entry{}}
}

// get an entry; the zero value if there is none.
func (c *cache) get(key string) entry {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return entry{}
	}
	c.uses++
	e.used = c.uses
	c.entries[key] = e
	return e
}

// put an entry.
func (c *cache) put(key, namespace string, e entry) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.remove(key)
	c.uses++
	e.used = c.uses
	e.namespace = namespace
	c.entries[key] = e
	c.bytes += e.size()
	for c.bytes > c.limit && len(c.entries) > 0 {
		c.remove(c.victim())
	}
}

func (c *cache) remove(key string) {
	if e, ok := c.entries[key]; ok {
		c.bytes -= e.size()
		delete(c.entries, key)
	}
}

// victim is the entry that was used longest ago, of the namespace with the most bytes.
func (c *cache) victim() (key string) {
	sizes := map[string]int{}
	for _, e := range c.entries {
		sizes[e.namespace] += e.size()
	}
	var worst entry
	for candidate, e := range c.entries {
		larger := sizes[e.namespace] > sizes[worst.namespace]
		same := e.namespace == worst.namespace || sizes[e.namespace] == sizes[worst.namespace]
		if key == "" || larger || same && e.used < worst.used {
			key = candidate
			worst = e
		}
	}
	return key
}
