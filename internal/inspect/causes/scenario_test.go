package causes

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/testkit"
)

// TestScenarios runs every check over the objects of each folder in testdata and compares the chains of causes, one line
// for each finding, with want.txt.
func TestScenarios(t *testing.T) {
	folders, err := filepath.Glob("testdata/*/objects.yaml")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range folders {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			g := testkit.Graph(t, read(t, file))
			findings, _, gaps := checks.All(g, checks.Builtin(), checks.DefaultParams())
			for _, gap := range gaps {
				t.Error(gap.Message)
			}
			want := slices.DeleteFunc(strings.Split(read(t, filepath.Join(folder, "want.txt")), "\n"), func(line string) bool {
				return line == "" || strings.HasPrefix(line, "#")
			})
			slices.Sort(want)
			for range 3 { // whatever the order
				rand.Shuffle(len(findings), func(i, j int) { findings[i], findings[j] = findings[j], findings[i] })
				if diff := cmp.Diff(want, chains(Link(g, checks.Builtin(), findings))); diff != "" {
					t.Fatalf("chains (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// chains are the findings, each followed by its causes down to the root.
func chains(linked []Linked) []string {
	lines := make([]string, 0, len(linked))
	for i := range linked {
		line := linked[i].Check + " " + linked[i].Object.String()
		for c := linked[i].CausedBy; c >= 0; c = linked[c].CausedBy {
			line += " <- " + linked[c].Check + " " + linked[c].Object.String()
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}
