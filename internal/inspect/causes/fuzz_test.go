package causes

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// FuzzLink builds checks that explain each other at random, findings on a few objects that name others or themselves, and
// edges between the objects in circles, crosswise and back to where they begin. Links never form a loop, do not depend on the
// order of the findings, and are those that a plain search finds.
func FuzzLink(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8}, []byte{0, 1, 1, 2, 2, 3})
	f.Add([]byte("ingress service deployment"), []byte{})
	f.Add([]byte{0, 1, 0, 1, 1, 0, 1, 0, 0, 0, 2, 2}, []byte{0, 1, 1, 0, 0, 0, 1, 1})                      // a circle, and selves
	f.Add([]byte{0, 1, 0, 0, 1, 2, 1, 0, 2, 0, 2, 16, 0, 1, 3, 32, 1, 2, 4, 48}, []byte{0, 2, 0, 3, 0, 4}) // all explain all
	f.Add([]byte{0, 1, 0, 128, 1, 2, 1, 130, 2, 0, 2, 135}, []byte{0, 1, 1, 2, 2, 0, 2, 7, 7, 0})          // named only, back to the start
	crossed := make([]byte, 0, 64)
	for i := range byte(32) {
		crossed = append(crossed, i/6, 6+i%3)
	}
	f.Add([]byte{0, 1, 0, 0, 0, 1, 1, 0, 0, 1, 2, 0, 1, 0, 6, 0, 1, 0, 7, 16, 1, 0, 8, 32}, crossed) // many to many
	f.Fuzz(func(t *testing.T, data, edges []byte) {
		catalogue, findings := fuzzed(data)
		linker := fuzzedLinker(catalogue, findings, edges)
		linked := linker.link()
		assertOneCauseEach(t, linked)
		assertAsPlainSearch(t, linker)
		slices.Reverse(findings)
		if diff := cmp.Diff(links(linked), links(fuzzedLinker(catalogue, findings, edges).link())); diff != "" {
			t.Errorf("links depend on the order of the findings:\n%s", diff)
		}
	})
}

// fuzzedObjects are of few kinds, and evidence often names a kind that the object depends on.
func fuzzedObjects() []facts.Ref {
	objects := []facts.Ref{ref(facts.Ingress, "web"), ref(facts.Service, "cart"), ref(facts.Node, "node-2"), ref(facts.Pod, "gone")}
	for i := range 3 {
		objects = append(objects, ref(facts.Deployment, fmt.Sprint(i)), ref(facts.ConfigMap, fmt.Sprint(i)))
	}
	return objects
}

// fuzzed reads findings from data, four bytes each: its check, one that may explain it, its object, and how it is said: the
// object that the evidence names, the severity, and whether only what is named counts.
func fuzzed(data []byte) ([]check.Check, []check.Finding) {
	objects := fuzzedObjects()
	table := map[string][]string{}
	var findings []check.Finding
	for i := 0; i+3 < len(data) && i < 400; i += 4 {
		check := fmt.Sprint("c", data[i]%12)
		by := fmt.Sprint("c", data[i+1]%12)
		said := data[i+3]
		table[check] = append(table[check], by)
		finding := found(check, objects[int(data[i+2])%len(objects)])
		if said&8 != 0 {
			finding.Culprits = []facts.Ref{objects[int(said&7)]}
		}
		if said&64 != 0 {
			finding.Culprits = append(finding.Culprits, finding.Object, objects[int(data[i+2]>>4)%len(objects)])
		}
		switch said >> 4 & 3 {
		case 1:
			finding = mild(finding)
		case 2:
			finding = severe(finding)
		}
		finding.RestrictToCulprits = said&128 != 0
		findings = append(findings, finding)
	}
	return explained(table), findings
}

// fuzzedLinker has its own edges, two bytes each, instead of the graph's.
func fuzzedLinker(catalogue []check.Check, findings []check.Finding, edges []byte) *linker {
	objects := fuzzedObjects()
	l := newLinker(shop(), catalogue, findings)
	for _, object := range objects {
		l.dependencies[object] = nil
	}
	for i := 0; i+1 < len(edges) && i < 200; i += 2 {
		from, to := objects[int(edges[i])%len(objects)], objects[int(edges[i+1])%len(objects)]
		if !slices.Contains(l.dependencies[from], to) {
			l.dependencies[from] = append(l.dependencies[from], to)
		}
	}
	return l
}

// assertAsPlainSearch compares causes with a search that remembers nothing: whatever may explain a finding and is nearer, or
// as near and likelier, must be explained by that finding itself.
func assertAsPlainSearch(t *testing.T, l *linker) {
	t.Helper()
	for i := range l.linked {
		for _, level := range plainLevels(l, i) {
			var here []int
			for _, object := range level {
				for check, index := range l.places[object].worst {
					if l.explainedBy[l.linked[i].Check][check] && !slices.Contains(chain(l.linked, index), i) {
						here = append(here, index)
					}
				}
			}
			if len(here) == 0 {
				continue
			}
			if want := slices.MinFunc(here, l.compareLikelihood); l.linked[i].CausedBy != want {
				t.Fatalf("%s has the cause %d, want %s", title(l.linked[i]), l.linked[i].CausedBy, title(l.linked[want]))
			}
			break
		}
		if c := l.linked[i].CausedBy; c >= 0 && !l.explainedBy[l.linked[i].Check][l.linked[c].Check] {
			t.Errorf("%s does not explain %s", title(l.linked[c]), title(l.linked[i]))
		}
	}
}

// plainLevels are the objects around a finding, the nearest first.
func plainLevels(l *linker, i int) [][]facts.Ref {
	f := l.linked[i]
	seen := map[facts.Ref]bool{f.Object: true}
	unseen := func(objects []facts.Ref) (fresh []facts.Ref) {
		for _, object := range objects {
			if !seen[object] {
				seen[object] = true
				fresh = append(fresh, object)
			}
		}
		return fresh
	}
	named := unseen(f.Culprits)
	levels := [][]facts.Ref{{f.Object}, named}
	frontier := named
	if !f.RestrictToCulprits {
		frontier = append([]facts.Ref{f.Object}, named...)
	}
	for range maxHops {
		var next []facts.Ref
		for _, from := range frontier {
			for _, target := range l.dependencies[from] {
				meant := from != f.Object || !slices.ContainsFunc(f.Culprits, func(b facts.Ref) bool { return b.Kind == target.Kind })
				if meant {
					next = append(next, unseen([]facts.Ref{target})...)
				}
			}
		}
		levels = append(levels, next)
		frontier = next
	}
	return levels
}
