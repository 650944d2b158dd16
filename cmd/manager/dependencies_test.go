package main

import (
	"os/exec"
	"strings"
	"testing"
)

func TestTheManagerHasNoPackageOfArgoCD(t *testing.T) {
	t.Parallel()
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(list), "kubeops.io/kubeops/internal/plugin\n") {
		t.Fatal("the list is not that of the manager")
	}
	for name := range strings.Lines(string(list)) {
		if strings.Contains(name, "argoproj") || strings.HasPrefix(name, "kubeops.io/kubeops/providers/") {
			t.Errorf("the manager imports %s", strings.TrimSpace(name))
		}
	}
}
