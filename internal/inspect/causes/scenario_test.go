package causes

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// TestMain adds -update, which writes the trees of causes that were found into want.txt: read the difference before it is
// kept.
func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite testdata/*/want.txt")
	m.Run() // its result becomes the exit code
}

func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// TestEachFindingOfAScenarioHasTheExpectedCause runs every check over the objects of each folder in testdata and compares the trees of
// causes with want.txt.
func TestEachFindingOfAScenarioHasTheExpectedCause(t *testing.T) {
	for _, folder := range scenarios(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			file := filepath.Join(folder, "want.txt")
			want := read(t, file)
			for range 3 { // whatever the order of the findings
				linked := linkScenario(t, folder, want)
				assertOneCauseEach(t, linked)
				got := tree(linked)
				if updating() {
					comments := strings.Join(comments(want), "")
					if err := os.WriteFile(file, []byte(comments+got), 0o600); err != nil {
						t.Fatal(err)
					}
					return
				}
				if diff := cmp.Diff(strings.TrimPrefix(want, strings.Join(comments(want), "")), got); diff != "" {
					t.Fatalf("trees of causes (-want +got), -update rewrites them:\n%s", diff)
				}
			}
		})
	}
}

// TestScenariosHaveChainsOfEachLength says how many chains of each length all scenarios hold together. A chain ends at a
// finding that explains no other.
func TestScenariosHaveChainsOfEachLength(t *testing.T) {
	const enough = 40
	folders := scenarios(t)
	if len(folders) < enough {
		t.Errorf("%d scenarios, want at least %d", len(folders), enough)
	}
	counts := map[int]int{}
	longest := 0
	for _, folder := range folders {
		linked := linkScenario(t, folder, read(t, filepath.Join(folder, "want.txt")))
		for i := range linked {
			if linked[i].Affects == 0 {
				n := len(chain(linked, i))
				counts[n]++
				longest = max(longest, n)
			}
		}
	}
	for length := range longest {
		t.Logf("chains of %d: %d", length+1, counts[length+1])
	}
	for length := 1; length <= 5; length++ {
		if counts[length] == 0 {
			t.Errorf("no scenario has a chain of %d", length)
		}
	}
}

func scenarios(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*/objects.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for i := range files {
		files[i] = filepath.Dir(files[i])
	}
	return files
}

// linkScenario runs the checks over the objects of a folder and links what they find, in any order.
func linkScenario(t *testing.T, folder, want string) []Linked {
	t.Helper()
	g := testkit.Graph(t, read(t, filepath.Join(folder, "objects.yaml")))
	all := checks.Builtin()
	findings, _, gaps := check.Run(g, all, check.DefaultParams())
	for _, gap := range gaps {
		t.Error(gap.Message)
	}
	findings = slices.DeleteFunc(findings, func(f check.Finding) bool { return !aboutCauses(all, f.Check, want) })
	rand.Shuffle(len(findings), func(i, j int) { findings[i], findings[j] = findings[j], findings[i] })
	return Link(g, all, findings)
}

// aboutCauses says whether a check takes part in chains of causes, or is named in what a scenario expects. All others,
// and those of security, are about good practice, which is not what the scenarios are about; and what only a back end tells is
// in none of them.
func aboutCauses(all []check.Check, id, want string) bool {
	return strings.Contains(want, " "+id+" ") || slices.ContainsFunc(all, func(c check.Check) bool {
		takesPart := c.ID == id && len(c.ExplainedBy) > 0 || slices.Contains(c.ExplainedBy, id)
		return takesPart && c.Category != v1alpha1.CategorySecurity && len(c.Sources) == 0
	})
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// comments are the lines at the top of a want.txt that begin with #.
func comments(want string) []string {
	lines := strings.SplitAfter(want, "\n")
	end := slices.IndexFunc(lines, func(line string) bool { return !strings.HasPrefix(line, "#") })
	return lines[:max(end, 0)]
}

// tree writes root causes with what they explain below them, each with its place in its chain, and last how long the
// longest chain is.
func tree(linked []Linked) string {
	var text strings.Builder
	below := map[int][]int{}
	for i := range linked {
		below[linked[i].CausedBy] = append(below[linked[i].CausedBy], i)
	}
	longest := 0
	var write func(parent, depth int)
	write = func(parent, depth int) {
		siblings := below[parent]
		slices.SortFunc(siblings, func(a, b int) int { return strings.Compare(title(linked[a]), title(linked[b])) })
		for _, i := range siblings {
			longest = max(longest, depth)
			fmt.Fprintf(&text, "%s%d %s\n", strings.Repeat("   ", depth-1), depth, title(linked[i]))
			write(i, depth+1)
		}
	}
	write(-1, 1)
	fmt.Fprintf(&text, "longest chain: %d\n", longest)
	return text.String()
}

// title is a finding in one line: its check, its object, and what tells it from others there.
func title(f Linked) string {
	text := f.Check + " " + f.Object.String()
	if f.Discriminator != "" {
		text += " (" + f.Discriminator + ")"
	}
	return text
}

// chain is a finding and its causes down to the root.
func chain(linked []Linked, i int) []int {
	var links []int
	for ; i >= 0 && len(links) <= len(linked); i = linked[i].CausedBy {
		links = append(links, i)
	}
	return links
}

// assertOneCauseEach checks what holds of every result: each finding is there once, its cause is another finding, no chain
// comes back to itself, and what a finding is said to affect is what leads to it.
func assertOneCauseEach(t *testing.T, linked []Linked) {
	t.Helper()
	assertNoLoop(t, linked)
	ids := map[string]facts.Ref{}
	affects := make([]int, len(linked))
	for i, f := range linked {
		if other, ok := ids[f.ID]; ok {
			t.Errorf("%s and %s have one identity", other, f.Object)
		}
		ids[f.ID] = f.Object
		if f.CausedBy == i || f.CausedBy >= len(linked) || f.CausedBy < -1 {
			t.Errorf("%s has the cause %d", title(f), f.CausedBy)
		}
		for _, c := range chain(linked, i)[1:] {
			affects[c]++
		}
	}
	for i, f := range linked {
		if f.Affects != affects[i] {
			t.Errorf("%s affects %d findings, said to be %d", title(f), affects[i], f.Affects)
		}
	}
}
