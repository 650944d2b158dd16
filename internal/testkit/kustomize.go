package testkit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Kustomize renders a kustomization with the kubectl that `make kube` built. It is in a folder of the checkout, whose manifests are in
// ../config.
func Kustomize(t testing.TB, kustomization string) []*unstructured.Unstructured {
	t.Helper()
	root, err := repositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(root, "bin", "kube", "*", "kubectl"))
	if err != nil || len(found) == 0 {
		t.Fatalf("bin/kube has no kubectl; run `make kube` first (%v)", err)
	}
	folder, err := os.MkdirTemp(root, ".render-") // kustomize accepts relative paths only
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	}()
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(kustomization), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), found[len(found)-1], "kustomize", folder)
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return Manifests(t, "kustomize", output)
}
