package gitsource

import (
	"bytes"
	"fmt"
	"math/rand/v2"
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
	if _, found := c.entries["huge"]; found || c.get("small").revision == "" {
		t.Errorf("left: %d entries, found %t", len(c.entries), found)
	}
	c.put("small", "quiet", entryOf(overhead))
	sum := 0
	for _, e := range c.entries {
		sum += e.Value.(*kept).size()
	}
	if c.bytes != sum {
		t.Errorf("%d bytes are counted, and %d are there", c.bytes, sum)
	}
}

// Each entry is of the namespace that the rule names, whatever the order of uses was.
func TestTheVictimIsThatOfASearchThroughAllEntries(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same uses each time
	c := newCache(40 * overhead)
	for range 3_000 {
		key, namespace := fmt.Sprint(random.IntN(60)), fmt.Sprint("n", random.IntN(7))
		if random.IntN(3) == 0 {
			c.get(key)
			continue
		}
		c.put(key, namespace, entry{revision: "r", files: make([]byte, random.IntN(4)*overhead)})
		if len(c.entries) == 0 {
			continue
		}
		sizes := map[string]int{}
		for _, element := range c.entries {
			e := element.Value.(*kept)
			sizes[e.namespace] += e.size()
		}
		next := c.next[0].oldest()
		for _, element := range c.entries {
			e := element.Value.(*kept)
			larger := sizes[e.namespace] > sizes[next.namespace]
			if larger || sizes[e.namespace] == sizes[next.namespace] && e.used < next.used {
				t.Fatalf("entry %s of %s is the victim before %s of %s", next.key, next.namespace, e.key, e.namespace)
			}
		}
		if c.bytes > c.limit || len(c.shares) != len(sizes) || len(c.next) != len(sizes) {
			t.Fatalf("%d bytes, %d shares, %d in the heap, %d namespaces", c.bytes, len(c.shares), len(c.next), len(sizes))
		}
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
