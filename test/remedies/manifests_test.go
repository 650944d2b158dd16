package remedies

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// manifests are the objects of a file of testdata, for a namespace of their own. What the test has to know about them is in comments before
// the first object: "# key: value".
type manifests struct {
	name, namespace, text string
	comments              [][2]string
}

// readManifests reads the files of a folder of testdata. $NS in them is the namespace, and
// $NODE the node.
func readManifests(t *testing.T, folder string, atLeast int) []manifests {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.yaml"))
	if err != nil || len(files) < atLeast {
		t.Fatalf("%d files in %s, want at least %d: %v", len(files), folder, atLeast, err)
	}
	all := make([]manifests, 0, len(files))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := manifests{name: strings.TrimSuffix(filepath.Base(file), ".yaml")}
		m.namespace = folder + "-" + strings.ReplaceAll(m.name, ".", "-")
		m.text = strings.ReplaceAll(string(content), "$NS", m.namespace)
		for line := range strings.Lines(m.text) {
			comment, ok := strings.CutPrefix(strings.TrimSpace(line), "# ")
			if !ok {
				break
			}
			if key, value, ok := strings.Cut(comment, ": "); ok {
				m.comments = append(m.comments, [2]string{key, value})
			}
		}
		all = append(all, m)
	}
	return all
}

// all are the values of a key, in their order.
func (m manifests) all(key string) []string {
	var values []string
	for _, comment := range m.comments {
		if comment[0] == key {
			values = append(values, comment[1])
		}
	}
	return values
}

// one is the first value of a key; empty without one.
func (m manifests) one(key string) string {
	if values := m.all(key); len(values) > 0 {
		return values[0]
	}
	return ""
}
