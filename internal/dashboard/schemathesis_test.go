package dashboard

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTheAPIIsWhatItsDescriptionSays lets Schemathesis make requests from the OpenAPI document, valid ones and others: with names that it
// makes up, which do not exist, and with those of objects that do. `make test-dashboard-api` runs it.
func TestTheAPIIsWhatItsDescriptionSays(t *testing.T) {
	installed := os.Getenv("SCHEMATHESIS")
	if installed == "" {
		t.Skip("`make test-dashboard-api` runs it")
	}
	w := newWorld(t)
	for name, config := range map[string]string{"made-up names": "", "names of objects": namesOfObjects(t)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "schemathesis.toml")
			if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			// The token is always sent, so that requests without one are no part of it: another test is about them.
			command := exec.CommandContext(t.Context(), "python3", "-m", "schemathesis.cli", "--config-file", path, "run", w.url+apiPath+".json",
				"--header", "Authorization: Bearer ada-token", "--checks", "all", "--exclude-checks", "ignored_auth", "--phases", "examples,coverage,fuzzing",
				"--max-examples", "40", "--seed", "20", "--continue-on-failure", "--no-color", "--request-timeout", "40", "--workers", "2")
			command.Dir = t.TempDir()
			command.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(installed, "packages"))
			output, err := command.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, output)
			}
			summary := strings.Split(strings.TrimSpace(string(output)), "\n")
			t.Log(strings.Join(summary[max(0, len(summary)-25):], "\n"))
		})
	}
}

// namesOfObjects is a configuration with a path for each operation, which has an object of namespace shop.
func namesOfObjects(t *testing.T) string {
	t.Helper()
	var config strings.Builder
	for id, path := range operations(t, "shop") {
		segments := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
		fmt.Fprintf(&config, "[[operations]]\ninclude-operation-id = %q\n[operations.parameters]\n", id)
		for _, name := range []string{"namespaces", "explorer", "schemas"} {
			if at := slices.Index(segments, name); at >= 0 && at+1 < len(segments) {
				parameter := map[string]string{"namespaces": "namespace", "explorer": "resource", "schemas": "resource"}[name]
				fmt.Fprintf(&config, "\"path.%s\" = %q\n", parameter, segments[at+1])
			}
		}
		last := segments[len(segments)-1]
		if last == "report" || last == "log" {
			last = segments[len(segments)-2]
		}
		if strings.HasPrefix(path, "/api/v1/namespaces/") || id == "getClusterObject" {
			fmt.Fprintf(&config, "\"path.name\" = %q\n", last)
		}
	}
	return config.String()
}
