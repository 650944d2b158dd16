package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/cli/command"
)

const pastedLines = "INFO started in 12ms\nINFO started in 9s\n" +
	"ERROR order 7 of \"al\" failed\njava.io.IOException: disk\n\tat a.B.c(B.java:1)\n" +
	"\x1b[33mWARN\x1b[0m slow\n"

func templatesOf(t *testing.T, stdin string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), append([]string{"logs", "templates"}, args...),
		command.Streams{In: strings.NewReader(stdin), Out: &stdout, Err: &stderr})
	return code, stdout.String(), stderr.String()
}

func TestTemplatesOfPastedLines(t *testing.T) {
	want := `6 lines, 4 events, 3 templates
   COUNT  LEVEL  TEMPLATE
       1  error  ERROR order <num> of <str> failed | java.io.IOException: disk
                 | ERROR order 7 of "al" failed
       2  info   INFO started in <dur>
                 | INFO started in 12ms
       1  warn   WARN slow
`
	code, out, errOut := templatesOf(t, pastedLines)
	if diff := cmp.Diff(want, out); diff != "" || code != exitOK {
		t.Errorf("exit code %d, %s, -want +got:\n%s", code, errOut, diff)
	}
	file := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(file, []byte(pastedLines), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut = templatesOf(t, "", "-f", file, "-o", "json", "--level", "error")
	var got templatesOutput
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != exitOK {
		t.Fatalf("exit code %d, %s: %v in %s", code, errOut, err, out)
	}
	wantJSON := templatesOutput{Lines: 6, Events: 4, Templates: []templateEntry{{
		"ERROR order <num> of <str> failed | java.io.IOException: disk", "error", 1, 3, true,
		"ERROR order 7 of \"al\" failed\njava.io.IOException: disk\n\tat a.B.c(B.java:1)",
	}}}
	if diff := cmp.Diff(wantJSON, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTemplatesContainNoSecrets(t *testing.T) {
	secret := strings.Repeat("s3cr", 4)
	lines := "ERROR login failed password=" + secret + "\nERROR header Authorization: Bearer " + secret + "\n"
	for _, output := range []string{"table", "json", "yaml"} {
		_, out, _ := templatesOf(t, lines, "-o", output)
		if strings.Contains(out, secret) || !strings.Contains(out, "redacted") {
			t.Errorf("%s: %s", output, out)
		}
	}
}

func TestUsageErrorsOfTemplates(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"unknown level":         {[]string{"--level", "bad"}, `invalid --level "bad": must be one of debug`},
		"unknown output format": {[]string{"-o", "xml"}, `invalid -o "xml": must be one of table, json, yaml`},
		"missing file":          {[]string{"-f", "/nonexistent/app.log"}, "read log lines"},
	} {
		if code, _, errOut := templatesOf(t, "", tc.args...); code != exitError || !strings.Contains(errOut, tc.want) {
			t.Errorf("%s: exit code %d, %q", name, code, errOut)
		}
	}
}
