package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/cli/command"
)

// runCLI executes a command line without stdin.
func runCLI(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), args, command.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
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
		t.Errorf("got %d checks, want at least 30", len(list))
	}
	for _, check := range list {
		for _, field := range []string{"id", "category", "severity", "summary", "remediation"} {
			if text, ok := check[field].(string); !ok || text == "" {
				t.Errorf("check %v: field %s is missing or empty", check["id"], field)
			}
		}
	}
}

func TestUsageErrorsNameTheValidValues(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"unknown check with a similar ID": {[]string{"inspect", "--checks", "pod-crash-loping"}, "did you mean pod-crash-looping?"},
		"unknown output format":           {[]string{"inspect", "-o", "xml"}, "must be one of table, json, yaml, sarif, junit, markdown, html"},
		"missing output directory":        {[]string{"report", "--output-file", "no/such/dir/x.html"}, "directory no/such/dir does not exist"},
		"unknown severity":                {[]string{"inspect", "--fail-on", "bad"}, `invalid --fail-on "bad": must be one of critical, high`},
		"a namespace that is no name":     {[]string{"inspect", "-n", "a,B"}, `-n: "B" is not a valid name of a namespace`},
		"a malformed glob":                {[]string{"inspect", "-A", "--exclude-namespaces", "a["}, `--exclude-namespaces: "a[" is not a valid glob`},
		"-A with -n":                      {[]string{"inspect", "-A", "-n", "shop"}, "mutually exclusive"},
		"missing kubeconfig":              {[]string{"inspect", "--kubeconfig", "/nonexistent/config"}, "kubeconfig"},
		"unknown command":                 {[]string{"inspct"}, "unknown command"},
		"unknown check to describe":       {[]string{"checks", "pvc-lots"}, "did you mean pvc-lost?"},
		"log analysis without a backend":  {[]string{"inspect", "-A", "--log-analysis"}, "--log-analysis requires --logs-url"},
		"log backend with manifests":      {[]string{"inspect", "-f", ".", "--logs-url", "http://localhost:3100"}, "apply to clusters only"},
		"metrics label with manifests":    {[]string{"inspect", "-f", ".", "--metrics-label", "cluster=a"}, "apply to clusters only"},
		"unknown color mode":              {[]string{"report", "--color", "blue"}, "must be one of auto, always, never"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errOut := runCLI(t, tc.args...)
			if code != exitError || !strings.Contains(errOut, tc.want) {
				t.Errorf("exit code %d and %q, want %d and a message with %q", code, errOut, exitError, tc.want)
			}
		})
	}
}

// Usage texts in backquotes would be printed as the type of the flag's value.
func TestHelpFitsInto120ColumnsAndNamesFlagTypes(t *testing.T) {
	for _, command := range []string{"", "inspect", "checks", "report", "logs templates", "redact"} {
		_, out, _ := runCLI(t, append(strings.Fields(command), "--help")...)
		for line := range strings.Lines(out) {
			if len(strings.TrimRight(line, "\n")) > 120 || strings.Contains(line, "--checks kubeops") {
				t.Errorf("%s --help: %s", command, line)
			}
		}
	}
}

func TestASingleCheckIsDescribedInFull(t *testing.T) {
	code, out, _ := runCLI(t, "checks", "pod-oom-killed")
	for _, want := range []string{"pod-oom-killed (", "Fix: ", "See: https://", "Reads: Pod"} {
		if !strings.Contains(out, want) {
			t.Errorf("exit code %d, no %q in:\n%s", code, want, out)
		}
	}
}
