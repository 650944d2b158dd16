package inspect

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/leaks"
)

// TestFilesOfPublicReportsGiveTheRightAnswer inspects each file of testdata/files as if it were all there is. Its first lines name the
// check that must find something, with the severity, and those that must not: "# want: check/severity", "# not: check check", "# minor: 34".
func TestFilesOfPublicReportsGiveTheRightAnswer(t *testing.T) {
	files, err := filepath.Glob("testdata/files/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	scanner, err := leaks.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, not, minor := expectations(t, string(content))
			if want == "" && not == "" {
				t.Fatal("the file names no check")
			}
			wall := clock.RealClock{}
			read, err := manifests.Read(t.Context(), []string{file}, manifests.Options{
				Minor: minor, Now: wall.Now(), Complete: true, Scan: scanner.Scan,
			})
			if err != nil {
				t.Fatal(err)
			}
			found := " "
			for _, f := range Manifests(ManifestsInput{
				Read: read, Checks: checks.Builtin(), Params: check.DefaultParams(), Clock: wall, Start: wall.Now(),
				Redact: func(text string) string { return text },
			}).Findings {
				found += f.Check + "/" + string(f.Severity) + " "
			}
			if !strings.Contains(found, " "+want) {
				t.Errorf("got%s, want %s", found, want)
			}
			for _, id := range strings.Fields(not) {
				if strings.Contains(found, " "+id+"/") {
					t.Errorf("got%s, want no %s", found, id)
				}
			}
		})
	}
}

// expectations are those in the first lines of a file.
func expectations(t *testing.T, content string) (want, not string, minor int) {
	t.Helper()
	minor = manifests.NewestMinor
	for line := range strings.Lines(content) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "# want":
			want = value
		case "# not":
			not = value
		case "# minor":
			number, err := strconv.Atoi(value)
			if err != nil {
				t.Fatal(err)
			}
			minor = number
		default:
			return want, not, minor
		}
	}
	return want, not, minor
}
