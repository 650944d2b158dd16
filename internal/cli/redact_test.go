package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/cli/command"
)

func runRedact(t *testing.T, in string, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := newRoot(command.Streams{In: strings.NewReader(in), Out: &stdout, Err: &stderr})
	cmd.SetArgs(append([]string{"redact"}, args...))
	err = cmd.ExecuteContext(t.Context())
	return stdout.String(), err
}

func TestRedactReplacesSecrets(t *testing.T) {
	const text = "user jane@example.com from 10.0.0.9: password=hunter22, twice password=hunter22\n"
	out, err := runRedact(t, text)
	if err != nil || strings.Contains(out, "hunter22") || strings.Count(out, "[redacted:") != 2 ||
		!strings.Contains(out, "jane@example.com from 10.0.0.9") {
		t.Errorf("%q, %v", out, err)
	}
	file := filepath.Join(t.TempDir(), "app.log")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = runRedact(t, "", "-f", file, "-o", "json", "--emails", "--ips")
	var got struct {
		Text     string
		Replaced map[string]int
	}
	if err != nil || json.Unmarshal([]byte(out), &got) != nil {
		t.Fatalf("%s, %v", out, err)
	}
	if strings.Contains(got.Text, "jane") || strings.Contains(got.Text, "10.0.0.9") ||
		got.Replaced["named-secret"] != 2 || got.Replaced["email"] != 1 || got.Replaced["ip-address"] != 1 {
		t.Error(out)
	}
}

func TestUsageErrorsOfRedact(t *testing.T) {
	if _, err := runRedact(t, "x", "-o", "html"); err == nil || !strings.Contains(err.Error(), "json or yaml") {
		t.Errorf("%v", err)
	}
	if _, err := runRedact(t, "", "-f", filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("no error for a missing file")
	}
}
