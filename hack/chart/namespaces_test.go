package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// allValues are those of all components that may be installed together.
func allValues() map[string]any {
	values := map[string]any{}
	for _, c := range components() {
		if c.folder != withoutClusterScoped {
			values = merged(values, c.values)
		}
	}
	return values
}

// TestTheManagerOfSingleNamespacesHasRolesInTheseOnly: no account of KubeOps that runs inspections may name ServiceAccounts of all namespaces.
// What it may do in the whole cluster is to read as an account which APIs there are.
func TestTheManagerOfSingleNamespacesHasRolesInTheseOnly(t *testing.T) {
	t.Parallel()
	values := merged(allValues(), map[string]any{"components": map[string]any{"dashboard": false, "plainImpersonation": false}})
	installed, err := helm(t, namespace, values)
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for key, manifest := range installed.byKey {
		parts := strings.Split(key, "/") // kind, namespace, name
		ofManager := strings.HasPrefix(parts[2], "kubeops-manager") || strings.HasPrefix(parts[2], "kubeops-worker")
		reference, _ := manifest["roleRef"].(map[string]any)
		switch {
		case strings.HasPrefix(parts[0], "ClusterRole") && ofManager && !strings.Contains(parts[2], "-impersonation-discovery"):
			t.Errorf("%s is for the whole cluster", key)
		case parts[0] != "RoleBinding" || !slices.Contains([]string{"shop", "inspections"}, parts[1]):
		case reference["kind"] != "Role" || installed.byKey[fmt.Sprintf("Role/%s/%s", parts[1], reference["name"])] == nil:
			t.Errorf("%s binds %v, which is no Role of its namespace", key, reference)
		default:
			own++
		}
	}
	if own != 20 { // 10 in each of two namespaces
		t.Errorf("%d bindings in namespaces", own)
	}
}

// TestAnInstallationWithoutObjectsOfTheClusterHasNone: who installs it can write in its namespaces only.
func TestAnInstallationWithoutObjectsOfTheClusterHasNone(t *testing.T) {
	t.Parallel()
	values := combinations()["all without objects of the cluster"].values
	installed, err := helm(t, namespace, values)
	if err != nil {
		t.Fatal(err)
	}
	for key, manifest := range installed.byKey {
		metadata, _ := manifest["metadata"].(map[string]any)
		kind := fmt.Sprint(manifest["kind"])
		if metadata["namespace"] == nil || strings.HasPrefix(kind, "Cluster") || kind == "FlowSchema" || strings.HasPrefix(kind, "Validating") {
			t.Errorf("%s is an object of the whole cluster", key)
		}
		rules, _ := manifest["rules"].([]any)
		for _, rule := range rules {
			if fields, _ := rule.(map[string]any); fields["nonResourceURLs"] != nil {
				t.Errorf("%s grants paths, which the API server refuses in a Role", key)
			}
		}
	}
	for _, want := range []string{"Role/shop/kubeops-manager", "Role/inspections/kubeops-inspector", "Role/shop/kubeops-viewer"} {
		if installed.byKey[want] == nil {
			t.Errorf("there is no %s", want)
		}
	}
}

// TestTheObjectsThatKubectlLeavesAreDocumented: an installation for all namespaces would otherwise keep its permissions.
func TestTheObjectsThatKubectlLeavesAreDocumented(t *testing.T) {
	t.Parallel()
	config, err := readSources(repository)
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, c := range components() {
		if c.roles != "" && c.beside == "" {
			folders = append(folders, c.folder)
		}
	}
	without, err := config.render([]string{"default"}, folders, "")
	if err != nil {
		t.Fatal(err)
	}
	with, err := config.render([]string{"default"}, append(folders, namespaced), "")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(repository, "docs", "permissions.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, command, _ := strings.Cut(string(content), "kubectl delete clusterrolebinding,clusterrole --ignore-not-found")
	command, _, _ = strings.Cut(command, "```")
	got := strings.Fields(strings.ReplaceAll(command, "\\", ""))
	removed := map[string]bool{}
	for _, key := range without.keys {
		kind, name, _ := strings.Cut(key, "//")
		if strings.HasPrefix(kind, "ClusterRole") && with.byKey[key] == nil {
			removed[name] = true
		}
	}
	slices.Sort(got)
	if want := slices.Sorted(maps.Keys(removed)); !slices.Equal(got, want) {
		t.Errorf("docs/permissions.md deletes %q, and component namespaced %q", got, want)
	}
}
