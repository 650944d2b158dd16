package managerconfig

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/config/v1alpha1"
)

func TestThePrintedConfigurationNamesDefaultsAndOverrides(t *testing.T) {
	level := Override{Path: "logging.level", Flag: "--log-level", Set: func(c *v1alpha1.ManagerConfig) { c.Logging.Level = "warn" }}
	for _, tc := range []struct {
		golden, source string
		overrides      []Override
	}{
		{golden: "testdata/defaults.golden.yaml"},
		{golden: "testdata/full.golden.yaml", source: "testdata/full.yaml", overrides: []Override{level}},
	} {
		effective, err := Load(tc.source, tc.overrides...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := effective.YAML()
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(tc.golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(tc.golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (UPDATE_GOLDEN=1 rewrites it):\n%s", tc.golden, diff)
		}
	}
}

func TestPrintedDefaultsLoadAgain(t *testing.T) {
	effective, err := Load("testdata/defaults.golden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), effective.Config); diff != "" {
		t.Error(diff)
	}
}

// TestCredentialsAreRedacted covers what validation lets pass, and, as a second line, what it does not.
func TestCredentialsAreRedacted(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "",
		":8080":                             ":8080",
		"/etc/cache/password":               "/etc/cache/password",
		"registry.example.com:5000/a:1@b":   "registry.example.com:5000/a:1@b",
		"redis://cache:6379/1":              "redis://cache:6379/1",
		"redis://user@cache/1":              "redis://[redacted]@cache/1",
		"redis://:hunter2@cache":            "redis://[redacted]@cache",
		"redis://u:hunt@er2@cache:1/2":      "redis://[redacted]@cache:1/2",
		"redis://user:hunt%2Fer2@[::1]:1/2": "redis://[redacted]@[::1]:1/2",
		"redis://user:hunt/er2@cache":       "[redacted]",
		"redis://cache?password=hunter2":    "redis://cache?[redacted]",
		"redis://cache/1?":                  "redis://cache/1?[redacted]",
		"redis://u:p@cache/1?a=b#hunter2":   "redis://[redacted]@cache/1?[redacted]",
		"redis://cache#hunter2":             "redis://cache?[redacted]",
	} {
		effective := &Effective{Config: Default()}
		effective.Config.AnswerCache.Redis.URL = text
		effective.Config.LogCollection.ClusterWideNamespaces = []string{text}
		redacted := effective.Redacted()
		if got := redacted.AnswerCache.Redis.URL; got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if got := redacted.LogCollection.ClusterWideNamespaces[0]; got != want {
			t.Errorf("%s in a list: got %s, want %s", text, got, want)
		}
		if effective.Config.AnswerCache.Redis.URL != text || effective.Config.LogCollection.ClusterWideNamespaces[0] != text {
			t.Errorf("%s: the configuration itself was changed", text)
		}
		printed, err := effective.YAML()
		if err != nil {
			t.Fatal(err)
		}
		logged, err := json.Marshal(redacted)
		if err != nil {
			t.Fatal(err)
		}
		for _, output := range []string{string(printed), string(logged)} {
			if strings.Contains(output, "hunt") {
				t.Errorf("%s: a password is in %s", text, output)
			}
		}
	}
}
