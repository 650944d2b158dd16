package gitsource

import (
	"bytes"
	"slices"
	"testing"

	"kubeops.io/kubeops/internal/gitrepo"
)

func TestTheNamespaceWithTheMostBytesLosesWhatItUsedLongestAgo(t *testing.T) {
	entryOf := func(size int) entry { return entry{revision: "r", files: make([]byte, size-overhead)} }
	c := newCache(10 * overhead)
	c.put("small", "quiet", entryOf(2*overhead))
	for _, key := range []string{"one", "two", "three"} {
		c.put(key, "greedy", entryOf(2*overhead))
	}
	c.get("one")
	c.put("four", "greedy", entryOf(3*overhead))
	var left []string
	for key := range c.entries {
		left = append(left, key)
	}
	slices.Sort(left)
	if want := []string{"four", "one", "small", "three"}; !slices.Equal(left, want) || c.bytes != 9*overhead {
		t.Errorf("%q are left, with %d bytes", left, c.bytes)
	}
	c.put("huge", "greedy", entryOf(20*overhead))
	if _, found := c.entries["huge"]; found || c.entries["small"].revision == "" {
		t.Errorf("left: %v", c.entries)
	}
	c.put("small", "quiet", entryOf(overhead))
	sum := 0
	for _, e := range c.entries {
		sum += e.size()
	}
	if c.bytes != sum {
		t.Errorf("%d bytes are counted, and %d are there", c.bytes, sum)
	}
}

func TestFilesAreKeptAsTheyAre(t *testing.T) {
	files := []gitrepo.File{
		{Path: "a.yaml", Content: []byte("v: \xff\x00\n")}, {Path: "b.yaml", Refused: "b.yaml is a symbolic link"},
		{Path: "c.yaml", Content: bytes.Repeat([]byte("x"), 1<<20)},
	}
	e := entry{revision: "abc"}
	if err := e.store(files); err != nil {
		t.Fatal(err)
	}
	c, err := e.content(0)
	same := slices.EqualFunc(c.Files, files, func(a, b gitrepo.File) bool {
		return a.Path == b.Path && a.Refused == b.Refused && bytes.Equal(a.Content, b.Content)
	})
	if err != nil || c.Revision != "abc" || !same {
		t.Errorf("%+v, %v", c, err)
	}
	if len(e.files) > 8<<10 {
		t.Errorf("not compressed: %d bytes", len(e.files))
	}
}
