package dashboard

import (
	"encoding/json"
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
	for name, config := range map[string]string{
		"made-up names": schemathesisConfig(t, false), "names of objects": schemathesisConfig(t, true),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "schemathesis.toml")
			if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), "python3", "-m", "schemathesis.cli", "--config-file", path, "run", w.url+apiPath+".json",
				"--header", "Authorization: Bearer ada-token", "--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--seed", "20",
				"--continue-on-failure", "--no-color", "--request-timeout", "40", "--workers", "2")
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

// schemathesisConfig has a section for each operation. With names, its path has those of an object of namespace shop.
func schemathesisConfig(t *testing.T, names bool) string {
	t.Helper()
	var config strings.Builder
	// The token is always sent: another test is about requests without one. All other checks are on.
	config.WriteString("[checks]\nignored_auth.enabled = false\n")
	sorted := sortedOperations(t)
	for id, path := range operations(t, "shop") {
		parameters := ""
		if names {
			parameters = parametersOf(id, path)
		}
		if !sorted[id] && parameters == "" {
			continue // a section without settings is refused
		}
		fmt.Fprintf(&config, "[[operations]]\ninclude-operation-id = %q\n", id)
		if sorted[id] {
			// Which columns a list has is in its answer to another one.
			config.WriteString("checks.positive_data_acceptance.enabled = false\n")
		}
		if parameters != "" {
			config.WriteString("[operations.parameters]\n" + parameters)
		}
	}
	return config.String()
}

// sortedOperations are those that have parameter sort.
func sortedOperations(t *testing.T) map[string]bool {
	t.Helper()
	var description struct {
		Paths map[string]struct {
			Get struct {
				OperationID string                  `json:"operationId"`
				Parameters  []struct{ Name string } `json:"parameters"`
			} `json:"get"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(document(t), &description); err != nil {
		t.Fatal(err)
	}
	sorted := map[string]bool{}
	for _, path := range description.Paths {
		sorted[path.Get.OperationID] = slices.ContainsFunc(path.Get.Parameters, func(p struct{ Name string }) bool { return p.Name == "sort" })
	}
	return sorted
}

// parametersOf the path of an operation.
func parametersOf(id, path string) string {
	var config strings.Builder
	segments := strings.Split(strings.TrimPrefix(path, "/api/v1/"), "/")
	for name, parameter := range map[string]string{"namespaces": "namespace", "explorer": "resource", "schemas": "resource"} {
		if at := slices.Index(segments, name); at >= 0 && at+1 < len(segments) {
			fmt.Fprintf(&config, "\"path.%s\" = %q\n", parameter, segments[at+1])
		}
	}
	if segments[0] != "namespaces" && id != "getClusterObject" {
		return config.String()
	}
	last := segments[len(segments)-1]
	if slices.Contains([]string{"report", "log", "lines", "usage"}, last) {
		last = segments[len(segments)-2]
	}
	fmt.Fprintf(&config, "\"path.name\" = %q\n", last)
	return config.String()
}
