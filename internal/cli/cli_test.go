package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// runCLI carries out a command line without a cluster.
func runCLI(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), args, Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	return code, stdout.String(), stderr.String()
}

func TestChecksAsJSONIsAListOfObjectsWithTheDocumentedFields(t *testing.T) {
	code, out, errOut := runCLI(t, "checks", "-o", "json")
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, errOut)
	}
	var list []map[string]any
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 30 {
		t.Errorf("the catalogue has %d checks, want at least 30", len(list))
	}
	for _, check := range list {
		for _, field := range []string{"id", "category", "severity", "summary", "remediation"} {
			if text, ok := check[field].(string); !ok || text == "" {
				t.Errorf("check %v: field %s is missing or empty", check["id"], field)
			}
		}
	}
}

func TestWrongUsageSaysWhatWouldBeRight(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"unknown check, with a similar one": {[]string{"inspect", "--checks", "pod-crash-loping"}, "did you mean pod-crash-looping?"},
		"unknown output":                    {[]string{"inspect", "-o", "xml"}, "-o takes table, json, yaml, sarif, junit, markdown, html, not"},
		"no such folder":                    {[]string{"report", "--output-file", "no/such/folder/x.html"}, "there is no folder no/such/folder"},
		"unknown severity":                  {[]string{"inspect", "--fail-on", "bad"}, "--fail-on takes critical, high"},
		"-A with -n":                        {[]string{"inspect", "-A", "-n", "shop"}, "exclude each other"},
		"no kubeconfig there":               {[]string{"inspect", "--kubeconfig", "/nonexistent/config"}, "kubeconfig"},
		"unknown command":                   {[]string{"inspct"}, "unknown command"},
		"unknown check to explain":          {[]string{"checks", "pvc-lots"}, "did you mean pvc-lost?"},
		"lines from nowhere":                {[]string{"inspect", "-A", "--log-analysis"}, "--log-analysis needs --logs-url"},
		"lines of manifests":                {[]string{"inspect", "-f", ".", "--logs-url", "http://localhost:3100"}, "manifests write no lines"},
		"unknown colour":                    {[]string{"report", "--color", "blue"}, "--color takes auto"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errOut := runCLI(t, tc.args...)
			if code != exitError || !strings.Contains(errOut, tc.want) {
				t.Errorf("exit code %d and %q, want %d and a text with %q", code, errOut, exitError, tc.want)
			}
		})
	}
}

func TestOneCheckIsExplainedInFull(t *testing.T) {
	code, out, _ := runCLI(t, "checks", "pod-oom-killed")
	for _, want := range []string{"pod-oom-killed (", "Fix: ", "See: https://", "Reads: Pod"} {
		if !strings.Contains(out, want) {
			t.Errorf("exit code %d, no %q in:\n%s", code, want, out)
		}
	}
}
