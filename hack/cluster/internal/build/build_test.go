package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubeops.io/kubeops/hack/cluster/internal/report"
)

func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestStamp(t *testing.T) {
	base := map[string]string{"go.mod": "module a\n", "go.sum": "x\n", "cmd/kube/main.go": "package main\n"}
	with := func(name, content string) map[string]string {
		files := map[string]string{name: content}
		for n, c := range base {
			if _, ok := files[n]; !ok {
				files[n] = c
			}
		}
		return files
	}
	want, err := stamp(module(t, base), "go1")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name       string
		files      map[string]string
		conditions []string
		same       bool
	}{
		{"the same content elsewhere", base, []string{"go1"}, true},
		{"a file that is not built", with("README.md", "new"), []string{"go1"}, true},
		{"the tool's own code", with("main.go", "package main\n"), []string{"go1"}, true},
		{"another requirement", with("go.mod", "module a\n\nrequire b v1.0.0\n"), []string{"go1"}, false},
		{"another checksum", with("go.sum", "y\n"), []string{"go1"}, false},
		{"changed code", with("cmd/kube/main.go", "package main\n\n"), []string{"go1"}, false},
		{"another file of code", with("cmd/kube/more.go", "package main\n"), []string{"go1"}, false},
		{"another compiler", base, []string{"go2"}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := stamp(module(t, test.files), test.conditions...)
			if err != nil {
				t.Fatal(err)
			}
			if (got == want) != test.same {
				t.Errorf("stamp %s, base %s, want the same: %v", got, want, test.same)
			}
		})
	}
}

func TestStampNeedsItsSources(t *testing.T) {
	if _, err := stamp(t.TempDir()); err == nil {
		t.Error("no error for a folder without go.mod")
	}
}

func TestVersion(t *testing.T) {
	full, major, minor, err := version([]byte("module x\n\nrequire (\n\tk8s.io/kubectl v0.0.0\n\tk8s.io/kubernetes v1.37.2\n)\n"))
	if err != nil || full != "v1.37.2" || major != "1" || minor != "37" {
		t.Errorf("got %s %s %s %v", full, major, minor, err)
	}
	if _, _, _, err := version([]byte("module x\n")); err == nil {
		t.Error("no error without the requirement")
	}
}

func TestFollowKeepsErrors(t *testing.T) {
	input := "k8s.io/api/core/v1\nk8s.io/api/apps/v1\n# k8s.io/broken\n./x.go:1:2: undefined: y\n"
	got := follow(strings.NewReader(input), 2, report.New(&strings.Builder{}))
	if want := "# k8s.io/broken\n./x.go:1:2: undefined: y"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
