package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestKubeopsAsksTheProgramBesideIt builds both, and inspects files.
func TestKubeopsAsksTheProgramBesideIt(t *testing.T) {
	bin, files := t.TempDir(), t.TempDir()
	build := func(dir, to, what string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", filepath.Join(bin, to), what)
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", what, err, out)
		}
	}
	build(".", "kubeops-validator", ".")
	build("..", "kubeops", "./cmd/kubeops")
	write := func(name, content string) string {
		t.Helper()
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(args ...string) (refused []string, stderr string, code int) {
		t.Helper()
		command := exec.CommandContext(t.Context(), filepath.Join(bin, "kubeops"), append([]string{"inspect", "-o", "json"}, args...)...)
		command.Dir = files
		command.Env = append(os.Environ(), "PATH=/nonexistent")
		var said strings.Builder
		command.Stderr = &said
		out, _ := command.Output()
		var report struct {
			Findings []struct{ Check, Message string }
		}
		if len(out) > 0 {
			if err := json.Unmarshal(out, &report); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		for _, f := range report.Findings {
			if f.Check == "manifest-invalid" {
				refused = append(refused, f.Message)
			}
		}
		return refused, said.String(), command.ProcessState.ExitCode()
	}
	web := write("web.yaml", deploymentWith(", volumeMounts: [{name: data, mountPath: /data}]"))
	crd := write("crd.yaml", widgets)
	widget := write("widget.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w}\nspec: {size: 9}\n")

	refused, _, code := run("-f", web, "--fail-on", "high")
	if code != 1 || len(refused) != 1 || !strings.Contains(refused[0], `spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"`) {
		t.Errorf("exit code %d, refused %q", code, refused)
	}
	if refused, _, code = run("-f", widget); code != 0 || len(refused) > 0 {
		t.Errorf("without a definition: exit code %d, refused %q", code, refused)
	}
	if refused, _, _ = run("-f", widget, "--crds", crd); len(refused) != 1 || !strings.Contains(refused[0], "size must not exceed max") {
		t.Errorf("with a definition: refused %q", refused)
	}
	if refused, _, _ = run("-f", widget, "-f", crd); len(refused) != 1 {
		t.Errorf("with a definition among the files: refused %q", refused)
	}

	t.Run("files that an API server would refuse", func(t *testing.T) { checkRefusedFiles(t, write, run) })

	if err := os.Remove(filepath.Join(bin, "kubeops-validator")); err != nil {
		t.Fatal(err)
	}
	refused, stderr, code := run("-f", web)
	if code != 0 || len(refused) > 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "kubeops-validator") {
		t.Errorf("without the program: exit code %d, refused %q: %s", code, refused, stderr)
	}
	if _, stderr, code = run("-f", web, "--crds", crd); code != 2 || !strings.Contains(stderr, "kubeops-validator") {
		t.Errorf("--crds without the program: exit code %d: %s", code, stderr)
	}
}
