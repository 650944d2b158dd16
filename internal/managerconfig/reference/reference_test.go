package reference

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/managerconfig"
)

const (
	types    = "../../../api/config/v1alpha1"
	document = "../../../docs/configuration.md"
)

func TestCommentsStateTheDefaultThatApplies(t *testing.T) {
	fields, err := Fields(types)
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range fields {
		if field.Stated != field.Default {
			t.Errorf("the comment of %s states the default %q, but it is %q", field.Path, field.Stated, field.Default)
		}
		if name := field.Path[strings.LastIndex(field.Path, ".")+1:]; !strings.HasPrefix(field.Meaning, name+" ") {
			t.Errorf("the comment of %s does not start with the name of the field: %q", field.Path, field.Meaning)
		}
		if !strings.HasSuffix(field.Meaning, ".") || len(field.Meaning) < 20 {
			t.Errorf("the comment of %s has no sentence: %q", field.Path, field.Meaning)
		}
	}
	if defaults := managerconfig.Default(); len(defaults.LogCollection.ClusterWideNamespaces) != 0 {
		t.Error("a list has items by default: the table must show them")
	}
}

func TestDocumentHasTheGeneratedTable(t *testing.T) {
	content, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := Fields(types)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Rewrite(content, Table(fields))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(content)); diff != "" {
		t.Errorf("docs/configuration.md differs from the types; run `make generate`:\n%s", diff)
	}
}

// TestExamplesInTheDocumentLoad loads every YAML block that is a configuration. The longest sets every field.
func TestExamplesInTheDocumentLoad(t *testing.T) {
	content, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	complete := false
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(content, -1) {
		if !strings.Contains(string(block[1]), "\nkind: ManagerConfig\n") || strings.Contains(string(block[1]), "configMapGenerator") {
			continue
		}
		file := filepath.Join(t.TempDir(), "example.yaml")
		if err := os.WriteFile(file, block[1], 0o600); err != nil {
			t.Fatal(err)
		}
		effective, err := managerconfig.Load(file)
		if err != nil {
			t.Errorf("%v\n%s", err, block[1])
			continue
		}
		missing := 0
		for _, path := range managerconfig.Paths() {
			if _, set := effective.Origins[path]; !set {
				missing++
			}
		}
		complete = complete || missing == 0
	}
	if !complete {
		t.Error("docs/configuration.md has no example with every field")
	}
}

func TestRewriteNeedsBothMarks(t *testing.T) {
	for _, text := range []string{"", begin, end, end + begin} {
		if _, err := Rewrite([]byte(text), nil); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
}
