package managerconfig

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzLoad holds that a file is either rejected with its name, or has a printed form that loads as the same configuration.
func FuzzLoad(f *testing.F) {
	full, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		string(full), header, "", "a: [",
		header + "logging: {level: &a debug}\nx: *a\n", header + "---\n" + header,
		"? [a]\n: b\n",
		header + "metrics: {bindAddress: \"\\0\"}\n",
		header + "leaderElection: {leaseDuration: 9223372036s}\n", "!!binary a: b", "%YAML 1.2\n---\na: b",
		header + "answerCache: {redis: {url: 'redis://a@b'}}\n", header + "logCollection: {clusterWideNamespaces: [a, [], {}, ~]}\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "c.yaml")
		write(t, path, content)
		effective, err := Load(path)
		if err != nil {
			checkErrors(t, path, err)
			return
		}
		printed, err := effective.YAML()
		if err != nil {
			t.Fatal(err)
		}
		url := effective.Config.AnswerCache.Redis.URL
		if strings.Contains(url, "@") {
			return // the user name is redacted, and the printed URL is not valid on purpose
		}
		write(t, path, printed)
		again, err := Load(path)
		if err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if diff := cmp.Diff(effective.Config, again.Config, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func checkErrors(t *testing.T, path string, err error) {
	t.Helper()
	var all Errors
	if !errors.As(err, &all) {
		if !strings.Contains(err.Error(), path) {
			t.Fatalf("no file in %v", err)
		}
		return
	}
	for _, one := range all {
		if !strings.HasPrefix(one.Error(), path) || strings.ContainsAny(one.Error(), "\n\x00") || one.Message == "" {
			t.Fatalf("not one line with its place: %q", one.Error())
		}
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
