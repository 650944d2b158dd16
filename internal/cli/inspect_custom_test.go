package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/cli/command"
)

func TestCustomChecksAreReadFromListsAndInspections(t *testing.T) {
	const list = `- id: a
  resource: {resource: namespaces}
  expression: has(object.metadata.labels.owner)
  message: no owner
`
	const inspection = `apiVersion: v1
kind: ServiceAccount
metadata: {name: kubeops}
---
apiVersion: kubeops.io/v1alpha1
kind: Inspection
metadata: {name: i}
spec:
  customChecks:
  - {id: a, resource: {resource: namespaces}, expression: "true", message: m, severity: low}
  - {id: b, resource: {group: apps, version: v1, resource: deployments}, expression: "true", message: m}
`
	for name, tc := range map[string]struct {
		content string
		want    int
		wantErr string
	}{
		"a list":                          {content: list, want: 1},
		"an Inspection and other objects": {content: inspection, want: 2},
		"both":                            {inspection + "---\n" + strings.Replace(list, "id: a", "id: c", 1), 3, ""},
		"an empty list":                   {content: "[]"},
		"an Inspection without checks":    {content: "apiVersion: kubeops.io/v1alpha1\nkind: Inspection\n"},
		"an unknown field":                {list + "  serverity: low\n", 0, `unknown field "serverity"`},
		"something else":                  {"a: b", 0, "expected a list of checks"},
		"an empty file":                   {"", 0, "expected a list of checks"},
		"malformed YAML":                  {"a: [", 0, "yaml"},
		"a duplicate id":                  {list + list, 0, `custom check "a": id: duplicate`},
		"an error in an expression": {
			strings.Replace(list, "has(object", "has(objct", 1), 0,
			`custom check "a": expression, line 1, column 5: undeclared reference to 'objct'` +
				"\n | has(objct.metadata.labels.owner)\n | ....^",
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "checks.yaml")
			if err := os.WriteFile(file, []byte(tc.content), 0o600); err != nil {
				t.Fatal(err)
			}
			programs, err := customPrograms(t.Context(), file, nil)
			if tc.wantErr == "" && err != nil || tc.wantErr != "" && (err == nil || !strings.Contains(err.Error(), tc.wantErr)) {
				t.Errorf("got %v, want %q", err, tc.wantErr)
			}
			if len(programs) != tc.want {
				t.Errorf("%d checks, want %d", len(programs), tc.want)
			}
		})
	}
}

func TestInvalidCustomChecksAreUsageErrors(t *testing.T) {
	const invalid = "- {id: a, resource: {resource: pods}, expression: objct == 1, message: m}"
	var out, errOut bytes.Buffer
	code := Run(t.Context(), []string{"inspect", "--custom-checks", "-"}, command.Streams{In: strings.NewReader(invalid), Out: &out, Err: &errOut})
	if code != exitError || !strings.Contains(errOut.String(), "line 1, column 1: undeclared reference to 'objct'") {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
	missing, _, message := runCLI(t, "inspect", "--custom-checks", "/nonexistent/checks.yaml")
	if missing != exitError || !strings.Contains(message, "no such file") {
		t.Errorf("exit code %d: %s", missing, message)
	}
}

func TestTheSampleInspectionIsAcceptedAsCustomChecks(t *testing.T) {
	programs, err := customPrograms(t.Context(), "../../config/samples/kubeops_v1alpha1_inspection_customchecks.yaml", nil)
	if err != nil || len(programs) != 3 {
		t.Errorf("%d checks, %v", len(programs), err)
	}
}
