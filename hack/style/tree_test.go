package style

import (
	"os"
	"testing"
)

const root = "../.."

func TestAssignmentsOfTheTreeJoinOnlyWhatBelongsTogether(t *testing.T) {
	checkTree(t, "assignments", func(source Source) ([]Violation, error) {
		if !source.IsGo() || source.IsGenerated() {
			return nil, nil
		}
		return Assignments(source)
	})
}

func TestTextsOfTheTreeUseNoUnwantedPhrase(t *testing.T) {
	phrases, err := Phrases()
	if err != nil {
		t.Fatal(err)
	}
	checkTree(t, "words", func(source Source) ([]Violation, error) {
		return SearchPhrases(source, phrases)
	})
}

func TestNoFolderOfTheTreeIsTooLarge(t *testing.T) {
	sources, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, violation := range LargeFolders(sources) {
		t.Error(violation)
	}
}

// update reports whether UPDATE is set, which removes entries of unconverted.txt that are no longer needed.
func update() bool { return os.Getenv("UPDATE") != "" }

func checkTree(t *testing.T, rule string, check func(Source) ([]Violation, error)) {
	t.Helper()
	const path = "unconverted.txt"
	list, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	unconverted, err := ParseUnconverted(string(list))
	if err != nil {
		t.Fatal(err)
	}
	counted, stale := unconverted.Sort(rule, violations(t, check))
	for _, violation := range counted {
		t.Error(violation)
	}
	if update() {
		write(t, path, RemoveUnconverted(string(list), rule, stale))
		return
	}
	for _, entry := range stale {
		t.Errorf("unconverted.txt: \"%s %s\" is no longer needed; `UPDATE=1 go test ./hack/style` removes it", rule, entry)
	}
}

func violations(t *testing.T, check func(Source) ([]Violation, error)) []Violation {
	t.Helper()
	sources, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 100 {
		t.Fatalf("found %d files below %s, so this is not the whole tree", len(sources), root)
	}
	var all []Violation
	for _, source := range sources {
		found, err := check(source)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	return all
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
