package style

import (
	"fmt"
	"slices"
	"testing"
)

func TestAssignmentsOfUnrelatedValuesAreFound(t *testing.T) {
	for statement, joined := range map[string]bool{
		// Unrelated values.
		`a, b := f(x), 7`:                         true,
		`a, b := f(x), g(x)`:                      true,
		`a, b := "", 0`:                           true,
		`a, b := len(x), cap(x)`:                  true,
		`a, b := x.Name, len(y)`:                  true,
		`a, b := make(map[string]bool), []int{}`:  true,
		`a, b := make([]int, 3), make([]bool, 3)`: true,
		`a, b := x.Get("a"), y.Find("a")`:         true,
		`a, b = nil, true`:                        true,
		`var a, b = 1, f(x)`:                      true,
		`if a, b := f(x), 7; a == b { }`:          true,
		`a, b, c := 1, 2, ""`:                     true,

		// Values that belong together.
		`a, b := f(x)`:                          false,
		`a, b = b, a`:                           false,
		`x[i], x[j] = x[j], x[i]`:               false,
		`a, b = b, a+b`:                         false,
		`previous, current = current, next(x)`:  false,
		`a, b := min(x, y), max(x, y)`:          false,
		`a, b := 0, 1.5`:                        false,
		`a, b := -1, 1`:                         false,
		`a, b := "x", "y"`:                      false,
		`a, b := true, false`:                   false,
		`a, b := f(x), f(y)`:                    false,
		`a, b := int64(x), int64(y)`:            false,
		`a, b := []byte(x), []byte(y)`:          false,
		`a, b := x.First, x.Last`:               false,
		`a, b := x.Name, y.Name`:                false,
		`a, b := x.GetName(), x.GetNamespace()`: false,
		`a, b := x.Len(), y.Len()`:              false,
		`a, b := m["x"], m["y"]`:                false,
		`a, b := x[:i], x[i:]`:                  false,
		`a, b := time.Minute, 2*time.Second`:    false,
		`a, b := T{1}, T{2}`:                    false,
		`a, b := &T{1}, &T{2}`:                  false,
		`value, ok = f(x), true`:                false,
		`value, ok := m["x"]`:                   false,
		`_, _ = f(x), 7`:                        false,
		`for i, n := 0, len(x); i < n; i++ { }`: false,
		`for key, value := range m { }`:         false,
		`a := f(x)`:                             false,
	} {
		source := Source{Path: "p/f.go", Text: []byte("package p\n\nfunc _() {\n\t" + statement + "\n}\n")}
		found, err := Assignments(source)
		if err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		if got := len(found) > 0; got != joined {
			t.Errorf("%s: reported %v, want %v", statement, got, joined)
		}
		if len(found) > 0 && (found[0].Line != 4 || found[0].File != "p/f.go") {
			t.Errorf("%s: reported at %s:%d, want p/f.go:4", statement, found[0].File, found[0].Line)
		}
	}
}

func TestEveryPhraseMatchesItsExampleAndNamesAReplacement(t *testing.T) {
	for _, phrase := range phrases(t) {
		if phrase.Find(phrase.Example) == "" {
			t.Errorf("%v does not match its example %q", phrase.Pattern, phrase.Example)
		}
		if phrase.Instead == "" {
			t.Errorf("%v names no replacement", phrase.Pattern)
		}
	}
}

func TestGoodEnglishIsNotReported(t *testing.T) {
	for _, good := range []string{
		"The backend rejected the credentials (401).",
		"ServiceAccount shop/kubeops cannot list Secrets (RBAC).",
		"Container payment keeps crashing: exit code 1.",
		"Runs as user nobody.",
		"Lines of several containers are told apart by their prefix.",
		"Amend the commit and recommend a newer version.",
		"Argo CD self-heals the Deployment; all rights reserved.",
		"The new Pods, in turn, are pending; right now none is ready.",
	} {
		for _, phrase := range phrases(t) {
			if used := phrase.Find(good); used != "" {
				t.Errorf("%q is reported in %q", used, good)
			}
		}
	}
}

func TestPhrasesAreFoundInMessagesCommentsAndDocs(t *testing.T) {
	for name, test := range map[string]struct {
		path, text string
		line       int
	}{
		"message":          {path: "p/f.go", text: "package p\n\nvar m = \"the back end is down\"\n", line: 3},
		"comment":          {path: "p/f.go", text: "package p\n\n// It is read\n// anew.\nvar m int\n", line: 3},
		"package comment":  {path: "p/f.go", text: "// Package p mends things.\npackage p\n", line: 1},
		"docs":             {path: "docs/x.md", text: "# X\n\nIt recovers by itself.\n", line: 3},
		"across two lines": {path: "docs/x.md", text: "# X\n\nA run is under\nway.\n", line: 3},
		"shell comment":    {path: "hack/x.sh", text: "# It waits for\n# ever.\n", line: 1},
		"manifest":         {path: "config/x.yaml", text: "a: b # with the rights of the user\n", line: 1},
		"test":             {path: "p/f_test.go", text: "package p\n\nvar m = \"the back end is down\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := SearchPhrases(Source{Path: test.path, Text: []byte(test.text)}, phrases(t))
			if err != nil {
				t.Fatal(err)
			}
			var line int
			if len(found) > 0 {
				line = found[0].Line
			}
			if len(found) > 1 || line != test.line {
				t.Errorf("found %v, want line %d", found, test.line)
			}
		})
	}
}

func TestFoldersWithMoreFilesThanAllowedAreFound(t *testing.T) {
	var sources []Source
	add := func(folder string, count int, suffix, text string) {
		for i := range count {
			sources = append(sources, Source{Path: fmt.Sprintf("%s/file%d%s", folder, i, suffix), Text: []byte(text)})
		}
	}
	add("internal/full", MaxFiles, ".go", "package full")
	add("internal/full", 10, "_test.go", "package full")
	add("internal/full", 10, ".gen.go", "// Code generated by a tool. DO NOT EDIT.\n")
	add("internal/full", 10, ".yaml", "")
	add("internal/full/below", MaxFiles, ".go", "package below")
	if found := LargeFolders(sources); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	add("internal/full", 1, ".more.go", "package full")
	if found := LargeFolders(sources); len(found) != 1 || found[0].File != "internal/full" {
		t.Errorf("found %v, want internal/full", found)
	}
}

func TestUnconvertedFoldersAreExcusedUntilTheyAreConverted(t *testing.T) {
	list := "# comment\nwords internal/cli\nwords docs/checks.md\nassignments internal/cli\n"
	unconverted, err := ParseUnconverted(list)
	if err != nil {
		t.Fatal(err)
	}
	excused := Violation{File: "internal/cli/inspect.go"}
	below := Violation{File: "internal/cli/output/text.go"}
	counted, stale := unconverted.Sort("words", []Violation{excused, below})
	if !slices.Equal(counted, []Violation{below}) {
		t.Errorf("counted %v, want the folder below alone", counted)
	}
	if !slices.Equal(stale, []string{"docs/checks.md"}) {
		t.Errorf("stale %v, want docs/checks.md", stale)
	}
	want := "# comment\nwords internal/cli\nassignments internal/cli\n"
	if got := RemoveUnconverted(list, "words", stale); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func phrases(t *testing.T) []Phrase {
	t.Helper()
	all, err := Phrases()
	if err != nil {
		t.Fatal(err)
	}
	return all
}
