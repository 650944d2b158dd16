package logroute

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
)

func TestBuffersOfRoutesThatAreGoneAreRemovedBeforeTheStart(t *testing.T) {
	kept, gone := "b_team_a_logs_deb55dfc04", "b_team_a_logs_deb55dfc0"
	for name, tc := range map[string]struct {
		before, routes string
		after          string
	}{
		"of Fluentd":             {"buffer/" + kept + " buffer/" + gone, kept + "\n", "buffer/" + kept},
		"of Vector":              {"buffer/v2/" + kept + " buffer/v2/" + gone, kept + "\n", "buffer/v2/" + kept},
		"of no route any more":   {"buffer/v2/" + kept, "", ""},
		"of none":                {"", kept + "\n", ""},
		"without a list":         {"buffer/" + kept, "-", "buffer/" + kept},
		"beside files of others": {"buffer/other buffer/v2/other pods", kept + "\n", "buffer/other buffer/v2/other pods"},
	} {
		root := t.TempDir()
		data, config := filepath.Join(root, "data"), filepath.Join(root, "config")
		for _, folder := range append(strings.Fields(tc.before), ".") {
			if err := os.MkdirAll(filepath.Join(data, folder), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(config, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(config, routesFile), []byte(tc.routes), 0o600); err != nil {
			t.Fatal(err)
		}
		if tc.routes == "-" {
			if err := os.Remove(filepath.Join(config, routesFile)); err != nil {
				t.Fatal(err)
			}
		}
		script := strings.NewReplacer(dataFolder, data, configFolder, config).Replace(removeBuffers)
		if out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", script).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		var left []string
		for _, pattern := range []string{"pods", "buffer/b_*", "buffer/other", "buffer/v2/*"} {
			found, err := filepath.Glob(filepath.Join(data, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range found {
				left = append(left, strings.TrimPrefix(path, data+"/"))
			}
		}
		want := strings.Fields(tc.after)
		slices.Sort(left)
		slices.Sort(want)
		if !slices.Equal(left, want) {
			t.Errorf("%s: left %v, want %v", name, left, want)
		}
	}
}

func TestOnlyAnImageWithAShellGetsAStepBeforeTheStart(t *testing.T) {
	for image, want := range map[string]int{"": 1, "vector:0.57.0-alpine": 1, "vector:0.57.0-distroless-libc": 0, "vector:0.57.0": 0} {
		r := &Router{Images: map[v1alpha1.CollectorType]string{v1alpha1.CollectorVector: image}}
		spec, ok := r.daemonSet(v1alpha1.CollectorVector, "digest")["template"].(manifest)["spec"].(manifest)
		if !ok {
			t.Fatal("no spec")
		}
		if got, ok := spec["initContainers"].([]any); !ok || len(got) != want {
			t.Errorf("%q: got %v", image, spec["initContainers"])
		}
	}
}

func TestTheRoutesOfACollectorAreListedForTheStepBeforeTheStart(t *testing.T) {
	a, b := loki("team-a", "logs", "a", v1alpha1.LogCollection{}), loki("team-b", "logs", "b", v1alpha1.LogCollection{})
	b.Endpoint = provider.Endpoint{URL: "http://localhost", Fields: b.Endpoint.Fields} // cannot be routed
	out, err := Compile([]Backend{a, b}, options())
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Collectors[v1alpha1.CollectorVector].Files[routesFile]; got != identity(&a)+"\n" {
		t.Errorf("got %q", got)
	}
}
